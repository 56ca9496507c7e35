"""Lines of a text reader: ended by CR or LF, or by silence. Bytes and times in, lines out, no I/O."""

from __future__ import annotations

from dataclasses import dataclass

_LONGEST = 64  # characters; more is noise until the next end of line
_ENDS = b"\r\n\x03"  # ETX: some readers frame their text with STX and ETX
_IGNORED = b"\x02\x00"


@dataclass(frozen=True, slots=True)
class Line:
    """text: printable, without surrounding spaces, not empty. at_s: monotonic time of its last byte."""

    text: str
    at_s: float


class LineParser:
    """Gathers characters into lines. A line with unprintable bytes, or an endless one, is dropped whole."""

    def __init__(self, idle_s: float) -> None:
        self._idle_s = idle_s
        self._gathered = bytearray()
        self._last_at_s = 0.0

    def feed(self, data: bytes, at_s: float) -> list[Line]:
        """Take bytes that arrived at a monotonic time."""
        lines = self.on_deadline(at_s)
        for byte in data:
            if byte in _ENDS:
                lines += self._ended(at_s)
            elif byte not in _IGNORED and len(self._gathered) <= _LONGEST:
                self._gathered.append(byte)
        self._last_at_s = at_s
        return lines

    def deadline(self) -> float | None:
        """When silence ends the line, None while nothing is gathered."""
        return self._last_at_s + self._idle_s if self._gathered else None

    def on_deadline(self, now: float) -> list[Line]:
        due = self.deadline()
        return self._ended(self._last_at_s) if due is not None and now >= due else []

    def reset(self) -> None:
        self._gathered.clear()

    def _ended(self, at_s: float) -> list[Line]:
        gathered, self._gathered = bytes(self._gathered), bytearray()
        text = gathered.decode("latin-1").strip()
        if not text or len(gathered) > _LONGEST or not (text.isascii() and text.isprintable()):
            return []
        return [Line(text, at_s)]
