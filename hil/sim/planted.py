"""Mistakes planted in the product, one for each thing that a run looks at: every one of them must be found.

`python -m hil.sim.planted`: tells for each in which seed it was caught, by what complaint. Exit code 1 when one goes by unseen.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from controller.logic import plateau
from controller.logic.evse import PilotState
from controller.logic.metering import Register
from controller.store.boots import Boots
from controller.store.database import Database
from controller.store.queue import Queue
from controller.store.transactions import Transactions
from hil.sim.lives import Outcome, Play, live
from hil.sim.meters import ImpliedWatch

VISITS = 16  # with each version
SEEDS = range(1, 13)

Patch = Callable[[object, str, Any], None]

_LATEST: Any = ImpliedWatch.__dict__["latest"]


@dataclass(frozen=True, slots=True)
class Planted:
    """A mistake. by: a pattern of the complaint that finds it. seed, ocpp: of a run that does."""

    name: str
    plant: Callable[[Patch], None]
    by: str
    seed: int = 0
    ocpp: str = "2.0.1"


def _bills_too_much(patch: Patch) -> None:
    refusal = Register.refusal

    def wrong(self: Register, wh: int, at_s: float, *, is_billed: bool) -> str:
        return refusal(self, wh + wh // 50, at_s, is_billed=is_billed)

    patch(Register, "refusal", wrong)
    patch(ImpliedWatch, "latest", property(_scaled, _LATEST.fset))


def _scaled(self: ImpliedWatch) -> Any:
    """The same object for the same reading, as the true one is."""
    true, known = _LATEST.fget(self), self.__dict__.get("_scaled")
    if true is None or (known is not None and known[0] is true):
        return known and known[1]
    self.__dict__["_scaled"] = (true, replace(true, energy_import_wh=true.energy_import_wh * 51 // 50))
    return self.__dict__["_scaled"][1]


def _bills_too_little(patch: Patch) -> None:
    """The end is told with what the meter said a while ago."""

    def stale(self: ImpliedWatch) -> Any:
        kept = self.__dict__.setdefault("_readings", [])
        true = _LATEST.fget(self)
        if true is not None and true not in kept[-1:]:
            kept.append(true)
        while len(kept) > 1 and kept[1].taken_at_s <= self._monotonic() - 20.0:
            del kept[0]
        return kept[0] if kept else None

    patch(ImpliedWatch, "latest", property(stale, _LATEST.fset))


def _forgets_what_failed(patch: Patch) -> None:
    patch(Queue, "attempted", lambda self, position, why="", *, counts=True: self.delivered(position))


def _gives_up(patch: Patch) -> None:
    """What other stacks do: so many tries, then the message is gone."""
    attempted = Queue.attempted

    def wrong(self: Queue, position: int, why: str = "", *, counts: bool = True) -> None:
        attempted(self, position, why, counts=counts)
        self.gave_up(position, "given up")

    patch(Queue, "attempted", wrong)


def _keeps_the_wrong_time(patch: Patch) -> None:
    patch(Boots, "wall_of", lambda self, stamp: stamp.wall)


def _commits_late(patch: Patch) -> None:
    """Begin and end wait for the next minute's commit, as mere samples may."""
    change = Database.change
    patch(Database, "change", lambda self, *, lazy=False, necessary=False: change(self, lazy=True))


def _forgets_open_transactions(patch: Patch) -> None:
    patch(Transactions, "open_transactions", lambda self: [])


def _numbers_anew(patch: Patch) -> None:
    """Every message has the number of the first one."""
    patch(Queue, "next_seq_no", lambda self, transaction_id, position=None: 0)


def _opens_late(patch: Patch) -> None:
    late = {(state, seen): 1.0 for state in (PilotState.C, PilotState.D) for seen in (PilotState.A, PilotState.B)}
    patch(plateau, "_CONFIRM_S", plateau._CONFIRM_S | late)
    patch(plateau, "SECOND_READING_S", 1.0)


def _hoards(patch: Patch) -> None:
    """Something stays in the database with every message."""
    delivered = Queue.delivered

    def wrong(self: Queue, *positions: int, **how: Any) -> None:
        delivered(self, *positions, **how)
        with self._db.change(lazy=True) as connection:
            connection.execute("INSERT INTO meta VALUES (hex(randomblob(8)), hex(zeroblob(20000)))")

    patch(Queue, "delivered", wrong)


PLANTED: tuple[Planted, ...] = (
    Planted("bills too much", _bills_too_much, r"billed \S+ Wh, \S+ Wh flowed", seed=1),
    Planted("bills too little", _bills_too_little, r"billed only \S+ Wh|flowed between", seed=1),
    Planted(
        "forgets what failed",
        _forgets_what_failed,
        r"never came|not the same|not known to the CSMS|is open|out of order",
        seed=1,
    ),
    Planted(
        "gives up after a try", _gives_up, r"given up|never came|not the same|not known to the CSMS|is open", seed=1
    ),
    Planted("keeps the wrong time", _keeps_the_wrong_time, r"is dated", seed=2),
    Planted(
        "commits late", _commits_late, r"which the station does not|is open|flowed between|not the same|seq", seed=2
    ),
    Planted("forgets open transactions", _forgets_open_transactions, r"is open", seed=2),
    Planted("numbers every message 0", _numbers_anew, r"seq|never came|duplicate", seed=1),
    Planted("hoards", _hoards, r"the database has \d+ bytes", seed=1),
    Planted("opens late", _opens_late, r"contact closed|invariant|6:", seed=1),
)


@contextlib.contextmanager
def planted(each: Planted) -> Iterator[None]:
    """Have the mistake in the product."""
    undo: list[tuple[object, str, bool, Any]] = []

    def patch(where: object, name: str, value: Any) -> None:
        own = vars(where)
        undo.append((where, name, name in own, own.get(name)))
        setattr(where, name, value)

    try:
        each.plant(patch)
        yield
    finally:
        for where, name, was_there, before in reversed(undo):
            if was_there:
                setattr(where, name, before)
            else:
                delattr(where, name)


def caught(each: Planted, seed: int, ocpp: str, visits: int = VISITS) -> tuple[bool, Outcome]:
    """Play the run with the mistake; return whether its complaint is the one that finds it."""
    with planted(each):
        outcome = live(Play(seed, ocpp, visits))
    return bool(outcome.wrong) and any(re.search(each.by, line) for line in outcome.wrong), outcome


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m hil.sim.planted", description=__doc__)
    parser.add_argument("names", nargs="*", help="which (default: all)")
    args = parser.parse_args()
    logging.lastResort = None
    logging.getLogger("controller").addHandler(logging.NullHandler())
    unseen = 0
    for each in PLANTED:
        if args.names and each.name not in args.names:
            continue
        for seed in (*([each.seed] if each.seed else []), *SEEDS):
            found = None
            for ocpp in (each.ocpp, *({"1.6", "2.0.1"} - {each.ocpp})):
                is_caught, outcome = caught(each, seed, ocpp)
                if is_caught:
                    found = (
                        f"{each.name}: seed {seed}, OCPP {ocpp}, at {outcome.wrong_at_s} s: {outcome.wrong[0][:120]}"
                    )
                    break
                if outcome.wrong:
                    print(
                        f"  {each.name}: seed {seed}, OCPP {ocpp}: another complaint: {outcome.wrong[0][:120]}",
                        flush=True,
                    )
            if found:
                print(found, flush=True)
                break
        else:
            unseen += 1
            print(f"{each.name}: UNSEEN", flush=True)
    return 1 if unseen else 0


if __name__ == "__main__":
    sys.exit(main())
