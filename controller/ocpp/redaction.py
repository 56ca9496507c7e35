"""What of a frame may be seen: passwords, keys and key codes never (C04.FR.04)."""

from __future__ import annotations

import re
from typing import Any

import msgspec

_HIDDEN = "***"
_MARKS = ("BasicAuthPassword", "basicAuthPassword", "AuthorizationKey", "KeyCode", "apnPassword", "vpn", "Password")
_TOKEN = re.compile(r'("(?:idTag|parentIdTag|idToken)"\s*:\s*")([^"]+)(")')


def without_tokens(text: str) -> str:
    """Return a frame's text for the log: of each token only its last four characters, and those of long ones only."""
    return _TOKEN.sub(lambda match: f"{match[1]}…{match[2][-4:] if len(match[2]) >= 8 else ''}{match[3]}", text)


def redacted(text: str) -> str:
    """Return a frame's text without its secrets; the very text when there are none."""
    if not any(mark in text for mark in _MARKS):
        return text
    try:
        frame = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return f"{text[:20]}… ({len(text)} characters that may hold a secret)"
    return msgspec.json.encode(_cleaned(frame)).decode()


def _cleaned(value: Any) -> Any:
    if isinstance(value, list):
        return [_cleaned(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {key: _HIDDEN if _is_secret(value, key) else _cleaned(item) for key, item in value.items()}


def _is_secret(holder: dict[str, Any], key: str) -> bool:
    if key in ("apnPassword", "password", "key") and isinstance(holder.get(key), str):
        return key != "key" or "user" in holder  # the VPN's pre-shared key, not a configuration key's name
    if key == "attributeValue":
        variable = holder.get("variable")
        return isinstance(variable, dict) and "password" in str(variable.get("name", "")).casefold()
    if key == "value":
        return str(holder.get("key", "")).casefold() == "authorizationkey"
    return key == "idToken" and holder.get("type") == "KeyCode"
