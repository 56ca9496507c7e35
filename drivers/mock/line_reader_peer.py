"""A reader on the far end of a serial line that sends each token as one line of text and hears nothing."""

from __future__ import annotations

from drivers.mock.peer import Answers


class LineReaderPeer:
    """ending: what closes a line."""

    def __init__(self, ending: bytes = b"\r\n") -> None:
        self._ending = ending
        self._answers = Answers()

    def send_token(self, token: str, now: float) -> None:
        self._answers.put(now, token.encode() + self._ending)

    def receive(self, data: bytes, now: float) -> None:
        pass

    def deadline(self) -> float | None:
        return self._answers.deadline()

    def take(self, now: float) -> bytes:
        return self._answers.take(now)
