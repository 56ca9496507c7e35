"""The card readers on the bytes of their peers over a pseudo-terminal."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from controller.hal import DeviceGone, DeviceSilent
from drivers import registry
from drivers.bus import Buses
from drivers.mock.line_reader_peer import LineReaderPeer
from drivers.mock.pn532_peer import Pn532Peer, frame
from hil.contracts.token_reader import TokenReaderContract, next_refusal, next_token, reads_nothing
from tests.drivers.driver_rig import AheadClock, section
from tests.drivers.pty_link import PtyLink

pytestmark = [pytest.mark.wire, pytest.mark.asyncio]


class Pn532Rig:
    tokens = ("04A1B2C3", "04A1B2C3D4E5F6", "04A1B2C3D4E5F6071829")

    def __init__(self, path: Path) -> None:
        self.monotonic = AheadClock()
        self.card: str | None = None
        self.chip = Pn532Peer(lambda: self.card)
        self.link = PtyLink(path, self.chip)
        self.buses = Buses((), (), monotonic=self.monotonic)
        self.link.plug()
        self.unplug = self.link.unplug
        self.reader = self.build()

    def build(self, **settings: Any) -> Any:
        values = {"port": str(self.link.path), "poll_s": 0.02, **settings}
        return registry.build(section("reader", "pn532", **values), self.buses)

    def plug(self) -> None:
        self.chip.power_on()
        self.link.plug()

    def pass_time(self, seconds: float) -> None:
        self.monotonic.ahead_s += seconds

    async def hold(self, token: str) -> None:
        self.card = token
        self.chip.field_changed(time.monotonic())
        self.link.nudge()

    async def take_away(self) -> None:
        self.card = None


@pytest_asyncio.fixture
async def pn532(tmp_path: Path) -> AsyncIterator[Pn532Rig]:
    rig = Pn532Rig(tmp_path / "pn532")
    yield rig
    await rig.reader.close()
    rig.link.unplug()


class TestPn532(TokenReaderContract):
    @pytest.fixture
    def rig(self, pn532: Pn532Rig) -> Pn532Rig:
        return pn532


async def test_a_uid_is_an_iso14443_token(pn532: Pn532Rig) -> None:
    await pn532.hold("04A1B2C3")
    assert (await next_token(pn532)).kind == "ISO14443"


async def test_a_random_uid_is_refused_by_default_and_says_which_key_would_take_it(pn532: Pn532Rig) -> None:
    await pn532.hold("08A1B2C3")
    refused = await next_refusal(pn532)
    assert "a random UID, as phones" in refused.why and "accept_random_uid in test.toml [reader]" in refused.why
    assert "08A1B2C3" not in refused.why
    assert await reads_nothing(pn532)


async def test_a_random_uid_is_accepted_where_the_board_says_so(pn532: Pn532Rig) -> None:
    pn532.reader = pn532.build(accept_random_uid=True)
    await pn532.hold("08A1B2C3")
    assert (await next_token(pn532)).value == "08A1B2C3"


async def test_a_seven_byte_uid_that_starts_with_08_is_not_random(pn532: Pn532Rig) -> None:
    await pn532.hold("08A1B2C3D4E5F6")
    assert (await next_token(pn532)).value == "08A1B2C3D4E5F6"


@pytest.mark.parametrize(
    ("options", "value"),
    [
        ({"case": "lower"}, "04a1b2c3"),
        ({"reverse": True}, "C3B2A104"),
        ({"prefix": "PL-"}, "PL-04A1B2C3"),
        ({"radix": 10}, "77705923"),
        ({"radix": 10, "reverse": True}, "3283263748"),
    ],
    ids=str,
)
async def test_the_options_spell_the_uid(pn532: Pn532Rig, options: dict[str, Any], value: str) -> None:
    pn532.reader = pn532.build(**options)
    await pn532.hold("04A1B2C3")
    assert (await next_token(pn532)).value == value


def once(how: Callable[[bytes], bytes], part: bytes) -> Callable[[bytes], bytes]:
    """Spoil the first bytes on their way that have that part."""
    left = [how]
    return lambda data: left.pop()(data) if left and part in data else data


SPOILED: dict[str, Callable[[bytes], bytes]] = {
    "a flipped bit": lambda data: data[:-3] + bytes([data[-3] ^ 4]) + data[-2:],
    "noise before it": lambda data: bytes.fromhex("00ff55aa00fffe02") + data,
    "its tail is missing": lambda data: data[:-4],
    "nothing": lambda data: b"",
    "a NACK": lambda data: bytes.fromhex("0000ffff0000"),
}


ANSWER, ACK, NACK = bytes.fromhex("d54b"), bytes.fromhex("0000ff00ff00"), bytes.fromhex("0000ffff0000")


@pytest.mark.parametrize("part", [ANSWER, ACK], ids=["answer", "ACK"])
@pytest.mark.parametrize("how", SPOILED.values(), ids=SPOILED)
async def test_one_spoiled_frame_loses_no_card(pn532: Pn532Rig, how: Callable[[bytes], bytes], part: bytes) -> None:
    assert await reads_nothing(pn532)
    pn532.link.mangle = once(how, part)
    await pn532.hold("04A1B2C3")
    assert (await next_token(pn532)).value == "04A1B2C3"


async def test_a_damaged_answer_is_asked_for_again(pn532: Pn532Rig) -> None:
    assert await reads_nothing(pn532)
    pn532.link.mangle = once(SPOILED["a flipped bit"], ANSWER)
    await pn532.hold("04A1B2C3")
    await next_token(pn532)
    assert NACK in b"".join(pn532.link.heard)


async def test_a_search_that_was_cancelled_is_ended_before_the_next_command(pn532: Pn532Rig) -> None:
    assert await reads_nothing(pn532)
    poll = bytes.fromhex("0000ff04fcd44a0100e100")
    while not pn532.link.heard[-1].endswith(poll):
        waiting = asyncio.create_task(pn532.reader.read())
        await asyncio.sleep(0.05)
        waiting.cancel()
    pn532.link.heard.clear()
    await pn532.hold("04A1B2C3")
    await next_token(pn532)
    assert b"".join(pn532.link.heard) == ACK + poll


async def test_a_reader_that_does_not_answer_is_silent_and_names_what_to_check(pn532: Pn532Rig) -> None:
    pn532.link.mangle = lambda data: b""
    with pytest.raises(DeviceSilent, match=r"PN532 on .*pn532 of .*does not answer .*115200 baud, switches on HSU"):
        await next_token(pn532)


LOST: dict[str, Callable[[Pn532Peer], None]] = {"its power": Pn532Peer.power_on, "its settings": Pn532Peer.glitch}


@pytest.mark.parametrize("lose", LOST.values(), ids=LOST)
async def test_a_chip_that_lost_something_is_started_again_at_once(
    pn532: Pn532Rig, lose: Callable[[Pn532Peer], None]
) -> None:
    assert await reads_nothing(pn532)
    pn532.link.heard.clear()
    lose(pn532.chip)
    await pn532.hold("04A1B2C3")
    assert (await next_token(pn532)).value == "04A1B2C3"
    assert b"".join(pn532.link.heard).hex().count("5555" + "00" * 14) == 1


@pytest.mark.parametrize("lose", LOST.values(), ids=LOST)
async def test_a_card_that_stays_over_a_dip_of_the_supply_is_one_event(
    pn532: Pn532Rig, lose: Callable[[Pn532Peer], None]
) -> None:
    await pn532.hold("04A1B2C3")
    await next_token(pn532)
    waiting = asyncio.create_task(next_token(pn532))
    await asyncio.sleep(0.1)
    lose(pn532.chip)
    pn532.pass_time(2)
    await asyncio.sleep(0.6)
    assert not waiting.done()
    await pn532.hold("04A1B2C3D4E5F6")
    assert (await waiting).value == "04A1B2C3D4E5F6"


async def test_a_card_that_stays_over_a_lost_answer_is_one_event(pn532: Pn532Rig) -> None:
    await pn532.hold("04A1B2C3")
    await next_token(pn532)
    waiting = asyncio.create_task(next_token(pn532))
    await asyncio.sleep(0.1)
    pn532.link.mangle = once(SPOILED["nothing"], ACK)
    await asyncio.sleep(0.05)
    pn532.pass_time(2)
    await asyncio.sleep(0.5)
    assert not waiting.done()
    await pn532.hold("04A1B2C3D4E5F6")
    assert (await waiting).value == "04A1B2C3D4E5F6"


async def test_a_chip_that_goes_on_answering_nonsense_is_silent_and_says_so(pn532: Pn532Rig) -> None:
    assert await reads_nothing(pn532)
    nonsense = frame(bytes.fromhex("4b27"))
    pn532.link.mangle = lambda data: nonsense if ANSWER in data else data
    with pytest.raises(DeviceSilent, match=r"answers nonsense \(a target without a UID.*27\) \(check TX and RX"):
        await next_token(pn532)


async def test_two_cards_in_the_field_are_one_event_each_however_they_answer(pn532: Pn532Rig) -> None:
    looks = itertools.cycle(["04A1B2C3", "04A1B2C3D4E5F6"])
    pn532.chip = Pn532Peer(lambda: next(looks))
    pn532.link.peer = pn532.chip
    values = {(await next_token(pn532)).value for _ in range(2)}
    assert values == {"04A1B2C3", "04A1B2C3D4E5F6"}
    assert await reads_nothing(pn532)


async def test_a_chip_is_woken_and_configured_before_it_is_asked(pn532: Pn532Rig) -> None:
    await pn532.hold("04A1B2C3")
    await next_token(pn532)
    sent = b"".join(pn532.link.heard).hex()
    wake_up, sam = "5555" + "00" * 14, "0000ff05fbd4140100011600"
    firmware, retries, poll = "0000ff02fed4022a00", "0000ff06fad43205ff0110e500", "0000ff04fcd44a0100e100"
    assert sent == wake_up + sam + firmware + retries + poll


async def test_a_card_that_stays_while_nobody_reads_is_no_new_presentation(pn532: Pn532Rig) -> None:
    await pn532.hold("04A1B2C3")
    await next_token(pn532)
    pn532.pass_time(60)
    assert await reads_nothing(pn532)


async def test_a_port_that_is_not_there_says_how_ports_are_found(pn532: Pn532Rig, tmp_path: Path) -> None:
    pn532.reader = pn532.build(port=str(tmp_path / "none"))
    with pytest.raises(DeviceGone, match=r"none is not there .*/dev/serial/by-path"):
        await next_token(pn532)


async def test_a_port_that_another_program_holds_is_named(pn532: Pn532Rig) -> None:
    import serial

    with (
        serial.Serial(str(pn532.link.path), exclusive=True),
        pytest.raises(DeviceGone, match="in use by another program"),
    ):
        await next_token(pn532)


class LineRig:
    tokens = ("04A1B2C3", "TAG-0815", "bike&garden/42", "12345678901234567890123456789012AAAA")

    def __init__(self, path: Path, ending: bytes) -> None:
        self.monotonic = AheadClock()
        self.peer = LineReaderPeer(ending)
        self.link = PtyLink(path, self.peer)
        self.buses = Buses((), (), monotonic=self.monotonic)
        self.link.plug()
        self.unplug = self.link.unplug
        self.reader = registry.build(section("reader", "ascii_line", port=str(path)), self.buses)
        self._is_listening = False

    def plug(self) -> None:
        self.link.plug()
        self._is_listening = False

    def pass_time(self, seconds: float) -> None:
        self.monotonic.ahead_s += seconds

    async def hold(self, token: str) -> None:
        """A line reader speaks once, so somebody must have listened before."""
        if not self._is_listening:
            self._is_listening = True
            assert await reads_nothing(self)
        self.peer.send_token(token, time.monotonic())
        self.link.nudge()

    async def take_away(self) -> None:
        pass


@pytest_asyncio.fixture(params=[b"\r\n", b""], ids=["CR LF", "silence"])  # the others: test_reader_protocols.py
async def line(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[LineRig]:
    rig = LineRig(tmp_path / "line", request.param)
    yield rig
    await rig.reader.close()
    rig.link.unplug()


class TestAsciiLine(TokenReaderContract):
    @pytest.fixture
    def rig(self, line: LineRig) -> LineRig:
        return line


async def test_a_line_is_a_local_token(line: LineRig) -> None:
    await line.hold("TAG-0815")
    assert (await next_token(line)).kind == "Local"


async def test_tokens_that_came_while_nobody_read_are_kept_with_their_time(line: LineRig) -> None:
    assert await reads_nothing(line)
    for token in ("FIRST", "SECOND"):
        await line.hold(token)
        await asyncio.sleep(0.15)
    line.pass_time(30)
    reads = [await next_token(line), await next_token(line)]
    assert [read.value for read in reads] == ["FIRST", "SECOND"]
    assert all(line.monotonic() - read.at_s > 30 for read in reads)
