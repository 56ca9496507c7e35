"""The byte-level peers on serial lines against vectors of their data sheets."""

import struct

import pytest

from drivers.mock.line_reader_peer import LineReaderPeer
from drivers.mock.pn532_peer import ACK, ERROR, NACK, Pn532Peer, frame
from drivers.mock.sdm630_peer import MeterFace, Sdm630Peer, crc16, with_crc

WAKE_UP = bytes.fromhex("5555") + bytes(14)
SAM = bytes.fromhex("0000ff05fbd4140100011600")
FIRMWARE = bytes.fromhex("000000ff02fed4022a00")
RETRIES = bytes.fromhex("0000ff06fad43205ff0110e500")
LIST = bytes.fromhex("0000ff04fcd44a0100e100")


class Line:
    """Our side of a line: what we send and what came back, with a clock."""

    def __init__(self, peer):
        self.peer = peer
        self.now = 10.0

    def ask(self, data, wait_s=0.5):
        self.now += 0.2
        self.peer.receive(data, self.now)
        return self.listen(wait_s)

    def listen(self, wait_s):
        end, heard = self.now + wait_s, b""
        while (due := self.peer.deadline()) is not None and due <= end:
            self.now = max(self.now, due)
            heard += self.peer.take(self.now)
        self.now = end
        return heard


# --- SDM630 ---------------------------------------------------------------------------------------------------------


class Meter:
    def __init__(self):
        self.face = MeterFace(1, {0x00: 230.5, 0x34: 3680.0, 0x48: 1234.567})
        self.line = Line(Sdm630Peer(lambda: self.face))

    def ask(self, frame_without_crc):
        return self.line.ask(with_crc(bytes.fromhex(frame_without_crc)))


@pytest.fixture
def meter():
    return Meter()


@pytest.mark.parametrize(
    ("frame_hex", "crc_hex"),
    [("010400000002", "71cb"), ("0103000a0001", "a408"), ("110300 6b 0003".replace(" ", ""), "7687")],
)
def test_crc_is_that_of_known_frames(frame_hex, crc_hex):
    assert crc16(bytes.fromhex(frame_hex)).to_bytes(2, "little").hex() == crc_hex


def test_voltage_of_l1_comes_as_a_float_high_word_first(meter):
    answer = meter.ask("010400000002")
    assert answer[:3].hex() == "010404"
    assert struct.unpack(">f", answer[3:7])[0] == pytest.approx(230.5)
    assert crc16(answer[:-2]).to_bytes(2, "little") == answer[-2:]


def test_block_of_registers_is_answered_whole_with_zeros_for_what_it_has_not(meter):
    answer = meter.ask("010400000050")
    values = struct.unpack(">40f", answer[3:-2])
    assert values[0] == pytest.approx(230.5) and values[0x34 // 2] == 3680.0
    assert values[0x48 // 2] == pytest.approx(1234.567) and values[1] == 0.0


@pytest.mark.parametrize(
    ("request_hex", "exception_hex"),
    [
        ("010300000002", "018301"),  # holding registers: not this function
        ("010600000002", "018601"),
        ("010400000000", "018403"),
        ("010400000003", "018403"),  # half a float
        ("010400000052", "018403"),  # more than 40 floats
        ("010400010002", "018402"),  # in the middle of a float
        ("0104ff000002", "018402"),
    ],
)
def test_requests_it_cannot_serve_get_a_modbus_exception(meter, request_hex, exception_hex):
    assert meter.ask(request_hex) == with_crc(bytes.fromhex(exception_hex))


def test_wrong_checksum_other_address_and_broadcast_get_silence(meter):
    good = with_crc(bytes.fromhex("010400000002"))
    assert meter.line.ask(good[:-1] + bytes([good[-1] ^ 1])) == b""
    assert meter.ask("020400000002") == b""
    assert meter.ask("000400000002") == b""
    assert meter.ask("010400000002") != b""


def test_frame_in_pieces_is_joined_and_half_a_frame_is_forgotten_after_silence(meter):
    request = with_crc(bytes.fromhex("010400000002"))
    meter.line.peer.receive(request[:3], 10.0)
    meter.line.peer.receive(request[3:], 10.01)
    assert meter.line.listen(1.0) != b""
    meter.line.peer.receive(b"\x01\x04\x00", meter.line.now)
    assert meter.ask("010400000002") != b""


def test_request_too_soon_after_the_last_answer_is_lost(meter):
    request = with_crc(bytes.fromhex("010400000002"))
    meter.line.ask(request, wait_s=0.030)
    meter.line.peer.receive(request, meter.line.now + 0.021)
    assert meter.line.listen(0.5) == b""


def test_meter_can_go_silent_speak_garbage_and_move_to_another_address(meter):
    meter.face = MeterFace(1, None)
    assert meter.ask("010400000002") == b""
    meter.face = MeterFace(1, {}, garbled=True)
    garbage = meter.ask("010400000002")
    assert garbage and crc16(garbage[:-2]).to_bytes(2, "little") != garbage[-2:]
    meter.face = MeterFace(7, {})
    assert meter.ask("010400000002") == b""
    assert meter.ask("070400000002")[0] == 7


# --- PN532 ----------------------------------------------------------------------------------------------------------


class Card:
    def __init__(self):
        self.uid = None
        self.peer = Pn532Peer(lambda: self.uid)
        self.line = Line(self.peer)

    def ready(self):
        assert self.line.ask(WAKE_UP + SAM) == ACK + frame(b"\x15")
        assert self.line.ask(RETRIES) == ACK + frame(b"\x33")
        return self


@pytest.fixture
def card():
    return Card()


def test_sleeping_chip_hears_nothing_but_the_wake_up(card):
    assert card.line.ask(FIRMWARE) == b""
    assert card.line.ask(WAKE_UP + FIRMWARE).startswith(ACK)


def test_firmware_version_is_that_of_a_pn532(card):
    answer = card.ready().line.ask(FIRMWARE)
    assert answer == ACK + bytes.fromhex("0000ff06fad50332010607e800")


def test_no_card_ends_the_search_after_its_tries(card):
    card.ready()
    assert card.line.ask(LIST, wait_s=0.05) == ACK
    assert card.line.listen(0.2) == frame(bytes.fromhex("4b00"))


@pytest.mark.parametrize(
    ("uid", "target"),
    [
        ("04A2B3C4", "4b0101000408" + "0404a2b3c4"),
        ("04A2B3C4D5E680", "4b0101004400" + "0704a2b3c4d5e680"),
        ("00112233445566778899", "4b010100c420" + "0a00112233445566778899"),
    ],
)
def test_card_in_the_field_is_listed_with_its_uid(card, uid, target):
    card.ready().uid = uid
    assert card.line.ask(LIST) == ACK + frame(bytes.fromhex(target))


def test_card_that_comes_during_the_search_ends_it(card):
    card.ready()
    assert card.line.ask(LIST, wait_s=0.02) == ACK
    card.uid = "04A2B3C4"
    card.peer.field_changed(card.line.now)
    assert card.line.listen(0.01) == frame(bytes.fromhex("4b01010004080404a2b3c4"))


def test_search_without_retry_limit_waits_until_the_host_acknowledges_it_away(card):
    assert card.line.ask(WAKE_UP + SAM).startswith(ACK)
    assert card.line.ask(LIST, wait_s=100) == ACK
    assert card.line.ask(ACK) == b""
    card.uid = "04A2B3C4"
    card.peer.field_changed(card.line.now)
    assert card.line.listen(1.0) == b""


def test_search_before_sam_configuration_is_refused_by_status(card):
    card.uid = "04A2B3C4"
    assert card.line.ask(WAKE_UP + LIST) == ACK + frame(bytes.fromhex("4b27"))


@pytest.mark.parametrize(
    "spoilt",
    [
        bytes.fromhex("0000ff02fdd4022a00"),  # length checksum
        bytes.fromhex("0000ff02fed4022b00"),  # data checksum
        bytes.fromhex("0000ff02fed5022900"),  # direction of the chip itself
    ],
)
def test_spoilt_frame_gets_nothing_and_the_next_is_understood(card, spoilt):
    card.ready()
    assert card.line.ask(spoilt) == b""
    assert card.line.ask(FIRMWARE).startswith(ACK)


def test_unknown_command_gets_the_error_frame(card):
    assert card.ready().line.ask(bytes.fromhex("0000ff02fed4606c"[:-2] + "cc00")) == ACK + ERROR


def test_nack_brings_the_last_answer_again(card):
    card.ready().line.ask(FIRMWARE)
    assert card.line.ask(NACK) == bytes.fromhex("0000ff06fad50332010607e800")


def test_bytes_one_by_one_and_noise_before_a_frame(card):
    card.ready()
    for byte in b"\xaa\x00\x13" + FIRMWARE:
        card.peer.receive(bytes([byte]), card.line.now)
    assert card.line.listen(0.1).startswith(ACK)


def test_power_on_puts_it_to_sleep_again(card):
    card.ready().peer.power_on()
    assert card.line.ask(FIRMWARE) == b""


# --- line reader ----------------------------------------------------------------------------------------------------


def test_line_reader_sends_each_token_as_a_line():
    line = Line(LineReaderPeer())
    line.peer.send_token("04A2B3C4", 10.0)
    line.peer.send_token("TAG-2", 10.0)
    assert line.listen(0.1) == b"04A2B3C4\r\nTAG-2\r\n"
    assert line.ask(b"anything") == b""
