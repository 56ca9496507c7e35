"""How a UID is written as an idToken, for every reader alike: the keys, and what they do. Pure.

A UID is always taken whole: 4, 7 or 10 bytes of ISO 14443, 8 of ISO 15693. Only a 125 kHz tag has a shorter number of its own, the one
printed on it.
"""

from __future__ import annotations

from dataclasses import dataclass

from controller.hal import Presented, TokenRead, TokenRefused, setting
from controller.logic.values import IdTokenType

LONGEST_TOKEN = 36  # characters of an idToken in OCPP 2.x; 1.6 has room for 20, which the station sees to
TOKEN_TYPES = tuple(kind.value for kind in IdTokenType)
WHOLE, LAST_FOUR, TEN_DIGITS, WIEGAND_26 = NUMBERS = ("whole", "last4", "10-digit", "wiegand26")


@dataclass(frozen=True)
class UidSettings:
    """The keys that every reader's section has."""

    case: str = setting("Case of a UID's hex digits.", default="upper", choices=("upper", "lower"))
    reverse: bool = setting("Last UID byte first.", default=False)
    prefix: str = setting("Text put before every token.", default="", high=16)
    radix: int = setting("How a UID is written. 16: hex digits. 10: one decimal number.", default=16, choices=(16, 10))

    def __post_init__(self) -> None:
        if not (self.prefix.isascii() and (self.prefix == "" or self.prefix.isprintable())):
            raise ValueError("'prefix' must be of printable ASCII characters")


@dataclass(frozen=True, slots=True)
class Spelling:
    """Byte 0 first in upper hex without separators, unless the options say otherwise.

    reverse: last byte first. radix: 16, or 10 for one decimal number. case: of hex digits. prefix: put before it all.
    """

    case: str = "upper"
    reverse: bool = False
    prefix: str = ""
    radix: int = 16

    @classmethod
    def by(cls, settings: UidSettings) -> Spelling:
        return cls(settings.case, settings.reverse, settings.prefix, settings.radix)

    def of(self, uid: bytes) -> str:
        ordered = self._ordered(uid)
        if self.radix == 10:
            return self.prefix + str(int.from_bytes(ordered, "big"))
        digits = ordered.hex()
        return self.prefix + (digits.upper() if self.case == "upper" else digits)

    def of_tag(self, tag: bytes, number: str) -> str:
        """Return the number of a 125 kHz tag. tag: version byte and four id bytes. number: one of NUMBERS.

        Printed on a tag are, as a rule, `10-digit`, the id as a number filled up with zeros, and `wiegand26`, here without its comma: three
        digits of site code and five of card number, which are the last three bytes.
        """
        if number == TEN_DIGITS:
            return f"{self.prefix}{int.from_bytes(self._ordered(tag[-4:]), 'big'):010d}"
        if number == WIEGAND_26:
            site, *card = self._ordered(tag[-3:])
            return f"{self.prefix}{site:03d}{int.from_bytes(card, 'big'):05d}"
        return self.of(tag if number == WHOLE else tag[-4:])

    def _ordered(self, uid: bytes) -> bytes:
        return uid[::-1] if self.reverse else uid


def presented(token: str, kind: str, at_s: float) -> Presented:
    """Return the event of a token: refused where OCPP has no room for it. A part of it would be somebody else's."""
    if len(token) > LONGEST_TOKEN:
        why = f"a token of {len(token)} characters, OCPP carries {LONGEST_TOKEN} at most (`prefix` and `radix` make it longer)"
        return TokenRefused(why, at_s)
    return TokenRead(token, kind, at_s)
