"""A TWN4 with the simple protocol: each command is a line of hex that ends with CR, and so is each answer.

Source: Elatec TWN4 API reference, "Simple Protocol" (unverified): 0500 max searches a tag; the answer is an error byte, whether there is
one, then its type, number of bits and id with its length. An unknown command is answered with error 1.
"""

from __future__ import annotations

from collections.abc import Callable

from drivers.mock.peer import Answers

_ANSWERS_AFTER_S = 0.01


class Twn4Peer:
    """held: type and id of the tag that is there now."""

    def __init__(self, held: Callable[[], tuple[int, bytes] | None]) -> None:
        self._held = held
        self._line = bytearray()
        self._answers = Answers()

    def receive(self, data: bytes, now: float) -> None:
        for byte in data:
            if byte != 0x0D:
                self._line.append(byte)
                continue
            command, self._line = bytes(self._line), bytearray()
            self._answers.put(now + _ANSWERS_AFTER_S, self._answer(command) + b"\r")

    def _answer(self, command: bytes) -> bytes:
        if len(command) != 6 or not command.startswith(b"0500"):
            return b"01"
        held = self._held()
        if held is None:
            return b"0000"
        kind, uid = held
        uid = uid[: int(command[4:], 16)]
        return (bytes([0, 1, kind, 8 * len(uid), len(uid)]) + uid).hex().upper().encode()

    def deadline(self) -> float | None:
        return self._answers.deadline()

    def take(self, now: float) -> bytes:
        return self._answers.take(now)
