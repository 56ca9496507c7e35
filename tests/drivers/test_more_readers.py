"""RDM6300 and TWN4: their protocols without I/O, and the port's contract on the bytes of their peers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import strategies as st

from controller.hal import DeviceSilent
from controller.logic.values import IdTokenType
from drivers import registry
from drivers.bus import Buses
from drivers.mock.rdm6300_peer import Rdm6300Peer, frame_of
from drivers.mock.twn4_peer import Twn4Peer
from drivers.rfid import rdm6300, twn4
from drivers.rfid.presence import Tag
from hil.contracts.token_reader import TokenReaderContract, next_refusal, next_token, reads_nothing
from tests.drivers.driver_rig import AheadClock, section
from tests.drivers.fuzzing import fuzzed, spoiled
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


@fuzzed(st.one_of(st.binary(max_size=60), st.binary(min_size=5, max_size=5).map(frame_of)), spoiled)
def test_no_em4100_bytes_make_a_tag_that_was_not_sent(frame: bytes) -> None:
    *found, last = tags(frame, EXAMPLE)
    assert last == TAG, "whatever came before, the next frame is found"
    sent = (frame + EXAMPLE).upper()  # a digit's other case may pass
    assert all(len(tag) == 5 and frame_of(tag) in sent for tag in found)


# --- TWN4 -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "tag"),
    [
        (b"0000", None),
        (b"0001802004" + b"04A1B2C3", Tag(bytes.fromhex("04A1B2C3"), IdTokenType.ISO14443)),
        (b"0001803807" + b"04A1B2C3D4E5F6", Tag(bytes.fromhex("04A1B2C3D4E5F6"), IdTokenType.ISO14443)),
        (b"0001824008" + b"E004010012345678", Tag(bytes.fromhex("E004010012345678"), IdTokenType.ISO15693)),
        (b"0001402805" + b"62E3086CED", Tag(TAG, IdTokenType.LOCAL)),
        (b"0001491A04" + b"03FFFFFF", Tag(bytes.fromhex("03FFFFFF"), IdTokenType.LOCAL)),
    ],
)
def test_a_twn4_answer_is_a_tag_of_its_kind(line: bytes, tag: Tag | None) -> None:
    assert twn4.tag_of(line) == tag


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"01",
        b"00",
        b"000",
        b"xx",
        b"0001",
        b"0001802004",
        b"000180200404A1B2",
        b"0001802004" + b"04A1B2C3D4",
        b"0001802805" + b"04A1B2C3D4",
        b"0001823807" + b"E0040100123456",
    ],
)
def test_a_twn4_answer_that_is_cut_or_wrong_is_none(line: bytes) -> None:
    with pytest.raises(twn4.Malformed):
        twn4.tag_of(line)


def twn4_answer(kind: int, uid: bytes) -> bytes:
    return (bytes([0, 1, kind, 8 * len(uid), len(uid)]) + uid).hex().encode()


TWN4_ANSWERS = st.one_of(
    st.builds(twn4_answer, st.sampled_from([0x80, 0x81, 0x82, 0x40, 0x49]), st.binary(max_size=16)),
    st.builds(twn4_answer, st.just(0x80), st.binary(min_size=7, max_size=7)),
    st.builds(twn4_answer, st.just(0x82), st.binary(min_size=8, max_size=8)),
    st.builds(twn4_answer, st.just(0x40), st.binary(min_size=5, max_size=5)),
)


def spoiled_answer(dice: Random, frame: bytes) -> bytes:
    return spoiled(dice, frame, dice.choice((1, 2)), dice.choice((b"0123456789ABCDEF", bytes(range(256)))))


@fuzzed(
    st.one_of(st.binary(max_size=60), st.text("0123456789ABCDEFabcdef", max_size=60).map(str.encode), TWN4_ANSWERS),
    spoiled_answer,
)
def test_any_twn4_line_is_a_tag_with_its_own_length_or_refused(frame: bytes) -> None:
    try:
        tag = twn4.tag_of(frame)
    except twn4.Malformed:
        return
    answer = bytes.fromhex(frame.decode())
    if tag is None:
        assert answer == b"\0\0"
    else:
        assert answer[:2] == b"\0\1" and 1 <= len(tag.uid) == answer[4] and tag.uid == answer[5:]


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

    def __init__(self, path: Path, times: int | None = None) -> None:
        super().__init__()
        self.held: bytes | None = None
        self.peer = Rdm6300Peer(lambda: self.held, times)
        self.link = PtyLink(path, self.peer)
        self.unplug = self.link.unplug
        self.plug()
        self.reader = self.build()

    def plug(self) -> None:
        """A tag that is held goes on being sent."""
        self.link.plug()
        self.peer.field_changed(time.monotonic())
        self.link.nudge()

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


@pytest_asyncio.fixture(
    params=[Rdm6300Rig, partial(Rdm6300Rig, times=3), Twn4Rig], ids=["rdm6300", "rdm6300 that sends thrice", "twn4"]
)
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
        ({"number": "last4"}, "E3086CED"),
        ({"number": "10-digit"}, "3808980205"),
        ({"number": "wiegand26"}, "00827885"),
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
async def test_a_tag_that_a_twn4_cannot_name_for_a_while_is_one_event(tmp_path: Path) -> None:
    rig = Twn4Rig(tmp_path / "reader")
    await rig.hold("04A1B2C3")
    await next_token(rig)
    waiting = asyncio.create_task(next_token(rig))
    await asyncio.sleep(0.1)  # it has looked by now: what fails comes later
    spoiled = iter([b"", b"0001802004FF\r"])
    rig.link.mangle = lambda data: next(spoiled, data)
    await asyncio.sleep(0.1)
    rig.pass_time(2)
    await asyncio.sleep(0.8)
    assert not waiting.done()
    await rig.hold("E004010012345678")
    assert (await waiting).value == "E004010012345678"
    await rig.reader.close()
    rig.unplug()


@pytest.mark.wire
@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("held", "read"),
    [
        ((0x80, "04A1B2C3D4E5F6"), ("04A1B2C3D4E5F6", "ISO14443")),
        ((0x82, "E004010012345678"), ("E004010012345678", "ISO15693")),
        ((0x40, "62E3086CED"), ("62E3086CED", "Local")),
    ],
)
async def test_a_twn4_token_is_of_its_tags_kind(tmp_path: Path, held: tuple[int, str], read: tuple[str, str]) -> None:
    rig = Twn4Rig(tmp_path / "reader")
    rig.held = (held[0], bytes.fromhex(held[1]))
    found = await next_token(rig)
    assert (found.value, found.kind) == read
    await rig.reader.close()
    rig.unplug()


@pytest.mark.wire
@pytest.mark.asyncio
async def test_a_twn4_random_uid_is_refused_and_a_silent_one_names_what_to_check(tmp_path: Path) -> None:
    rig = Twn4Rig(tmp_path / "reader")
    await rig.hold("08A1B2C3")
    assert "accept_random_uid in test.toml [reader]" in (await next_refusal(rig)).why
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
