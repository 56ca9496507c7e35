"""What is wrong with a line, told by the bytes that came instead of an answer. Pure."""

from __future__ import annotations

from dataclasses import dataclass

_REQUEST = 8  # address, function, register, count, checksum: functions 1 to 6
_FUNCTIONS = frozenset({1, 2, 3, 4, 5, 6})
_SHORTEST = 5  # an exception's answer


@dataclass(frozen=True, slots=True)
class Trouble:
    """problem: what was heard. hint: what to check."""

    problem: str
    hint: str


def trouble_of(sent: bytes, heard: bytes, address: int, settings: str) -> Trouble:
    """Return why there was no answer from `address`. heard: all that came since `sent`. settings: of the line, in words."""
    rest = heard.removeprefix(sent)
    if not rest and heard:
        return Trouble(
            "hears only its own request: the adapter echoes, the meter is silent",
            f"wires A and B, address {address}; the adapter's echo switch or receiver-enable",
        )
    if not rest:
        return Trouble(f"no answer at {settings}", f"wires A and B, address {address}, baud and parity")
    for at in range(len(rest) - _SHORTEST + 1):
        if is_request(rest[at : at + _REQUEST]) and rest[at : at + _REQUEST] != sent:
            other = rest[at]
            return Trouble(
                f"another master is on the line: it asks address {other}",
                "only one device may ask; take the other one off",
            )
    other_answer = _answers_of(rest)
    if other_answer and address not in other_answer:
        who = ", ".join(map(str, sorted(other_answer)))
        return Trouble(
            f"address {who} answers instead", f"is the meter's address {address}? two meters with one address?"
        )
    return Trouble(
        f"{len(rest)} bytes came that are no answer (checksum) at {settings}",
        "baud and parity of the meter; a second meter with the same address; termination and shield of the line",
    )


def is_request(frame: bytes) -> bool:
    """Whether these bytes are a whole request of some master."""
    return len(frame) == _REQUEST and frame[1] in _FUNCTIONS and frame[0] <= 247 and _is_sound(frame)


def _answers_of(data: bytes) -> set[int]:
    """Return the addresses of whole answers among the bytes."""
    found = set()
    for at in range(len(data) - _SHORTEST + 1):
        length = 5 if data[at + 1] & 0x80 else 5 + data[at + 2]
        if data[at + 1] & 0x7F in _FUNCTIONS and at + length <= len(data) and _is_sound(data[at : at + length]):
            found.add(data[at])
    return found


def _is_sound(frame: bytes) -> bool:
    return crc16(frame[:-2]).to_bytes(2, "little") == frame[-2:]


def crc16(data: bytes) -> int:
    """Return the checksum of Modbus RTU (MODBUS over serial line V1.02, 6.2.2)."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0xA001 if crc & 1 else crc >> 1
    return crc
