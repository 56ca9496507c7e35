"""What is measured: openings from what the plant stamped, lateness from the loop itself. A planted delay is seen in both."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest

from controller.logic.evse import PilotState
from controller.logic.invariants import Breach, TracePoint, Watched
from controller.safety.loop import SafetyLoop
from controller.safety.server import StationServer
from controller.safety.supervisor import SafetySupervisor
from hil.measure.floor import histogram
from hil.measure.paced import Lateness, UnpacedMonitor
from hil.measure.percentiles import Distribution
from hil.measure.reaction import Reactions, Toggler
from hil.measure.safety import figures, measure
from hil.plant.ev_options import EvOptions
from hil.plant.evse import EvseModel, Supply
from hil.plant.values import Edge, PlantEvse

ROOT = Path(__file__).parents[2]
PERIOD_S = 0.010


def edges(*told: tuple[float, str, str | bool]) -> list[Edge]:
    return [Edge(at_s, what, value) for at_s, what, value in told]


@pytest.mark.parametrize(
    ("seen", "taken_s", "unprompted"),
    [
        (edges((1.0, "command", True), (2.0, "ev", "B"), (2.018, "command", False)), [0.018], 0),
        (edges((1.0, "command", True), (2.0, "ev", "A"), (2.5, "command", False)), [0.5], 0),
        (edges((1.0, "command", True), (2.0, "command", False)), [], 1),
        (edges((2.0, "ev", "B"), (2.1, "ev", "C"), (2.2, "command", True)), [], 0),
        (edges((1.0, "command", True), (2.0, "ev", "B"), (2.01, "ev", "C"), (2.02, "command", False)), [], 1),
        (edges((1.0, "command", False), (2.0, "ev", "B"), (2.02, "command", False)), [], 0),
        (
            edges(
                (1.0, "command", True), (1.1, "contact", True), (2.0, "ev", "B"), (2.02, "command", False),
                (3.0, "ev", "C"), (4.0, "command", True), (5.0, "ev", "B"), (5.5, "command", False),
            ),
            [0.02, 0.5],
            0,
        ),
    ],
)  # fmt: skip
def test_an_opening_is_told_from_the_edge_that_asked_for_it(
    seen: list[Edge], taken_s: list[float], unprompted: int
) -> None:
    reactions = Reactions()
    reactions.feed(seen)
    assert reactions.taken_s == pytest.approx(taken_s) and reactions.unprompted == unprompted


def test_the_vehicle_turns_only_when_the_contactor_has_followed_and_every_opening_is_counted() -> None:
    model = EvseModel(PlantEvse(id=1), Supply(is_kicked=True, mains=True, estop=False), "0", 0.0)
    model.plug_in(EvOptions(), 32, 0.0)
    toggler = Toggler(model, random.Random(1), PERIOD_S)
    commanded_at = 0.0
    turned = 0
    for tick in range(4000):  # the contactor is told 20 ms after each turn
        now = tick / 1000
        due = model.deadline()
        if due is not None and due <= now:
            model.on_deadline(now)
        if toggler.act(now):
            turned += 1
            commanded_at = now + 0.020
        asking = model.ev is not None and model.ev.load.value == "C"
        if now >= commanded_at and model.command is not asking:
            model.command = asking
            model.refresh(now)
    assert turned > 40
    assert len(toggler.reactions.taken_s) in (turned // 2, turned // 2 - 1) and toggler.reactions.unprompted == 0
    assert toggler.reactions.taken_s == pytest.approx([0.020] * len(toggler.reactions.taken_s), abs=0.0011)


class Nothing:
    """A supervisor and a server that do nothing, so that the loop's own time is all there is."""

    def __init__(self, takes: Callable[[int], None]) -> None:
        self.passes = 0
        self._takes = takes

    def receive(self, supervisor: object, now: float) -> None: ...

    def send(self, facts: object) -> None: ...

    def pass_(self, now: float) -> None:
        self.passes += 1
        self._takes(self.passes)

    def outgoing(self, now: float) -> list[object]:
        return []


def lateness_of(
    oversleeps: Callable[[int], float], passes: int = 1000, takes: Callable[[int], float] = lambda _: 0.0
) -> Distribution:
    """Run the real loop on a clock of its own, with a sleep that lasts too long by `oversleeps(number)` and passes that take `takes`."""
    clock = [0.0]

    def spend(number: int) -> None:
        clock[0] += takes(number)

    nothing, lateness = Nothing(spend), Lateness(PERIOD_S)

    def sleep(seconds: float) -> None:
        clock[0] += seconds + oversleeps(nothing.passes)
        loop.stop = nothing.passes >= passes

    loop = SafetyLoop(
        cast(SafetySupervisor, nothing),
        cast(StationServer, nothing),
        PERIOD_S,
        monotonic=lambda: clock[0],
        sleep=sleep,
        woke=lateness.woke,
    )
    loop.run(lambda: None)
    return Distribution(lateness.counted())


def test_a_loop_that_wakes_in_time_is_not_late() -> None:
    late = lateness_of(lambda _: 0.0)
    assert len(late) == 999 and late.greatest <= 1


def test_a_planted_delay_in_the_loop_is_seen() -> None:
    late = lateness_of(lambda number: 0.003 if number % 100 == 50 else 0.0)
    assert late.at(50.0) <= 1 and 2_999 <= late.at(99.5) <= 3_001


def test_a_wake_that_is_late_by_periods_is_counted_once() -> None:
    late = lateness_of(lambda number: 0.025 if number == 500 else 0.0)
    assert late.greatest == pytest.approx(25_000, abs=2) and late.at(99.8) <= 1


def test_slots_that_a_long_pass_swallowed_are_seen_too() -> None:
    late = lateness_of(lambda _: 0.0, takes=lambda number: 0.025 if number == 500 else 0.0)
    assert late.greatest == pytest.approx(20_000, abs=2)  # the next reading came 30 ms after that pass began


def test_the_measured_monitor_forgives_only_the_pacing() -> None:
    monitor = UnpacedMonitor(Watched(1, 32.0, False, False, False))
    found: list[Breach] = monitor.observe(TracePoint(at_s=1.0, closed=True, pilot=PilotState.A, high_v=12.0))
    broken = {breach.invariant for breach in found}
    assert {1, 2, 4, 15} <= broken and not {10, 21} & broken


def test_nothing_that_ships_knows_the_measured_process() -> None:
    for package in ("controller", "drivers", "systemd"):
        for path in (ROOT / package).rglob("*"):
            if path.suffix in (".py", ".toml", ".service"):
                assert "hil.measure" not in path.read_text(), path


def test_both_floors_are_read() -> None:
    ours = histogram(["scheduled fifo", "12 100", "13 5"])
    cyclictest = histogram(
        ["# /dev/cpu_dma_latency set to 0us", "# Histogram", "000012 000090 000010", "000013 000003 000002"]
    )
    assert len(ours) == len(cyclictest) == 105
    assert ours.at(50.0) == cyclictest.at(50.0) == 12 and ours.greatest == cyclictest.greatest == 13


@pytest.mark.wire
def test_a_delay_planted_in_the_real_process_fails_its_figures(tmp_path: Path) -> None:
    """30 ms too long in every sleep, so two readings are 40 ms apart: whatever this machine does beside it can only add to that."""
    run = measure(tmp_path / "planted", 2, "", lambda _: None, planted_delay_s=0.030, sites=1)
    assert len(run.reaction_ms) >= 2 and run.reaction_ms.at(50.0) >= 40.0 and run.late_us.at(50.0) >= 30_000
    failed = {shape.name for shape in figures(run, lambda _: None) if not shape.holds}
    assert "reaction__p50_ms" in failed
