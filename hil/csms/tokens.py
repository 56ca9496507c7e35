"""The tokens a CSMS knows, and what it says of the others."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Token:
    """status: AuthorizationStatusEnumType of 2.0.1. group: groupIdToken / parentIdTag. expires: aware UTC."""

    status: str = "Accepted"
    group: str | None = None
    expires: datetime | None = None


class Tokens:
    """Token values are compared case-insensitively. default: the status of a token nobody added."""

    def __init__(self, default: str = "Accepted") -> None:
        self.default = default
        self._known: dict[str, Token] = {}

    def add(
        self, value: str, status: str = "Accepted", *, group: str | None = None, expires: datetime | None = None
    ) -> None:
        self._known[value.casefold()] = Token(status, group, expires)

    def look_up(self, value: str, now: datetime) -> Token:
        token = self._known.get(value.casefold(), Token(self.default))
        if token.status == "Accepted" and token.expires is not None and token.expires <= now:
            return Token("Expired", token.group, token.expires)
        return token
