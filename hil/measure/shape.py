"""One measured figure and what it must keep to."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Shape:
    """A figure set against the same kind of thing that the bare platform does, so that it means the same on any machine.

    against: what the platform alone needs or gives. limit: of the ratio value / against. at_most: whether the ratio must stay
    below the limit (a cost) or above it (a yield).
    """

    name: str
    value: float
    unit: str
    against: float
    against_what: str
    limit: float
    at_most: bool = True

    @property
    def ratio(self) -> float:
        return self.value / self.against if self.against else float("inf")

    @property
    def holds(self) -> bool:
        return self.ratio <= self.limit if self.at_most else self.ratio >= self.limit

    def as_json(self) -> dict[str, Any]:
        figures = {**dataclasses.asdict(self), "ratio": round(self.ratio, 3), "holds": self.holds}
        del figures["name"]
        return {key: round(value, 4) if isinstance(value, float) else value for key, value in figures.items()}

    def line(self) -> str:
        sign = "<=" if self.at_most else ">="
        verdict = "ok" if self.holds else "TOO MUCH" if self.at_most else "TOO LITTLE"
        ratio = f"{self.ratio:.2f} x {self.against_what} (must be {sign} {self.limit:g})"
        return f"{self.name:<24} {self.value:>9.3f} {self.unit:<4} {ratio}: {verdict}"
