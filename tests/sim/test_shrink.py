"""What goes wrong is made small, and drawn."""

from __future__ import annotations

import gc
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from hil.sim.lives import OPERATOR, Outcome, Play, live
from hil.sim.shrink import command_of, kind_of, shortest
from hil.sim.timeline import Timeline
from hil.sim.trouble import KINDS, _Happening


def outcome_of(play: Play, *wrong: str) -> Outcome:
    return Outcome(play.ocpp, play.seed, wrong=list(wrong), troubles={"reply lost": 3, "power cut": 1, "fault": 2})


def test_what_the_complaint_needs_stays_and_all_else_goes() -> None:
    tried: list[Play] = []

    def attempt(play: Play) -> Outcome:
        tried.append(play)
        breaks = play.visits >= 7 and not play.without & {"power cut"}
        return outcome_of(play, f"transaction {play.visits} on EVSE 2: billed 12.5 Wh") if breaks else outcome_of(play)

    whole = Play(4, "1.6", 100)
    found, outcome = shortest(whole, attempt(whole), lambda line: None, attempt)
    assert found == Play(4, "1.6", 7, frozenset({OPERATOR, "reply lost", "fault"}))
    assert outcome.wrong and len(tried) <= 1 + 7 + 4


def test_another_complaint_is_not_the_same_one() -> None:
    def attempt(play: Play) -> Outcome:
        return outcome_of(play, "the CSMS knows transaction 7" if play.visits > 50 else "energy flows at EVSE 1")

    whole = Play(4, "1.6", 100)
    found, _ = shortest(whole, attempt(whole), lambda line: None, attempt)
    assert found.visits == 51
    assert kind_of(outcome_of(whole, "EVSE 1: 12.5 Wh")) == kind_of(outcome_of(whole, "EVSE 2: 7 Wh"))


def test_a_replay_is_a_command_line_that_a_shell_takes() -> None:
    words = shlex.split(command_of(Play(9, "2.0.1", 4, frozenset({"reply lost", OPERATOR}))))
    assert words[-4:] == ["--without", "operator", "--without", "reply lost"]
    done = subprocess.run(
        [sys.executable, *words[1:]], capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2]
    )
    assert (
        done.returncode == 0
        and "nothing is wrong" in done.stdout
        and "reply lost" not in done.stdout.split("trouble:")[1]
    )


@pytest.mark.parametrize("kind", sorted(KINDS)[:3])
def test_what_is_left_out_leaves_the_rest_as_it_is(kind: str) -> None:
    """The same visitors come, and other trouble comes when and as it did."""
    whole, less = live(Play(3, "2.0.1", 4)), live(Play(3, "2.0.1", 4, frozenset({kind})))
    assert kind not in less.troubles
    assert less.troubles.keys() >= {name for name, count in whole.troubles.items() if count > 1} - {kind}


def test_a_planted_mistake_is_drawn_with_what_led_to_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def breaks(self: _Happening) -> None:
        self._note("the reply is lost for good")
        await self._world.sleep(30)
        raise AssertionError("something <broke> after 30 s")

    monkeypatch.setattr(_Happening, "_lose_reply", breaks)
    play = next(play for play in (Play(seed, "2.0.1", 12) for seed in range(1, 9)) if live(play).wrong)
    found, outcome = shortest(play, live(play), lambda line: None)
    assert found.visits <= play.visits and "reply lost" not in found.without
    timeline = Timeline()
    assert live(found, timeline=timeline).wrong == outcome.wrong == ["something <broke> after 30 s"]
    timeline.write(tmp_path / "out" / "picture.html", outcome.wrong[0], outcome.wrong_at_s or 0.0)
    page = (tmp_path / "out" / "picture.html").read_text()
    assert "<h1>something &lt;broke&gt; after 30 s</h1>" in page and "the reply is lost for good" in page
    gc.collect()  # what a failed run left behind ends here, not in the midst of something else
    assert "station running" in page and "CSMS connected" in page and "wire" in page
