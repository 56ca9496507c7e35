"""Readers that play a keyboard: what they type, how they are found, the port's contract on the kernel's records, a real uinput device."""

from __future__ import annotations

import asyncio
import fcntl
import os
import struct
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import strategies as st

from controller.hal import DeviceGone, TokenRead, TokenRefused
from drivers import registry
from drivers.bus import Buses
from drivers.mock.keyboard_peer import (
    EV_KEY,
    EV_SYN,
    KEY_ENTER,
    KEYPAD,
    KEYS,
    PRESS,
    REPEAT,
    SYN_DROPPED,
    KeyboardPeer,
    record,
    stroke,
    typed,
)
from drivers.rfid.evdev import KeyboardReader, TypedTokens
from drivers.rfid.event_device import found_device
from drivers.rfid.keys import Keys
from hil.contracts.token_reader import TokenReaderContract, next_refusal, next_token, reads_nothing
from tests.drivers.driver_rig import AheadClock, section
from tests.drivers.fuzzing import fuzzed, spoiled
from tests.drivers.pty_link import PtyLink

# --- what is typed --------------------------------------------------------------------------------------------------------

DROPPED = record(SYN_DROPPED, 0, EV_SYN)
EVENT = len(DROPPED)
F1, LEFT_CTRL, CAPS_LOCK, NUM_LOCK = 59, 29, 58, 69


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (typed("04a1b2c3\n"), ["04a1b2c3"]),
        (typed("04A1:B2\n"), ["04A1:B2"]),
        (typed("id_7&8*9+1\n"), ["id_7&8*9+1"]),
        (typed("12\n34\n"), ["12", "34"]),
        (typed("\n"), []),
        (typed("12"), []),
        (typed("1") + stroke(KEYS["2"], REPEAT) * 5 + typed("\n"), ["1"]),
        (typed("1234567890\n", KEYPAD), ["1234567890"]),
        (stroke(42, PRESS) + typed("12\n", KEYPAD), ["12"]),
        (stroke(NUM_LOCK, PRESS) + stroke(CAPS_LOCK, PRESS) + typed("12\n"), ["12"]),
        (typed("1" * 64 + "\n5\n"), ["1" * 64, "5"]),
        (typed("1" * 65 + "\n5\n"), [None, "5"]),
        (typed("12") + DROPPED + typed("34\n56\n"), [None, "56"]),
        (stroke(42, PRESS) + DROPPED + typed("\n12\n"), [None, "12"]),
        (typed("12") + stroke(F1, PRESS) + typed("\n56\n"), [None, "56"]),
        (stroke(LEFT_CTRL, PRESS) + typed("c\n56\n"), [None, "56"]),
    ],
    ids=[
        "lower", "shifted", "signs", "two", "empty", "no Enter", "repeats", "keypad", "shifted keypad", "lock keys", "longest", "endless",
        "lost", "lost a release", "function key", "control",
    ],
)  # fmt: skip
@pytest.mark.parametrize("chunk", [1, 7, 24, 100_000])
def test_what_is_typed_until_enter_is_a_line_or_none_of_it(data: bytes, lines: list[str | None], chunk: int) -> None:
    keys = Keys()
    assert [line for at in range(0, len(data), chunk) for line in keys.feed(data[at : at + chunk], 1.0)] == lines


def test_a_reader_that_broke_off_does_not_lend_its_digits_to_the_next_card() -> None:
    keys = Keys()
    assert list(keys.feed(typed("1234"), 1.0)) == []
    assert list(keys.feed(typed("5678\n"), 2.5)) == ["5678"]


def test_a_new_start_forgets_what_was_half_typed() -> None:
    keys = Keys()
    list(keys.feed(stroke(42, PRESS) + typed("12")[:-5], 1.0))
    keys.reset()
    assert list(keys.feed(typed("5a\n"), 1.0)) == ["5a"]


EVENTS = st.lists(st.tuples(st.integers(0, 255), st.integers(0, 2)), max_size=20)
HEX_DIGITS = "0123456789abcdefABCDEF"


def spoiled_events(dice: Random, frame: bytes) -> bytes:
    """Most of the time whole records come, go and are others; half of what comes are keys."""
    if dice.random() < 0.5:
        return spoiled(dice, frame, dice.choice((1, EVENT, EVENT, EVENT)))
    at = EVENT * dice.randrange(len(frame) // EVENT + 1)
    keys = (record(dice.randrange(128), dice.randrange(3)) for _ in range(dice.randrange(1, 4)))
    return frame[:at] + b"".join(keys) + frame[at:]


@fuzzed(
    st.one_of(
        st.binary(max_size=240),
        EVENTS.map(lambda events: b"".join(record(*event) for event in events)),
        st.text(HEX_DIGITS + "\n", max_size=20).map(typed),
        st.integers(62, 67).map(lambda length: typed("1" * length)),
    ),
    spoiled_events,
)
def test_no_events_ever_type_an_unprintable_line(frame: bytes) -> None:
    keys = Keys()
    lines = [*keys.feed(frame, 1.0)]
    keys.reset()
    lines += keys.feed(frame + record(KEY_ENTER, PRESS), 1.0)
    assert all(line is None or (line.isascii() and line.isprintable() and 0 < len(line) <= 64) for line in lines)


TROUBLES = (DROPPED, *(record(code, PRESS) for code in (1, 14, 29, 59, 99, 111, 125, 500)))
Troubled = tuple[str, int, bytes]  # what is typed, after how many records what comes into it


def troubled(dice: Random, _: Troubled) -> Troubled:
    text = "".join(dice.choices(HEX_DIGITS, k=dice.randrange(1, 21)))
    return text, dice.randrange(200), dice.choice(TROUBLES)


@fuzzed(
    st.tuples(st.text(HEX_DIGITS, min_size=1, max_size=20), st.integers(0, 200), st.sampled_from(TROUBLES)), troubled
)
def test_a_line_into_which_something_came_is_never_a_shorter_token(frame: Troubled) -> None:
    text, where, trouble = frame
    data = typed(text)
    at = where % (len(data) // EVENT + 1) * EVENT
    events = list(TypedTokens(SETTINGS).feed(data[:at] + trouble + data[at:] + typed("\n"), 1.0))
    assert len(events) == 1 and isinstance(events[0], TokenRefused)


SETTINGS = KeyboardReader.Settings(device="/dev/input/event0")


@pytest.mark.parametrize(
    ("options", "text", "token"),
    [
        ({}, "0009098301", "0009098301"),
        ({"content": "decimal"}, "0009098301", "008AD43D"),
        ({"content": "decimal", "reverse": True}, "0009098301", "3DD48A00"),
        ({"content": "hex", "prefix": "K"}, "04a1b2c3", "K04A1B2C3"),
        ({"content": "hex"}, "0009098", None),
    ],
)
def test_a_typed_line_is_spelled_as_the_board_says(options: dict[str, Any], text: str, token: str | None) -> None:
    settings = KeyboardReader.Settings(device="/dev/input/event0", **options)
    [event] = TypedTokens(settings).feed(typed(text + "\n"), 1.0)
    assert (event.value if isinstance(event, TokenRead) else None) == token


# --- how it is found ------------------------------------------------------------------------------------------------------

KEYBOARD = "10000 7 ff9f207ac14057ff febeffdfffefffff fffffffffffffffe"
BUTTONS = "1000000000007 ff800000000000 0"


@pytest.fixture
def classes(tmp_path: Path) -> Path:
    """What /sys/class/input looks like with a reader, its second device, and two of another kind."""
    for number, (ids, name, keys) in enumerate(
        [
            (("08ff", "0009"), "Sycreader RFID Technology Co., Ltd SYC ID&IC USB Reader", KEYBOARD),
            (("08ff", "0009"), "Sycreader RFID Technology Co., Ltd SYC ID&IC USB Reader", BUTTONS),
            (("ffff", "0035"), "HID 413d:2107", KEYBOARD),
            (("ffff", "0035"), "HID 413d:2107", KEYBOARD),
        ]
    ):
        device = tmp_path / f"event{number}/device"
        (device / "id").mkdir(parents=True)
        (device / "capabilities").mkdir()
        (device / "id/vendor").write_text(ids[0] + "\n")
        (device / "id/product").write_text(ids[1] + "\n")
        (device / "name").write_text(name + "\n")
        (device / "capabilities/key").write_text(keys + "\n")
    (tmp_path / "event9").mkdir()  # just going
    return tmp_path


@pytest.mark.parametrize(
    ("wanted", "path"),
    [
        ("/dev/input/by-id/usb-x-event-kbd", "/dev/input/by-id/usb-x-event-kbd"),
        ("08ff:0009", "/dev/input/event0"),
        ("08FF:0009", "/dev/input/event0"),
        ("Sycreader RFID Technology Co., Ltd SYC ID&IC USB Reader", "/dev/input/event0"),
    ],
)
def test_a_keyboard_is_found_by_path_ids_and_name(classes: Path, wanted: str, path: str) -> None:
    assert found_device(wanted, "reader", classes) == path


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        ("1234:5678", r"there is no keyboard '1234:5678' \(is it plugged in\?"),
        ("Sycreader", "there is no keyboard 'Sycreader'"),
        ("ffff:0035", r"'ffff:0035' is more than one: event2, event3 \(name one by /dev/input/by-path"),
    ],
)
def test_a_keyboard_is_never_guessed(classes: Path, wanted: str, says: str) -> None:
    with pytest.raises(DeviceGone, match=says):
        found_device(wanted, "reader", classes)


# --- the contract ---------------------------------------------------------------------------------------------------------


class KeyboardRig:
    """The event device is a terminal: the records are the kernel's, only that it cannot be grabbed."""

    tokens = ("04A1B2C3", "1234567890", "id_7&8*9+1")

    def __init__(self, path: Path) -> None:
        self.monotonic = AheadClock()
        self.buses = Buses((), (), monotonic=self.monotonic)
        self.peer = KeyboardPeer()
        self.link = PtyLink(path, self.peer)
        self.unplug = self.link.unplug
        self.plug()
        self.reader = self.build(grab=False)

    def build(self, **settings: Any) -> Any:
        return registry.build(section("reader", "keyboard", device=str(self.link.path), **settings), self.buses)

    def plug(self) -> None:
        self.link.plug()
        self._is_listening = False

    def pass_time(self, seconds: float) -> None:
        self.monotonic.ahead_s += seconds

    async def hold(self, token: str) -> None:
        """It types once, so somebody must have listened before."""
        if not self._is_listening:
            self._is_listening = True
            assert await reads_nothing(self)
        self.peer.send_token(token, time.monotonic())
        self.link.nudge()

    async def take_away(self) -> None:
        pass


@pytest_asyncio.fixture
async def keyboard(tmp_path: Path) -> AsyncIterator[KeyboardRig]:
    rig = KeyboardRig(tmp_path / "reader")
    yield rig
    await rig.reader.close()
    rig.unplug()


@pytest.mark.wire
@pytest.mark.asyncio
class TestKeyboardReader(TokenReaderContract):
    @pytest.fixture
    def rig(self, keyboard: KeyboardRig) -> KeyboardRig:
        return keyboard


@pytest.mark.wire
@pytest.mark.asyncio
async def test_lost_keys_are_told_and_the_next_card_is_read(keyboard: KeyboardRig) -> None:
    assert await reads_nothing(keyboard)
    keyboard.link.inject(typed("12") + DROPPED + typed("34\n"))
    assert "keys were lost" in (await next_refusal(keyboard)).why
    await keyboard.hold("1234567890")
    assert (await next_token(keyboard)).value == "1234567890"


@pytest.mark.wire
@pytest.mark.asyncio
async def test_what_is_no_event_device_cannot_be_grabbed_and_is_named(keyboard: KeyboardRig) -> None:
    keyboard.reader = keyboard.build()
    with pytest.raises(DeviceGone, match="is no event device of the kernel"):
        await next_token(keyboard)
    keyboard.unplug()
    with pytest.raises(DeviceGone, match=r"no such file or directory \(/dev/input/by-id, /proc/bus/input/devices"):
        await next_token(keyboard)


# --- a real one -----------------------------------------------------------------------------------------------------------

UINPUT = Path("/dev/uinput")
# linux/uinput.h
UI_DEV_CREATE, UI_DEV_DESTROY, UI_DEV_SETUP, UI_SET_EVBIT, UI_SET_KEYBIT = (
    0x5501,
    0x5502,
    0x405C5503,
    0x40045564,
    0x40045565,
)
NAME, VENDOR, PRODUCT = "Pilotline test reader", 0x1209, 0x7357


@pytest.fixture
def uinput() -> Iterator[int]:
    """A keyboard that the kernel believes in; writing records to it types."""
    if not os.access(UINPUT, os.W_OK):
        pytest.skip("no /dev/uinput that may be written here (modprobe uinput, root): no real keyboard to read")
    fd = os.open(UINPUT, os.O_WRONLY | os.O_NONBLOCK)
    try:
        fcntl.ioctl(fd, UI_SET_EVBIT, EV_KEY)
        for code in (*KEYS.values(), 42):
            fcntl.ioctl(fd, UI_SET_KEYBIT, code)
        fcntl.ioctl(fd, UI_DEV_SETUP, struct.pack("<HHHH80sI", 3, VENDOR, PRODUCT, 1, NAME.encode(), 0))
        fcntl.ioctl(fd, UI_DEV_CREATE)
        yield fd
    finally:
        os.close(fd)


def is_there(wanted: str) -> bool:
    try:
        return Path(found_device(wanted, "reader")).exists()
    except DeviceGone:
        return False


@pytest.mark.wire
@pytest.mark.asyncio
async def test_a_real_keyboard_is_found_grabbed_read_and_missed(uinput: int) -> None:
    wanted = f"{VENDOR:04x}:{PRODUCT:04x}"
    for _ in range(50):  # the kernel's node may take a moment
        if is_there(wanted):
            break
        await asyncio.sleep(0.05)
    reader = registry.build(section("reader", "keyboard", device=wanted), Buses((), ()))
    other = registry.build(section("reader", "keyboard", device=NAME), Buses((), ()))
    waiting = asyncio.create_task(reader.read())
    await asyncio.sleep(0.1)
    with pytest.raises(DeviceGone, match="is taken by another program"):
        await other.read()
    os.write(uinput, typed("04A1B2C3\n"))
    assert (await asyncio.wait_for(waiting, 5)).value == "04A1B2C3"
    fcntl.ioctl(uinput, UI_DEV_DESTROY)
    with pytest.raises(DeviceGone, match="vanished"):
        await asyncio.wait_for(reader.read(), 5)
    await reader.close()
