"""RDM6300, TWN4 and keyboard readers: their protocols without I/O, and the port's contract on the bytes of their peers."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from controller.hal import DeviceGone, DeviceSilent
from controller.logic.values import IdTokenType
from drivers import registry
from drivers.bus import Buses
from drivers.mock.rdm6300_peer import Rdm6300Peer, frame_of
from drivers.mock.twn4_peer import Twn4Peer
from drivers.rfid import rdm6300, twn4
from drivers.rfid.evdev import EVENT, Keys
from hil.contracts.token_reader import TokenReaderContract, next_token, reads_nothing
from tests.drivers.driver_rig import AheadClock, section
from tests.drivers.fuzzing import fuzzed
from tests.drivers.pty_link import PtyLink

# --- RDM6300 --------------------------------------------------------------------------------------------------------------

# As the module's data sheet prints it: card 62E3086CED, checksum 08.
EXAMPLE = b"\x0262E3086CED08\x03"
TAG = bytes.fromhex("62E3086CED")


def tags(*chunks: bytes) -> list[bytes]:
    parser = rdm6300.Em4100Parser()
    return [tag for chunk in chunks for tag in parser.feed(chunk)]


@pytest.mark.parametrize(
    ("chunks", "found"),
    [
        ((EXAMPLE,), [TAG]),
        ((EXAMPLE[:5], EXAMPLE[5:]), [TAG]),
        (tuple(bytes([byte]) for byte in EXAMPLE), [TAG]),
        ((EXAMPLE + EXAMPLE,), [TAG, TAG]),
        ((b"\x00\xff\x03" + EXAMPLE,), [TAG]),
        ((EXAMPLE[:9] + EXAMPLE,), [TAG]),
        ((EXAMPLE.lower(),), [TAG]),
        ((EXAMPLE.replace(b"62", b"63"),), []),
        ((EXAMPLE.replace(b"08\x03", b"09\x03"),), []),
        ((EXAMPLE.replace(b"\x03", b"\x04"),), []),
        ((EXAMPLE.replace(b"E", b"G"),), []),
    ],
)
def test_an_em4100_frame_is_a_tag_only_when_all_of_it_is_right(chunks: tuple[bytes, ...], found: list[bytes]) -> None:
    assert tags(*chunks) == found


@fuzzed()
@given(st.binary(max_size=60), st.binary(min_size=5, max_size=5), st.integers(0, 13), st.integers(1, 255))
def test_no_em4100_bytes_make_a_tag_that_was_not_sent(noise: bytes, tag: bytes, where: int, flip: int) -> None:
    frame = bytearray(frame_of(tag))
    frame[where] ^= flip
    found = tags(bytes(frame))
    assert found == [] or (found == [tag] and bytes(frame).upper() == frame_of(tag)), (
        "only a digit's other case may pass"
    )
    assert all(len(each) == 5 for each in tags(noise, frame_of(tag)))
    assert tags(noise, frame_of(tag))[-1:] == [tag]


# --- TWN4 -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "tag"),
    [
        (b"0000", None),
        (b"0001802004" + b"04A1B2C3", twn4.Tag(bytes.fromhex("04A1B2C3"), IdTokenType.ISO14443)),
        (b"0001803807" + b"04A1B2C3D4E5F6", twn4.Tag(bytes.fromhex("04A1B2C3D4E5F6"), IdTokenType.ISO14443)),
        (b"0001824008" + b"E004010012345678", twn4.Tag(bytes.fromhex("E004010012345678"), IdTokenType.ISO15693)),
        (b"0001402805" + b"62E3086CED", twn4.Tag(TAG, IdTokenType.LOCAL)),
        (b"0001491A04" + b"03FFFFFF", twn4.Tag(bytes.fromhex("03FFFFFF"), IdTokenType.LOCAL)),
    ],
)
def test_a_twn4_answer_is_a_tag_of_its_kind(line: bytes, tag: twn4.Tag | None) -> None:
    assert twn4.tag_of(line) == tag


@pytest.mark.parametrize(
    "line",
    [b"", b"01", b"00", b"000", b"xx", b"0001", b"0001802004", b"000180200404A1B2", b"0001802004" + b"04A1B2C3D4"],
)
def test_a_twn4_answer_that_is_cut_or_wrong_is_none(line: bytes) -> None:
    with pytest.raises(twn4.Malformed):
        twn4.tag_of(line)


@fuzzed()
@given(st.one_of(st.binary(max_size=60), st.text("0123456789ABCDEFabcdef", max_size=60).map(str.encode)))
def test_any_twn4_line_is_a_tag_with_its_own_length_or_refused(line: bytes) -> None:
    try:
        tag = twn4.tag_of(line)
    except twn4.Malformed:
        return
    assert tag is None or (len(tag.uid) >= 1 and tag.uid == bytes.fromhex(line.decode())[5:])


# --- keyboard -------------------------------------------------------------------------------------------------------------

CODES = {
    **dict(zip("1234567890", range(2, 12), strict=True)),
    **{"a": 30, "b": 48, "c": 46, "d": 32, "e": 18, "f": 33, "-": 12, ";": 39, "\n": 28},
}  # linux/input-event-codes.h


def record(code: int, value: int, kind: int = 1) -> bytes:
    return EVENT.pack(1, 2, kind, code, value)


def typed(text: str) -> bytes:
    """What a keyboard that types the text sends, each key with its scan code, press, release and report."""
    data = b""
    for letter in text:
        shift = letter.isupper() or letter == ":"
        code = CODES[{":": ";"}.get(letter, letter.lower())]
        data += record(42, 1) if shift else b""
        data += record(4, 458756, 4) + record(code, 1) + record(0, 0, 0) + record(code, 0) + record(0, 0, 0)
        data += record(42, 0) if shift else b""
    return data


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (typed("04a1b2c3\n"), ["04a1b2c3"]),
        (typed("04A1:B2\n"), ["04A1:B2"]),
        (typed("12\n34\n"), ["12", "34"]),
        (typed("\n"), []),
        (typed("12"), []),
        (typed("1") + record(3, 2) * 5 + typed("\n"), ["1"]),
        (b"".join(record(code, 1) for code in (79, 80, 81, 82, 71, 96)), ["12307"]),
        (typed("1" * 70 + "\n" + "5\n"), ["5"]),
    ],
    ids=["lower", "shifted", "two", "empty", "no Enter", "repeats", "keypad", "endless"],
)
@pytest.mark.parametrize("chunk", [1, 7, 24, 4096])
def test_what_is_typed_until_enter_is_a_line(data: bytes, lines: list[str], chunk: int) -> None:
    keys = Keys()
    found = [line for at in range(0, len(data), chunk) for line in keys.feed(data[at : at + chunk])]
    assert found == lines


@fuzzed()
@given(st.binary(max_size=240), st.lists(st.tuples(st.integers(0, 255), st.integers(0, 2)), max_size=20))
def test_no_events_ever_type_an_unprintable_line(noise: bytes, events: list[tuple[int, int]]) -> None:
    keys = Keys()
    lines = [*keys.feed(noise)]
    keys.reset()
    lines += keys.feed(b"".join(record(*event) for event in events) + record(28, 1))
    assert all(line.isascii() and line.isprintable() and 0 < len(line) <= 64 for line in lines)


# --- the contract ---------------------------------------------------------------------------------------------------------


class _Rig:
    def __init__(self) -> None:
        self.monotonic = AheadClock()
        self.buses = Buses((), (), monotonic=self.monotonic)
        self.reader: Any = None

    def pass_time(self, seconds: float) -> None:
        self.monotonic.ahead_s += seconds


class Rdm6300Rig(_Rig):
    tokens = ("62E3086CED", "0000000001")

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.held: bytes | None = None
        self.peer = Rdm6300Peer(lambda: self.held)
        self.link = PtyLink(path, self.peer)
        self.plug, self.unplug = self.link.plug, self.link.unplug
        self.plug()
        self.reader = self.build()

    def build(self, **settings: Any) -> Any:
        return registry.build(section("reader", "rdm6300", port=str(self.link.path), **settings), self.buses)

    async def hold(self, token: str) -> None:
        self.held = bytes.fromhex(token)
        self.peer.field_changed(time.monotonic())
        self.link.nudge()

    async def take_away(self) -> None:
        self.held = None
        self.peer.field_changed(time.monotonic())


class Twn4Rig(_Rig):
    tokens = ("04A1B2C3", "04A1B2C3D4E5F6", "E004010012345678")

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.held: tuple[int, bytes] | None = None
        self.link = PtyLink(path, Twn4Peer(lambda: self.held))
        self.plug, self.unplug = self.link.plug, self.link.unplug
        self.plug()
        self.reader = self.build()

    def build(self, **settings: Any) -> Any:
        values = {"port": str(self.link.path), "poll_s": 0.02, **settings}
        return registry.build(section("reader", "twn4", **values), self.buses)

    async def hold(self, token: str) -> None:
        self.held = (0x82 if len(token) == 16 else 0x80, bytes.fromhex(token))

    async def take_away(self) -> None:
        self.held = None


class KeyboardRig(_Rig):
    """The event device is a pipe: the records are the kernel's, only that it cannot be grabbed."""

    tokens = ("04A1B2C3", "1234567890")

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._writer = -1
        self._is_listening = False
        self.plug()
        self.reader = self.build(grab=False)

    def build(self, **settings: Any) -> Any:
        return registry.build(section("reader", "keyboard", device=str(self._path), **settings), self.buses)

    def plug(self) -> None:
        os.mkfifo(self._path)
        self._writer = os.open(self._path, os.O_RDWR | os.O_NONBLOCK)
        self._is_listening = False

    def unplug(self) -> None:
        if self._writer >= 0:
            os.close(self._writer)
            self._writer = -1
            self._path.unlink()

    async def hold(self, token: str) -> None:
        """It types once, so somebody must have listened before."""
        if not self._is_listening:
            self._is_listening = True
            assert await reads_nothing(self)
        os.write(self._writer, typed(token + "\n"))

    async def take_away(self) -> None:
        pass


@pytest_asyncio.fixture(params=[Rdm6300Rig, Twn4Rig, KeyboardRig])
async def rigged(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Any]:
    rig = request.param(tmp_path / "reader")
    yield rig
    await rig.reader.close()
    rig.unplug()


@pytest.mark.wire
@pytest.mark.asyncio
class TestReaders(TokenReaderContract):
    @pytest.fixture
    def rig(self, rigged: Any) -> Any:
        return rigged


@pytest.mark.wire
@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("options", "value"),
    [
        ({}, "62E3086CED"),
        ({"with_version": False}, "E3086CED"),
        ({"with_version": False, "radix": 10}, str(0xE3086CED)),
        ({"case": "lower", "prefix": "EM-"}, "EM-62e3086ced"),
    ],
)
async def test_an_em4100_tag_is_spelled_as_the_board_says(tmp_path: Path, options: dict[str, Any], value: str) -> None:
    rig = Rdm6300Rig(tmp_path / "reader")
    rig.reader = rig.build(**options)
    await rig.hold("62E3086CED")
    read = await next_token(rig)
    assert (read.value, read.kind) == (value, "Local")
    await rig.reader.close()
    rig.unplug()


@pytest.mark.wire
@pytest.mark.asyncio
async def test_a_twn4_random_uid_is_refused_and_a_silent_one_names_what_to_check(tmp_path: Path) -> None:
    rig = Twn4Rig(tmp_path / "reader")
    await rig.hold("08A1B2C3")
    assert await reads_nothing(rig)
    await rig.reader.close()
    rig.reader = rig.build(accept_random_uid=True)
    assert (await next_token(rig)).value == "08A1B2C3"
    rig.link.mangle = lambda data: b""
    with pytest.raises(DeviceSilent, match=r"does not answer.*simple protocol"):
        await next_token(rig)
    rig.link.mangle = lambda data: b"PN\r"
    with pytest.raises(DeviceSilent, match="answers something else"):
        await next_token(rig)
    await rig.reader.close()
    rig.unplug()


@pytest.mark.wire
@pytest.mark.asyncio
async def test_what_is_no_event_device_cannot_be_grabbed_and_is_named(tmp_path: Path) -> None:
    rig = KeyboardRig(tmp_path / "reader")
    rig.reader = rig.build()
    with pytest.raises(DeviceGone, match="is no event device of the kernel"):
        await next_token(rig)
    rig.unplug()
    with pytest.raises(DeviceGone, match="ls /dev/input/by-id"):
        await next_token(rig)
