"""The protocols of the card readers without any I/O: frames, lines, presentations, spellings."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.bus import Buses
from drivers.rfid.ascii_line import AsciiLine
from drivers.rfid.line_parser import Line, LineParser
from drivers.rfid.pn532_frames import (
    ACK_FRAME,
    FEW_ACTIVATION_RETRIES,
    GET_FIRMWARE_VERSION,
    LIST_ONE_TYPE_A_TARGET,
    NACK_FRAME,
    SAM_NORMAL_MODE,
    Ack,
    Corrupt,
    Frame,
    FrameParser,
    MalformedTarget,
    Nack,
    Response,
    SyntaxRefused,
    command_frame,
    is_random,
    uid_of,
)
from drivers.rfid.presence import Presence
from drivers.rfid.spelling import Spelling
from tests.drivers.fuzzing import fuzzed

# --- PN532 frames --------------------------------------------------------------------------------------------------------

FIRMWARE_ANSWER = bytes.fromhex("0000ff06fad50332010607e800")
ERROR_FRAME = bytes.fromhex("0000ff01ff7f8100")


@pytest.mark.parametrize(
    ("command", "frame"),
    [
        (GET_FIRMWARE_VERSION, "00 00 ff 02 fe d4 02 2a 00"),
        (SAM_NORMAL_MODE, "00 00 ff 05 fb d4 14 01 00 01 16 00"),
        (FEW_ACTIVATION_RETRIES, "00 00 ff 06 fa d4 32 05 ff 01 10 e5 00"),
        (LIST_ONE_TYPE_A_TARGET, "00 00 ff 04 fc d4 4a 01 00 e1 00"),
    ],
)
def test_commands_are_framed_as_the_manual_shows(command: bytes, frame: str) -> None:
    assert command_frame(command) == bytes.fromhex(frame)


STREAMS: list[tuple[str, str, list[Frame]]] = [
    ("an ACK", ACK_FRAME.hex(), [Ack()]),
    ("a NACK", NACK_FRAME.hex(), [Nack()]),
    ("an answer", FIRMWARE_ANSWER.hex(), [Response(0x03, bytes.fromhex("32010607"))]),
    ("an error frame", ERROR_FRAME.hex(), [SyntaxRefused()]),
    ("ACK and answer at once", (ACK_FRAME + FIRMWARE_ANSWER).hex(), [Ack(), Response(3, bytes.fromhex("32010607"))]),
    ("no preamble", FIRMWARE_ANSWER[1:].hex(), [Response(3, bytes.fromhex("32010607"))]),
    ("a long preamble", (bytes(9) + FIRMWARE_ANSWER).hex(), [Response(3, bytes.fromhex("32010607"))]),
    ("noise", "5a a5 12 ff ff 34", []),
    ("noise, then an answer", "ff00aa" + FIRMWARE_ANSWER.hex(), [Response(3, bytes.fromhex("32010607"))]),
    (
        "a false start code",
        "00ff07aa" + FIRMWARE_ANSWER.hex(),
        [Corrupt("length checksum"), Response(3, b"\x32\x01\x06\x07")],
    ),
    ("a wrong data checksum", "0000ff06fad50332010607e900", [Corrupt("data checksum")]),
    ("a flipped data bit", "0000ff06fad50332010617e800", [Corrupt("data checksum")]),
    ("the host's own frame echoed", command_frame(GET_FIRMWARE_VERSION).hex(), [Corrupt("not from the chip")]),
    ("half a frame", FIRMWARE_ANSWER[:9].hex(), []),
]


@pytest.mark.parametrize(("stream", "frames"), [case[1:] for case in STREAMS], ids=[case[0] for case in STREAMS])
@pytest.mark.parametrize("chunk", [1, 3, 64])
def test_a_stream_is_cut_into_frames_however_it_arrives(stream: str, frames: list[Frame], chunk: int) -> None:
    data = bytes.fromhex(stream)
    parser = FrameParser()
    found = [frame for at in range(0, len(data), chunk) for frame in parser.feed(data[at : at + chunk])]
    assert found == frames


@given(st.binary(min_size=1, max_size=250), st.lists(st.integers(1, 40), min_size=1))
def test_what_was_framed_is_found_again(payload: bytes, cuts: list[int]) -> None:
    body = b"\xd5\x4b" + payload
    data = b"\x00\x00\xff" + bytes([len(body), -len(body) & 0xFF]) + body + bytes([-sum(body) & 0xFF, 0])
    parser, found = FrameParser(), []
    while data:
        size = cuts[len(data) % len(cuts)]
        found += parser.feed(data[:size])
        data = data[size:]
    assert found == [Response(0x4B, payload)]


@fuzzed()
@given(st.binary(max_size=40))
def test_after_any_noise_a_reset_finds_the_next_frame(noise: bytes) -> None:
    parser = FrameParser()
    parser.feed(noise)
    parser.reset()
    assert parser.feed(FIRMWARE_ANSWER) == [Response(3, bytes.fromhex("32010607"))]


@pytest.mark.parametrize(
    ("answer", "uid"),
    [
        ("00", None),
        ("0101 0004 08 04 04a1b2c3", "04a1b2c3"),
        ("0101 0044 00 07 04a1b2c3d4e5f6", "04a1b2c3d4e5f6"),
        ("0101 0344 20 07 04a1b2c3d4e5f6 067577810280", "04a1b2c3d4e5f6"),
        ("0101 00c4 20 0a 04a1b2c3d4e5f6071829", "04a1b2c3d4e5f6071829"),
    ],
    ids=["no card", "4 bytes", "7 bytes", "7 bytes and an ATS", "10 bytes"],
)
def test_the_uid_is_found_whole(answer: str, uid: str | None) -> None:
    found = uid_of(bytes.fromhex(answer))
    assert (found.hex() if found else None) == uid


@pytest.mark.parametrize("answer", ["", "01", "0101000408", "010100040805a1b2c3d4e5", "010100040807a1b2c3"])
def test_a_target_that_contradicts_itself_is_no_card(answer: str) -> None:
    with pytest.raises(MalformedTarget):
        uid_of(bytes.fromhex(answer))


@pytest.mark.parametrize(
    ("uid", "random"), [("08a1b2c3", True), ("04a1b2c3", False), ("08a1b2c3d4e5f6", False), ("a108b2c3", False)]
)
def test_only_four_bytes_that_start_with_08_are_random(uid: str, random: bool) -> None:
    assert is_random(bytes.fromhex(uid)) is random


# --- lines ---------------------------------------------------------------------------------------------------------------

IDLE_S = 0.1


@pytest.mark.parametrize(
    ("data", "texts"),
    [
        (b"04A1B2C3\r\n", ["04A1B2C3"]),
        (b"04A1B2C3\r", ["04A1B2C3"]),
        (b"04A1B2C3\n", ["04A1B2C3"]),
        (b"A\r\nB\r\n", ["A", "B"]),
        (b"\r\n\n\r", []),
        (b"  padded \r\n", ["padded"]),
        (b"\x0204A1B2C3\x03", ["04A1B2C3"]),
        (b"04A1\x80B2C3\r\nNEXT\r\n", ["NEXT"]),
        (b"04A1\x1bB2C3\r\nNEXT\r\n", ["NEXT"]),
        (b"x" * 64 + b"\n", ["x" * 64]),
        (b"x" * 65 + b"\nNEXT\n", ["NEXT"]),
        (b"x" * 10_000 + b"\nNEXT\n", ["NEXT"]),
        (b"unfinished", []),
    ],
)
@pytest.mark.parametrize("chunk", [1, 4, 100_000])
def test_bytes_become_lines(data: bytes, texts: list[str], chunk: int) -> None:
    parser = LineParser(IDLE_S)
    found = [line for at in range(0, len(data), chunk) for line in parser.feed(data[at : at + chunk], 1.0)]
    assert [line.text for line in found] == texts


def test_silence_ends_a_line() -> None:
    parser = LineParser(IDLE_S)
    assert parser.deadline() is None
    assert parser.feed(b"04A1", 1.0) == []
    assert parser.feed(b"B2C3", 1.05) == []
    assert parser.deadline() == pytest.approx(1.15)
    assert parser.on_deadline(1.14) == []
    assert parser.on_deadline(1.16) == [Line("04A1B2C3", 1.05)]
    assert parser.deadline() is None


def test_bytes_after_a_silence_begin_a_new_line() -> None:
    parser = LineParser(IDLE_S)
    parser.feed(b"FIRST", 1.0)
    assert parser.feed(b"SECOND\r", 5.0) == [Line("FIRST", 1.0), Line("SECOND", 5.0)]


@fuzzed()
@given(st.binary(max_size=300))
def test_no_bytes_ever_make_an_unprintable_line(data: bytes) -> None:
    parser = LineParser(IDLE_S)
    lines = parser.feed(data, 1.0) + parser.on_deadline(2.0)
    assert all(line.text.isascii() and line.text.isprintable() and 0 < len(line.text) <= 64 for line in lines)


LINE_OPTIONS: list[tuple[dict[str, object], str, str | None]] = [
    ({}, "TAG-0815", "TAG-0815"),
    ({}, "tag-0815", "tag-0815"),
    ({"prefix": "DE*"}, "0815", "DE*0815"),
    ({}, "x" * 36, "x" * 36),
    ({}, "x" * 37, None),
    ({"prefix": "abc"}, "x" * 34, None),
    ({"content": "hex"}, "04a1b2c3", "04A1B2C3"),
    ({"content": "hex"}, "04A1B2C3D4E5F6071829", "04A1B2C3D4E5F6071829"),
    ({"content": "hex"}, "04a1b2", None),
    ({"content": "hex"}, "04a1b2c3d4e5f607182930", None),
    ({"content": "hex"}, "04a1b2c3d", None),
    ({"content": "hex"}, "04a1b2cx", None),
    ({"content": "hex", "case": "lower"}, "04A1B2C3", "04a1b2c3"),
    ({"content": "hex", "reverse": True}, "04A1B2C3", "C3B2A104"),
    ({"content": "hex", "radix": 10}, "04A1B2C3", "77705923"),
    ({"content": "decimal"}, "0077705923", "04A1B2C3"),
    ({"content": "decimal", "reverse": True}, "0077705923", "C3B2A104"),
    ({"content": "decimal"}, "1304193116379638", "04A2281F6B99F6"),
    ({"content": "decimal"}, "04A1", None),
    ({"content": "decimal"}, "9" * 30, None),
]


@pytest.mark.parametrize(("options", "text", "token"), LINE_OPTIONS, ids=str)
def test_a_line_becomes_a_token_as_the_options_say(options: dict[str, object], text: str, token: str | None) -> None:
    settings = AsciiLine.Settings(port="/dev/null", **options)  # type: ignore[arg-type]
    assert AsciiLine(settings, Buses((), ()), "test").token_of(text) == token


# --- presentations and spellings -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sightings", "events"),
    [
        ([("A", 0.0)], [0.0]),
        ([("A", 0.0), ("A", 0.2), ("A", 0.4)], [0.0]),
        ([("A", 0.0), ("A", 1.4), ("A", 2.8), ("A", 4.2)], [0.0]),
        ([("A", 0.0), ("A", 1.5)], [0.0, 1.5]),
        ([("A", 0.0), ("B", 0.1)], [0.0, 0.1]),
        ([("A", 0.0), ("B", 0.1), ("A", 0.2), ("B", 0.3)], [0.0, 0.1]),
        ([("A", 0.0), ("B", 1.0), ("A", 2.0)], [0.0, 1.0, 2.0]),
    ],
)
def test_one_event_for_each_presentation(sightings: list[tuple[str, float]], events: list[float]) -> None:
    presence = Presence()
    assert [at for token, at in sightings if presence.is_new(token, at)] == events


def test_time_when_nobody_looked_is_no_absence() -> None:
    presence = Presence()
    presence.is_new("A", 0.0)
    presence.skip(60.0)
    assert not presence.is_new("A", 60.1)
    assert presence.is_new("A", 61.6)


@pytest.mark.parametrize("uid", ["04a1b2c3", "04a1b2c3d4e5f6", "04a1b2c3d4e5f6071829"])
def test_a_uid_is_upper_hex_byte_0_first(uid: str) -> None:
    assert Spelling().of(bytes.fromhex(uid)) == uid.upper()
