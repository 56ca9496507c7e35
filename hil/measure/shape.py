"""One measured figure and what it must keep to."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Shape:
    """A figure set against the same kind of thing that the bare platform does, so that it means the same on any machine.

    against: what the platform alone needs or gives; None for a figure with a limit of its own, in its own unit (`within`).
    against_what: that yardstick, or whose limit it is. limit: of the ratio value / against, or of the value. at_most: whether it
    must stay below the limit (a cost) or above it (a yield). samples: how many readings the figure stands on, where that matters.
    """

    name: str
    value: float
    unit: str
    against: float | None
    against_what: str
    limit: float
    at_most: bool = True
    samples: int | None = None

    @classmethod
    def within(
        cls, name: str, value: float, unit: str, limit: float, whose: str, *, samples: int | None = None
    ) -> Shape:
        """Return a figure that must not exceed a plain limit. whose: where the limit comes from."""
        return cls(name, value, unit, None, whose, limit, samples=samples)

    @property
    def ratio(self) -> float | None:
        """value / against; None without a yardstick."""
        if self.against is None:
            return None
        return self.value / self.against if self.against else float("inf")

    @property
    def holds(self) -> bool:
        judged = self.value if self.ratio is None else self.ratio
        return judged <= self.limit if self.at_most else judged >= self.limit

    def as_json(self) -> dict[str, Any]:
        ratio = None if self.ratio is None else round(self.ratio, 3)
        figures = {**dataclasses.asdict(self), "ratio": ratio, "holds": self.holds}
        del figures["name"]
        return {key: round(value, 4) if isinstance(value, float) else value for key, value in figures.items()}

    def line(self) -> str:
        sign = "<=" if self.at_most else ">="
        verdict = "ok" if self.holds else "TOO MUCH" if self.at_most else "TOO LITTLE"
        if self.ratio is None:
            judged = f"(must be {sign} {self.limit:g} {self.unit}: {self.against_what})"
        else:
            judged = f"{self.ratio:.2f} x {self.against_what} (must be {sign} {self.limit:g})"
        count = "" if self.samples is None else f" [{self.samples} samples]"
        return f"{self.name:<30} {self.value:>9.3f} {self.unit:<4} {judged}: {verdict}{count}"
