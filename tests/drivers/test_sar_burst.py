"""The pilot out of bursts: the extraction on synthetic waveforms, the converter bit by bit, and the port's contract."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.config import ConfigError, load_board
from controller.config.board import boards_directory
from controller.hal import DeviceGone, ImplausibleReading, PilotReading
from controller.logic.evse import PilotState
from controller.logic.plateau import LOW_PLATEAU_V, band_of
from drivers import registry
from drivers.bus import Buses
from drivers.mock.mcp3208_spi import Mcp3x08
from drivers.pilot.plateaus import NoPlateau, plateaus_of
from hil.contracts.pilot import PilotSenseContract
from tests.drivers.driver_rig import Section, install_entry_points, section
from tests.drivers.fuzzing import fuzzed
from tests.safety.safety_world import SafetyWorld

RATE = 23_700.0
N = 95


def waveform(
    high: float,
    low: float,
    duty: float,
    phase: float,
    noise: float = 0.0,
    seed: int = 0,
    edge_s: float = 2e-6,
    jitter: float = 0.0,
) -> list[float]:
    """A burst of a 1 kHz PWM with edges that take a while, noise, and jitter of the sampling."""
    dice = random.Random(seed)
    volts = []
    for place in range(N):
        t = (place / RATE + dice.gauss(0, jitter) + phase * 1e-3) % 1e-3
        on = duty * 1e-3
        if t < edge_s:
            value = low + (high - low) * t / edge_s
        elif t < on:
            value = high
        elif t < on + edge_s:
            value = high - (high - low) * (t - on) / edge_s
        else:
            value = low
        volts.append(value + dice.gauss(0, noise))
    return volts


@given(
    high=st.sampled_from([12.0, 9.0, 6.0, 3.0]),
    drift=st.floats(-0.6, 0.6),
    duty=st.floats(0.10, 0.85),
    phase=st.floats(0, 1),
    noise=st.floats(0, 0.1),
    seed=st.integers(0, 1000),
    edge_us=st.floats(0.1, 10),
)
def test_both_plateaus_are_found_over_duty_noise_drift_and_edges(
    high: float, drift: float, duty: float, phase: float, noise: float, seed: int, edge_us: float
) -> None:
    volts = waveform(high + drift / 2, -12.0 + drift / 2, duty, phase, noise, seed, edge_us * 1e-6, 2e-6)
    found = plateaus_of(volts)
    assert found.high_v == pytest.approx(high + drift / 2, abs=0.25)
    assert found.low_v == pytest.approx(-12.0 + drift / 2, abs=0.25)
    assert found.duty_pct == pytest.approx(100 * duty, abs=3.0)


@given(st.floats(0.10, 0.85), st.floats(21_000.0, 32_000.0), st.floats(0, 1))
def test_the_duty_is_right_at_any_rate_of_the_bus_wherever_the_burst_begins(
    duty: float, rate: float, phase: float
) -> None:
    found = plateaus_of([9.0 if (place / rate * 1e3 + phase) % 1.0 < duty else -12.0 for place in range(N)])
    assert found.duty_pct is not None and found.duty_pct == pytest.approx(100 * duty, abs=4.8)


def test_a_burst_without_a_whole_period_tells_no_duty() -> None:
    volts = [9.0 if place % 60 < 30 else -12.0 for place in range(95)]
    assert plateaus_of(volts).duty_pct is None and plateaus_of(volts).high_v == 9.0


@given(st.floats(0.05, 0.96), st.floats(0, 1), st.sampled_from([12.0, 9.0, 6.0, 3.0]))
def test_a_duty_beyond_its_limits_is_right_or_no_reading(duty: float, phase: float, high: float) -> None:
    try:
        found = plateaus_of(waveform(high, -12.0, duty, phase, 0.05))
    except NoPlateau:
        return
    assert found.high_v == pytest.approx(high, abs=0.3) and found.low_v == pytest.approx(-12.0, abs=0.3)


@pytest.mark.parametrize(("high", "low"), [(9.0, -8.8), (6.0, -5.6), (3.0, -2.4)])
def test_a_shorted_diode_shows_in_the_low_plateau(high: float, low: float) -> None:
    found = plateaus_of(waveform(high, low, 0.5, 0.3, 0.05))
    assert found.low_v == pytest.approx(low, abs=0.2)
    assert not LOW_PLATEAU_V[0] <= found.low_v <= LOW_PLATEAU_V[1]


@pytest.mark.parametrize("volts", [12.0, 9.0, 6.0, 3.0, 0.0, -12.0])
def test_a_steady_line_has_one_plateau(volts: float) -> None:
    found = plateaus_of([volts + random.Random(1).gauss(0, 0.05) for _ in range(N)])
    assert (found.high_v, found.duty_pct) == (pytest.approx(volts, abs=0.1), None) and found.low_v == found.high_v


def disturbed(dice: random.Random, volts: Sequence[float]) -> list[float]:
    """Noise, a few levels with noise on them, a steady line with few hits off it, or a burst of which a part is another."""
    kind = dice.randrange(5)
    if kind == 0:
        return [dice.uniform(-13.2, 13.2) for _ in range(N)]
    if kind == 1:
        levels, noise_v = [dice.uniform(-13.2, 13.2) for _ in range(dice.randrange(1, 5))], dice.choice((0.1, 0.5, 2.0))
        return [dice.choice(levels) + noise_v * (dice.random() - 0.5) for _ in range(N)]
    if kind == 2:
        around_v, spread_v = dice.choice((6.0, 3.0)), dice.choice((0.5, 2.0, 5.0))
        few = [around_v + spread_v * (dice.random() - 0.5) for _ in range(dice.randrange(3, 12))]
        return [*few, *[dice.uniform(-13.2, around_v - 4.0)] * (N - len(few))]
    if kind == 3:
        high_v, duty = dice.choice((12.0, 9.0, 6.0, 3.0)), dice.uniform(0.05, 0.97)
        volts = waveform(
            high_v, dice.uniform(-13.2, 0.0), duty, dice.random(), dice.choice((0.05, 0.3, 1.0)), dice.randrange(99)
        )
    first, last = sorted((dice.randrange(N), dice.randrange(N)))
    return [*volts[:first], *(dice.uniform(-13.2, 13.2) for _ in range(last - first)), *volts[last:]]


@fuzzed(st.lists(st.floats(-13.2, 13.2), min_size=N, max_size=N), disturbed)
def test_noise_is_never_a_vehicle_that_asks(frame: Sequence[float]) -> None:
    """Whatever is read as C or D under PWM has a quiet plateau there, and a quiet one below."""
    try:
        found = plateaus_of(frame)
    except NoPlateau:
        return
    if band_of(found.high_v) in (PilotState.C, PilotState.D):
        for plateau_v in (found.high_v, found.low_v):
            assert sum(abs(each - plateau_v) < 0.6 for each in frame) >= 5


HIGH_HITS, LOW_HITS = [5.55, 5.57, 5.74, 6.7, 9.21], [-11.9, -11.8, -12.0, -12.9, -9.5]


@pytest.mark.parametrize("volts", [HIGH_HITS + [-12.0] * 90, [6.0] * 90 + LOW_HITS], ids=["above", "below"])
def test_three_hits_that_agree_by_chance_are_no_plateau(volts: list[float]) -> None:
    with pytest.raises(NoPlateau, match=r"the (high|low) plateau has 3 hits around .*: fewer than 5"):
        plateaus_of(volts)


@given(st.integers(0, 10_000))
def test_white_noise_is_no_pilot(seed: int) -> None:
    dice = random.Random(seed)
    with pytest.raises(NoPlateau):
        plateaus_of([dice.uniform(-13.2, 13.2) for _ in range(N)])


# --- the converter ----------------------------------------------------------------------------------------------------------


class SpiBus:
    Settings = type("Settings", (), {})

    def __init__(self, settings: Mcp3x08, where: str) -> None:
        self._chip = settings

    def device(self, speed_hz: int) -> Mcp3x08:
        return self._chip


class Rig:
    tolerance_v = 0.1

    def __init__(self, chip: str = "mcp3208", bits: int = 12) -> None:
        self._high = self._low = 12.0
        self.chip = Mcp3x08(self._volts, bits)
        self.duty = 0.5
        bus = Section("bus", "chip_spi", "spi", self.chip)
        self.buses = Buses((bus,), (), monotonic=self.monotonic)
        self.sense = registry.build(section("pilot_sense", "sar_burst", chip=chip, channel=5), self.buses)

    def _volts(self, channel: int, now: float) -> float:
        high = now % 1e-3 < self.duty * 1e-3
        return ((self._high if high else self._low) + 13.2) / 8 if channel == 5 else 0.0

    def plateaus(self, high_v: float, low_v: float) -> None:
        self._high, self._low = high_v, low_v

    def break_converter(self, broken: bool) -> None:
        self.chip.is_broken = broken

    def monotonic(self) -> float:
        return self.chip.now

    def next_period(self) -> None:
        self.chip.now += 0.006


@pytest.fixture(autouse=True)
def chip_spi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_entry_points(tmp_path / "site", monkeypatch, {"bus.chip_spi": "tests.drivers.test_sar_burst:SpiBus"})


class TestSarBurst(PilotSenseContract):
    @pytest.fixture(params=[("mcp3208", 12), ("mcp3008", 10)], ids=["MCP3208", "MCP3008"])
    def rig(self, request: pytest.FixtureRequest) -> Rig:
        return Rig(*request.param)

    def test_a_pass_takes_less_than_five_milliseconds(self, rig: Rig) -> None:
        before = rig.monotonic()
        rig.sense.collect()
        assert rig.monotonic() - before <= 0.005

    @pytest.mark.parametrize("volts", [-13.2, 13.2 - 0.001])
    def test_a_wire_that_is_off_is_no_reading(self, rig: Rig, volts: float) -> None:
        rig.plateaus(volts, volts)
        with pytest.raises(ImplausibleReading, match="every sample is"):
            rig.sense.collect()

    def test_a_bus_error_names_chip_and_wires(self, rig: Rig) -> None:
        rig.break_converter(True)
        with pytest.raises(DeviceGone, match=r"MCP3.08 of test.toml .*check SCLK, MOSI"):
            rig.sense.collect()

    @pytest.mark.parametrize("duty", [0.1, 0.267, 0.5, 0.85])
    def test_the_duty_is_measured(self, rig: Rig, duty: float) -> None:
        rig.plateaus(9, -12)
        rig.duty = duty
        assert rig.sense.collect().duty_pct == pytest.approx(100 * duty, abs=3)

    def test_a_pwm_that_stopped_is_seen_in_the_next_pass(self, rig: Rig) -> None:
        rig.plateaus(6, -12)
        assert rig.sense.collect().low_v == pytest.approx(-12, abs=0.1)
        rig.duty = 1.0
        rig.next_period()
        reading = rig.sense.collect()
        assert isinstance(reading, PilotReading) and reading.low_v == reading.high_v and reading.duty_pct is None


def test_a_board_that_offers_more_than_bursts_can_see_is_refused(tmp_path: Path) -> None:
    text = (boards_directory() / "reference-spi.toml").read_text()
    (tmp_path / "b.toml").write_text(text.replace("hardware_max_a = 32", "hardware_max_a = 63"))
    with pytest.raises(ConfigError, match=r"hardware_max_a = 63.0: bursts see too little of a low plateau above 51 A"):
        load_board(str(tmp_path / "b.toml"), Path("/run"))


# --- on the plant: the driver, chip and waveform in the place of the simulated sense ----------------------------------------------


class Bursts:
    """The driver behind the plant's pilot line. inverts: the pilot driver's polarity is the wrong way round."""

    def __init__(self) -> None:
        self.rig = Rig()
        self.world: SafetyWorld | None = None
        self.inverts = False
        self.begin = self.rig.sense.begin

    def collect(self) -> PilotReading:
        if self.world is not None:
            line = self.world.plant.evses[1]
            self.rig.plateaus(*line.plateaus())
            duty = (line.duty_pct or 100.0) / 100.0
            self.rig.duty = 1.0 - duty if self.inverts and line.duty_pct is not None else duty
            self.rig.chip.now = self.world.now
        seen = self.rig.sense.collect()
        assert isinstance(seen, PilotReading)
        return seen


@pytest.fixture
def bursts() -> Bursts:
    return Bursts()


@pytest.fixture
def world(bursts: Bursts) -> SafetyWorld:
    made = SafetyWorld(ticked=True, wrap=lambda name, port: bursts if name == "pilot_sense" else port)
    bursts.world = made
    return made


def test_it_charges_at_each_current_and_opens_in_time_when_the_vehicle_leaves(world: SafetyWorld) -> None:
    world.charge()
    for amps in (6.0, 13.0, 32.0):
        world.permit(amps=amps)
        assert world.run(20.0, lambda amps=amps: world.facts().signalled_a == pytest.approx(amps, abs=0.1))  # type: ignore[misc]
        world.run(3.0)
        assert world.commanded() and world.facts().faults == ()
    left = world.now
    world.verb("unplug", evse=1)
    assert world.run(0.2, lambda: not world.commanded()) and world.now - left <= 0.060


def test_a_pilot_driver_that_inverts_never_charges(world: SafetyWorld, bursts: Bursts) -> None:
    bursts.inverts = True
    world.verb("plug_in", evse=1)
    world.verb("ev", evse=1, pilot="C", draw_a=5)
    world.permit()
    world.run(20.0)
    assert not world.commanded() and world.facts().faults == ("pilot_duty",)
    assert world.facts().blocked_by[0].startswith("pilot PWM with a duty that is not driven")


def test_a_vehicle_without_diode_never_gets_power(world: SafetyWorld) -> None:
    world.verb("fault", evse=1, kind="diode")
    world.verb("plug_in", evse=1)
    world.permit()
    world.run(10.0)
    assert not world.commanded() and world.facts().faults == ("pilot_diode",)
