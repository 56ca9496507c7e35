"""Lines of JSON on a byte stream: bytes in, requests out. Whatever arrives, it never raises and keeps no more than a line."""

import json

try:
    from typing import Any
except ImportError:
    pass

LONGEST = 1024  # bytes of a request


class Lines:
    """Collects bytes. A line that does not end in time is dropped up to its end, and told of once."""

    def __init__(self) -> None:
        self._begun = b""
        self._drops = False

    def feed(self, data: bytes) -> list[Any]:
        """Return what the complete lines say: a request's object, or a text that says what is wrong with the line."""
        pieces = data.split(b"\n")
        found: list[Any] = []
        for index in range(len(pieces)):
            self._add(pieces[index], found)
            if index < len(pieces) - 1:
                self._end(found)
        return found

    def _add(self, piece: bytes, found: list[Any]) -> None:
        if not self._drops and len(self._begun) + len(piece) > LONGEST:
            self._drops = True
            self._begun = b""
            found.append(f"a line has at most {LONGEST} bytes")
        if not self._drops:
            self._begun += piece

    def _end(self, found: list[Any]) -> None:
        line, self._begun = self._begun.strip(), b""
        if self._drops:
            self._drops = False
        elif line:
            found.append(request(line))


def request(line: bytes) -> Any:
    try:
        parsed = json.loads(line)
    except (ValueError, RuntimeError, MemoryError):
        return "not JSON"
    if not isinstance(parsed, dict) or not isinstance(parsed.get("verb"), str):
        return 'a request is an object like {"verb": "state"}'
    return parsed
