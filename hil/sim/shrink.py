"""The shortest replay of a run that went wrong: fewer visits, then without one kind of trouble after the other, as long as the same is wrong."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import replace

from hil.sim.chance import VISITS_A_YEAR
from hil.sim.lives import OPERATOR, Outcome, Play, live

LIMIT_S = 180.0  # of real time

Try = Callable[[Play], Outcome]


def shortest(play: Play, outcome: Outcome, say: Callable[[str], None], attempt: Try = live) -> tuple[Play, Outcome]:
    """Return the smallest play that was found, and what comes of it. outcome: of `play`, something wrong.

    What is left out changes what follows, so a smaller play may go another way: only one that ends with the same complaint counts.
    """
    until = time.monotonic() + LIMIT_S
    tried = 0

    def still(smaller: Play) -> bool:
        nonlocal play, outcome, tried
        if time.monotonic() > until:
            return False
        tried += 1
        found = attempt(smaller)
        if kind_of(found) != kind_of(outcome):
            return False
        play, outcome = smaller, found
        say(f"  the same with {smaller.visits} visits{_without(smaller)}, after {found.virtual_s:.0f} s")
        return True

    fewest, most = 0, play.visits  # with `fewest` it was not seen
    while most - fewest > 1:
        half = (fewest + most) // 2
        if still(replace(play, visits=half)):
            most = half
        else:
            fewest = half
    for kind in (OPERATOR, *outcome.troubles):
        still(replace(play, without=play.without | {kind}))
    say(f"  {tried} replays tried")
    return play, outcome


def kind_of(outcome: Outcome) -> str:
    """Return the complaint without its numbers; empty for a run in which nothing is wrong."""
    return re.sub(r"[0-9a-f]{8,}|\d+(\.\d+)?", "#", outcome.wrong[0]) if outcome.wrong else ""


def command_of(play: Play) -> str:
    """Return the command line that plays it."""
    much = f"--sessions {play.visits}"
    if play.pace.visits_a_year:
        much = f"--years {play.visits / VISITS_A_YEAR:g} --sample {play.pace.samples_s}"
    words = [f"python -m hil.sim --seed {play.seed} --ocpp {play.ocpp} {much}"]
    return " ".join([*words, *(f'--without "{kind}"' for kind in sorted(play.without))])


def _without(play: Play) -> str:
    return f", without {', '.join(sorted(play.without))}" if play.without else ""
