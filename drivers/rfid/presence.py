"""One event for each presentation of a token, however often its reader reports it. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from controller.hal import Presented, TokenRefused
from controller.logic.values import IdTokenType
from drivers.rfid.spelling import Spelling, presented

REARM_S = 1.5  # a token that was away this long is presented anew


class Presence:
    """Remembers which tokens are being held to the reader."""

    def __init__(self) -> None:
        self._last_seen_s: dict[str, float] = {}

    def is_new(self, token: str, now: float) -> bool:
        """Note that the token is there and say whether that begins a presentation."""
        self._last_seen_s = {known: seen_s for known, seen_s in self._last_seen_s.items() if now - seen_s < REARM_S}
        is_new = token not in self._last_seen_s
        self._last_seen_s[token] = now
        return is_new

    def skip(self, seconds: float) -> None:
        """Nobody looked for so long: that time does not count as absence."""
        self._last_seen_s = {token: seen_s + seconds for token, seen_s in self._last_seen_s.items()}


@dataclass(frozen=True, slots=True)
class Tag:
    """What a reader found in its field. uid: whole, byte 0 first."""

    uid: bytes
    kind: IdTokenType

    @property
    def is_random(self) -> bool:
        """Whether its UID is made up anew each time, as phones do (ISO/IEC 14443-3: four bytes, the first is 08)."""
        return self.kind is IdTokenType.ISO14443 and len(self.uid) == 4 and self.uid[0] == 0x08


class Sightings:
    """What a reader that is asked found, look by look. Only a look that did not find a tag shows that it is away."""

    def __init__(self, spelling: Spelling, accept_random_uid: bool, where: str) -> None:
        """where: the section whose key takes random UIDs, for people."""
        self._spelling = spelling
        self._accept_random_uid = accept_random_uid
        self._where = where
        self._presence = Presence()
        self._looked_s = 0.0
        self._found = ""  # at the last look; empty: nothing
        self._is_interrupted = False

    def interrupt(self) -> None:
        """Until the next look nobody knows what was there."""
        self._is_interrupted = True

    def saw(self, tag: Tag | None, now: float) -> Presented | None:
        """Take what one look found, at most one tag; return what is newly presented."""
        # A phone may change its UID while it is held: that is still one presentation.
        found = "" if tag is None else "random" if tag.is_random else tag.uid.hex()
        if self._found and (self._is_interrupted or found == self._found):
            self._presence.skip(now - self._looked_s)
        self._is_interrupted, self._looked_s, self._found = False, now, found
        if tag is None or not self._presence.is_new(found, now):
            return None
        if tag.is_random and not self._accept_random_uid:
            why = f"a random UID, as phones and passports have, another each time (accept_random_uid in {self._where} takes it)"
            return TokenRefused(why, now)
        return presented(self._spelling.of(tag.uid), tag.kind, now)
