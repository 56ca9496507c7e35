"""The protocols of the card readers without any I/O: frames, lines, presentations, spellings."""

from __future__ import annotations

import re
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.hal import TokenRead, TokenRefused
from controller.logic.values import IdTokenType
from drivers.rfid.ascii_line import AsciiLine
from drivers.rfid.line_parser import Line, LineParser
from drivers.rfid.line_tokens import token_of_line
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
    firmware_of,
    uid_of,
)
from drivers.rfid.presence import Presence, Sightings, Tag
from drivers.rfid.spelling import Spelling
from tests.drivers.fuzzing import fuzzed, spoiled

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


def from_chip(body: bytes) -> bytes:
    """Return the frame in which the chip says this. body: from its code on."""
    said = b"\xd5" + body
    return b"\x00\x00\xff" + bytes([len(said), -len(said) & 0xFF]) + said + bytes([-sum(said) & 0xFF, 0])


FROM_CHIP = st.one_of(
    st.binary(max_size=40),
    st.sampled_from([ACK_FRAME, NACK_FRAME, FIRMWARE_ANSWER, ERROR_FRAME]),
    st.builds(
        lambda uid: from_chip(bytes.fromhex("4b0101000408") + bytes([len(uid)]) + uid),
        st.one_of(*(st.binary(min_size=length, max_size=length) for length in (4, 7, 10))),
    ),
)


@fuzzed(FROM_CHIP, spoiled)
def test_after_any_noise_a_reset_finds_the_next_frame(frame: bytes) -> None:
    parser = FrameParser()
    parser.feed(frame)
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


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "01",
        "27",
        "0101000408",
        "010100040805a1b2c3d4e5",
        "010100040807a1b2c3",
        "0201000408" + "04a1b2c3d4",
        "010100440004" + "8804a1b2",
    ],
    ids=["empty", "cut", "an error code", "no UID", "5 bytes", "cut UID", "two targets", "half of a long UID"],
)
def test_a_target_that_contradicts_itself_is_no_card(answer: str) -> None:
    with pytest.raises(MalformedTarget):
        uid_of(bytes.fromhex(answer))


@pytest.mark.parametrize(
    ("uid", "random"), [("08a1b2c3", True), ("04a1b2c3", False), ("08a1b2c3d4e5f6", False), ("a108b2c3", False)]
)
def test_only_four_bytes_that_start_with_08_are_random(uid: str, random: bool) -> None:
    assert Tag(bytes.fromhex(uid), IdTokenType.ISO14443).is_random is random


@pytest.mark.parametrize(("data", "text"), [("32010607", "PN532, firmware 1.6"), ("32", "firmware unknown")])
def test_the_firmware_is_told_to_the_technician(data: str, text: str) -> None:
    assert firmware_of(bytes.fromhex(data)) == text


def was_framed(found: Frame, data: bytes) -> bool:
    """Whether the bytes of just this frame are among the data, its checksums too. The zeros around it may be missing."""
    match found:
        case Response(code, said):
            return from_chip(bytes([code]) + said)[1:-1] in data
        case Ack():
            return ACK_FRAME[1:-1] in data
        case Nack():
            return NACK_FRAME[1:-1] in data
        case SyntaxRefused():
            return ERROR_FRAME[1:-1] in data
    return True


@fuzzed(FROM_CHIP, spoiled)
def test_a_spoiled_frame_never_names_another_card(frame: bytes) -> None:
    assert all(was_framed(found, frame) for found in FrameParser().feed(frame))


TARGETS = st.builds(
    lambda head, length, uid: head + bytes([length]) + uid,
    st.sampled_from([bytes.fromhex("0101000408"), bytes.fromhex("0201000408"), b"\0"]),
    st.sampled_from([4, 7, 10, 5]),
    st.binary(min_size=3, max_size=15),
)


@fuzzed(st.one_of(st.binary(max_size=40), TARGETS), spoiled)
def test_any_target_list_is_a_whole_uid_or_refused(frame: bytes) -> None:
    try:
        uid = uid_of(frame)
    except MalformedTarget:
        return
    if uid is None:
        assert frame[0] == 0
    else:
        assert frame[:2] == b"\1\1" and len(uid) == frame[5] in (4, 7, 10) and frame[6:].startswith(uid)


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


@fuzzed(
    st.one_of(
        st.binary(max_size=300),
        st.lists(st.sampled_from([b"04A1B2C3\r\n", b"\x02tag\x03", b"x" * 31, b"y"])).map(b"".join),
    ),
    spoiled,
)
def test_no_bytes_ever_make_an_unprintable_line_or_part_of_one(frame: bytes) -> None:
    parser = LineParser(IDLE_S)
    lines = parser.feed(frame, 1.0) + parser.on_deadline(2.0)
    assert all(line.text.isascii() and line.text.isprintable() and 0 < len(line.text) <= 64 for line in lines)
    whole = re.split(rb"[\r\n\x03]", frame.translate(None, b"\x02\x00"))
    sent = {piece.decode("latin-1").strip() for piece in whole}
    assert all(line.text in sent for line in lines)


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
    event = token_of_line(text, 1.0, settings)
    if token is not None:
        assert event == TokenRead(token, "Local", 1.0)
    else:
        assert isinstance(event, TokenRefused)
        assert f"{len(text)} characters" in event.why or "OCPP carries" in event.why


UID_LINES = {content: AsciiLine.Settings(port="/dev/null", content=content) for content in ("hex", "decimal")}
PRINTABLE = bytes(33 + byte % 94 for byte in range(256))


def other_text(dice: Random, text: str) -> str:
    """Digits of some length, or a line that something has happened to."""
    if dice.random() < 0.5:
        return "".join(dice.choices(dice.choice(("0123456789", "0123456789abcdefABCDEF")), k=dice.randrange(1, 65)))
    return spoiled(dice, text.encode())[:64].translate(PRINTABLE).decode() or "0"


@fuzzed(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=64), other_text)
def test_any_line_is_its_own_number_or_refused(frame: str) -> None:
    for content, settings in UID_LINES.items():
        event = token_of_line(frame, 1.0, settings)
        if isinstance(event, TokenRead):
            assert int(event.value, 16) == int(frame, 16 if content == "hex" else 10)
            assert len(event.value) in (8, 10, 12, 14, 16, 18, 20)


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


@pytest.mark.parametrize(
    ("options", "uid", "token"),
    [
        ({"case": "lower"}, "04A1B2C3", "04a1b2c3"),
        ({"reverse": True}, "04A1B2C3D4E5F6", "F6E5D4C3B2A104"),
        ({"prefix": "PL-"}, "04A1B2C3", "PL-04A1B2C3"),
        ({"radix": 10}, "04A1B2C3", "77705923"),
        ({"radix": 10}, "04A1B2C3D4E5F6", "1303689068602870"),
        ({"radix": 10, "reverse": True, "prefix": "N"}, "04A1B2C3", "N3283263748"),
        ({"radix": 10}, "00000000", "0"),
    ],
    ids=str,
)
def test_the_options_spell_a_uid(options: dict[str, Any], uid: str, token: str) -> None:
    assert Spelling(**options).of(bytes.fromhex(uid)) == token


# As printed on a tag that is read as 0B008AD43D: 0009098301 138,54333.
@pytest.mark.parametrize(
    ("options", "number", "token"),
    [
        ({}, "whole", "0B008AD43D"),
        ({"radix": 10}, "whole", "47253738557"),
        ({}, "last4", "008AD43D"),
        ({"radix": 10}, "last4", "9098301"),
        ({}, "10-digit", "0009098301"),
        ({}, "wiegand26", "13854333"),
        ({"prefix": "EM"}, "wiegand26", "EM13854333"),
        ({"reverse": True}, "last4", "3DD48A00"),
        ({"reverse": True}, "10-digit", "1037339136"),
        ({"reverse": True}, "wiegand26", "06154410"),
    ],
    ids=str,
)
def test_a_125_khz_tag_is_spelled_as_it_is_printed(options: dict[str, Any], number: str, token: str) -> None:
    assert Spelling(**options).of_tag(bytes.fromhex("0B008AD43D"), number) == token


@pytest.mark.parametrize("prefix", ["\n", "é", "a\x00"])
def test_a_prefix_that_no_token_may_have_is_a_mistake(prefix: str) -> None:
    with pytest.raises(ValueError, match="'prefix' must be of printable ASCII"):
        AsciiLine.Settings(port="/dev/null", prefix=prefix)


# --- what a reader that is asked saw -------------------------------------------------------------------------------------

CARD, OTHER = (Tag(bytes.fromhex(uid), IdTokenType.ISO14443) for uid in ("04A1B2C3", "04A1B2C3D4E5F6"))
PHONE, SAME_PHONE = (Tag(bytes.fromhex(uid), IdTokenType.ISO14443) for uid in ("08A1B2C3", "08FFEEDD"))


def events(looks: list[tuple[float, Tag | str | None]], accept_random_uid: bool = False) -> list[tuple[float, str]]:
    """Return time and token of each event; of a refused one, its first words. A look `?` is one that failed."""
    sightings, found = Sightings(Spelling(), accept_random_uid, "b.toml [reader.1]"), []
    for at_s, look in looks:
        if isinstance(look, str):
            sightings.interrupt()
        elif event := sightings.saw(look, at_s):
            assert event.at_s == at_s
            found.append((at_s, event.value if isinstance(event, TokenRead) else event.why[:12]))
    return found


@pytest.mark.parametrize(
    ("looks", "found"),
    [
        ([(0, CARD), (1, CARD), (2, CARD)], [(0, "04A1B2C3")]),
        ([(0, CARD), (0.5, None), (1.4, CARD)], [(0, "04A1B2C3")]),
        ([(0, CARD), (0.5, None), (1.6, CARD)], [(0, "04A1B2C3"), (1.6, "04A1B2C3")]),
        ([(0, CARD), (60, CARD)], [(0, "04A1B2C3")]),
        ([(0, CARD), (0.2, "?"), (60, CARD), (61, CARD)], [(0, "04A1B2C3")]),
        ([(0, CARD), (0.2, "?"), (60, None), (61, CARD)], [(0, "04A1B2C3")]),
        ([(0, CARD), (0.2, "?"), (60, None), (61.6, CARD)], [(0, "04A1B2C3"), (61.6, "04A1B2C3")]),
        (
            [(0, CARD), (0.2, "?"), (0.5, None), (0.7, "?"), (1.5, None), (1.6, "?"), (2.2, CARD)],
            [(0, "04A1B2C3"), (2.2, "04A1B2C3")],
        ),
        ([(0, CARD), (0.2, OTHER), (0.4, CARD), (0.6, OTHER)], [(0, "04A1B2C3"), (0.2, "04A1B2C3D4E5F6")]),
        ([(0, PHONE), (0.2, PHONE), (0.4, SAME_PHONE)], [(0, "a random UID")]),
    ],
    ids=[
        "stays",
        "short absence",
        "anew",
        "stalled",
        "outage",
        "missed once after an outage",
        "gone in an outage",
        "a noisy line",
        "two cards in turn",
        "a phone",
    ],
)
def test_one_event_for_each_presentation_whatever_fails_between(
    looks: list[tuple[float, Tag | str | None]], found: list[tuple[float, str]]
) -> None:
    assert events(looks) == found


def test_a_phone_that_changes_its_uid_while_it_is_held_is_one_event() -> None:
    assert events([(0, PHONE), (0.2, SAME_PHONE)], accept_random_uid=True) == [(0, "08A1B2C3")]


def test_a_token_that_ocpp_has_no_room_for_is_refused_and_says_so() -> None:
    sightings = Sightings(Spelling(prefix="PILOTLINE-"), False, "b.toml [reader.1]")
    event = sightings.saw(Tag(bytes(16), IdTokenType.LOCAL), 1.0)
    assert isinstance(event, TokenRefused) and "a token of 42 characters, OCPP carries 36" in event.why
