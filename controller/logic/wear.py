"""How much a contactor has been used: its closes and its openings under load, over every life of the safety process.

The safety process counts since its own start and remembers nothing; what is added up here goes on from one run of it to the next.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from controller.logic.evse import EvseFacts


@dataclass(frozen=True, slots=True)
class Wear:
    """One contactor's. cycles: closes. under_load_opens: openings while the vehicle was asking for power.

    run_id, seen_cycles, seen_opens: of the run that was counted last, and how much of it is in the sums already.
    """

    cycles: int = 0
    under_load_opens: int = 0
    run_id: str = ""
    seen_cycles: int = 0
    seen_opens: int = 0

    def counted(self, facts: EvseFacts) -> Wear:
        """Return the wear with what these facts add to it. Facts of an older moment of the same run add nothing."""
        same = facts.run_id == self.run_id
        before = (self.seen_cycles, self.seen_opens) if same else (0, 0)
        more, opens = facts.cycles - before[0], facts.under_load_opens - before[1]
        if more < 0 or opens < 0 or (same and not more and not opens):
            return self
        return Wear(
            self.cycles + more, self.under_load_opens + opens, facts.run_id, facts.cycles, facts.under_load_opens
        )

    def replaced(self) -> Wear:
        """Return the wear of the new contactor that was fitted in its place."""
        return replace(self, cycles=0, under_load_opens=0)

    def is_worn(self, rated_cycles: int, rated_opens: int) -> bool:
        return self.cycles >= rated_cycles or self.under_load_opens >= rated_opens
