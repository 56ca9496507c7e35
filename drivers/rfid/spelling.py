"""How a UID is written as an idToken. Pure."""

from __future__ import annotations

from dataclasses import dataclass

CASES = ("upper", "lower")
RADIXES = (16, 10)


@dataclass(frozen=True, slots=True)
class Spelling:
    """Byte 0 first in upper hex without separators, unless the options say otherwise.

    reverse: last byte first. radix: 16, or 10 for one decimal number. case: of hex digits. prefix: put before it all.
    """

    case: str = "upper"
    reverse: bool = False
    prefix: str = ""
    radix: int = 16

    def of(self, uid: bytes) -> str:
        ordered = uid[::-1] if self.reverse else uid
        if self.radix == 10:
            return self.prefix + str(int.from_bytes(ordered, "big"))
        digits = ordered.hex()
        return self.prefix + (digits.upper() if self.case == "upper" else digits)
