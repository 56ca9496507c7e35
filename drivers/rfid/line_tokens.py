"""What a line of text that a reader sent or typed is as a token. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from controller.hal import Presented, TokenRefused, setting
from drivers.rfid.spelling import TOKEN_TYPES, Spelling, UidSettings, presented

_HEX = re.compile(r"(?:[0-9A-Fa-f]{2}){4,10}")  # 8 to 20 digits: UIDs of 4 to 10 bytes
_UID_LENGTHS = (4, 7, 8, 10)


@dataclass(frozen=True)
class LineSettings(UidSettings):
    """The keys of readers that send lines."""

    content: str = setting(
        "What a line holds: `text` any printable token, `hex` a UID of 8 to 20 digits, `decimal` a UID as a number.",
        default="text",
        choices=("text", "hex", "decimal"),
    )
    token_type: str = setting("idToken type in OCPP 2.x.", default="Local", choices=TOKEN_TYPES)


def token_of_line(text: str, at_s: float, settings: LineSettings) -> Presented:
    """Return a line's token; refused where it cannot be one. text: printable, not empty. at_s: when it came."""
    if settings.content == "text":
        return presented(settings.prefix + text, settings.token_type, at_s)
    uid = _uid_of(text, settings.content)
    if uid is None:
        why = (
            f"the reader sent {len(text)} characters that are no {settings.content} UID (`content` says what it sends)"
        )
        return TokenRefused(why, at_s)
    return presented(Spelling.by(settings).of(uid), settings.token_type, at_s)


def _uid_of(text: str, content: str) -> bytes | None:
    if content == "hex" and _HEX.fullmatch(text):
        return bytes.fromhex(text)
    if content == "decimal" and text.isdecimal() and text.isascii():
        number = int(text)
        for length in _UID_LENGTHS:
            if number < 1 << 8 * length:
                return number.to_bytes(length, "big")
    return None
