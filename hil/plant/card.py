"""Cards and the readers they are held to."""

from __future__ import annotations

from dataclasses import dataclass

from hil.plant.values import PlantReader

HOLD_S = 1.0
UID_BYTES = (4, 7, 10)


def as_uid(token: str) -> str | None:
    """Return a token as upper hex if it can be a UID of 4, 7 or 10 bytes, else None."""
    try:
        raw = bytes.fromhex(token) if token.isalnum() else b""
    except ValueError:
        return None
    return raw.hex().upper() if len(raw) in UID_BYTES else None


@dataclass(frozen=True, slots=True)
class CardField:
    """present: the token in the field now. last, swipes: the newest presentation and how many there were.

    is_connected: the reader is on its port.
    """

    present: str | None
    last: str | None
    swipes: int
    is_connected: bool


class ReaderModel:
    """One reader's field. `swipes` counts presentations, so that a line reader sends each once."""

    def __init__(self, reader: PlantReader) -> None:
        self.reader = reader
        self.present: str | None = None
        self.last: str | None = None
        self.swipes = 0
        self.is_gone = False  # unplugged from its port
        self._until: float | None = None

    def hold(self, token: str, now: float) -> None:
        """A token comes into the field and leaves it after HOLD_S."""
        self.present = self.last = token
        self.swipes += 1
        self._until = now + HOLD_S

    def field(self) -> CardField:
        return CardField(self.present, self.last, self.swipes, not self.is_gone)

    def deadline(self) -> float | None:
        return self._until

    def on_deadline(self, now: float) -> bool:
        """Return whether the token left now."""
        if self._until is None or self._until > now:
            return False
        self.present = self._until = None
        return True
