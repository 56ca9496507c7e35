"""Energy: the exact integral, whatever the controller does and however often anybody looks."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from hil.plant import Edge, Plant, PlantEvse
from hil.plant.energy import EnergyIntegral
from hil.plant.meter import MeterShown, sdm630_registers

RELAY_OPENS_WITHIN_S = 0.020


def test_energy_of_a_steady_charge_is_the_closed_form(station):
    station.charging(16, phases=3)
    before = station.energy_wh
    station.after(3600)
    assert station.energy_wh - before == pytest.approx(3 * 16 * 230, rel=1e-12)


def test_energy_follows_the_voltage(station):
    station.charging(16)
    station.plant.verb("fault", evse=1, kind="under_voltage", value=115)
    before = station.energy_wh
    station.after(3600)
    assert station.energy_wh - before == pytest.approx(16 * 115, rel=1e-12)


def test_no_energy_while_the_contact_is_open(station):
    station.charging(16).open().after(0.1)
    before = station.energy_wh
    assert station.after(10_000).energy_wh == before


@given(st.lists(st.tuples(st.floats(0, 22_000), st.floats(0.001, 5000)), min_size=1, max_size=30))
def test_integral_is_the_sum_of_power_times_time(steps):
    energy, now = EnergyIntegral(0.0, 0.0), 0.0
    for power, lasts in steps:
        energy.set_power(power, now)
        energy.at(now + lasts / 3)  # looking changes nothing
        now += lasts
    assert energy.at(now) == pytest.approx(math.fsum(p * t for p, t in steps) / 3600, rel=1e-9, abs=1e-9)


@given(st.lists(st.floats(0.001, 100.0), min_size=1, max_size=60))
@settings(max_examples=30)
def test_energy_does_not_depend_on_how_often_the_plant_is_advanced(looks):
    def run(stops):
        plant = Plant([PlantEvse(1)], 0.0, seed=3)
        plant.imply_kicks(True)
        plant.cp_enable(1, True)
        plant.verb("plug_in", evse=1, ev={"capacity_kwh": 1, "soc_pct": 50})
        plant.pwm(1, 30.0)
        plant.contactor(1, True)
        for stop in stops:
            plant.advance(stop)
        plant.advance(7000.0)
        return plant.observed.evses[1]

    at, stops = 0.0, []
    for look in looks:
        stops.append(at := at + look)
    assert run(stops) == run([])


def test_meter_register_shows_whole_watt_hours_of_the_integral(station):
    station.charging(16).after(1000)
    assert station.plant.meter(1).energy_wh == 1_000_000 + math.floor(station.energy_wh)


def test_sdm630_registers_hold_their_quantities():
    shown = MeterShown((230, 231, 232), (1, 2, 3), (230, 462, 696), 12_345.0, 50.02, 0.98)
    registers = sdm630_registers(shown)
    assert [registers[address] for address in (0x00, 0x02, 0x04)] == [230, 231, 232]
    assert [registers[address] for address in (0x06, 0x08, 0x0A)] == [1, 2, 3]
    assert [registers[address] for address in (0x0C, 0x0E, 0x10)] == [230, 462, 696]
    assert (registers[0x34], registers[0x46], registers[0x48], registers[0x4A]) == (1388, 50.02, 12.345, 0.0)


@pytest.mark.parametrize(
    ("value", "energy_wh", "volts"),
    [(5, 5.0, 230.0), ({"energy_wh": 7, "voltage_v": 1.0}, 7.0, 1.0), ({"voltage_v": 0}, 1_000_000.0, 0.0)],
)
def test_meter_value_falsifies_what_the_meter_shows(plant, value, energy_wh, volts):
    plant.verb("fault", evse=1, kind="meter_value", value=value)
    shown = plant.meter(1)
    assert (shown.energy_wh, shown.voltage_v[0]) == (energy_wh, volts)


def energy_by_edges(edges: tuple[Edge, ...], now: float) -> float:
    """Integrate the current edges again, apart from the plant's own sum (230 V)."""
    total, amps, since = 0.0, 0.0, 0.0
    for edge in edges:
        if edge.what == "current":
            total += amps * 230.0 * (edge.at_s - since)
            amps, since = float(edge.value), edge.at_s  # type: ignore[arg-type]
    return (total + amps * 230.0 * (now - since)) / 3600.0


def closed_without_supply_s(edges: tuple[Edge, ...], now: float) -> float:
    """Return the longest time that the contact was closed while the relay supply was down."""
    supply, closed, since, longest = False, False, now, 0.0
    for edge in (*edges, Edge(now, "end", None)):
        if closed and not supply:
            longest = max(longest, edge.at_s - since)
        if edge.what == "relay_supply":
            supply, since = bool(edge.value), edge.at_s if not edge.value else since
        elif edge.what == "contact":
            closed, since = bool(edge.value), edge.at_s if edge.value else since
    return longest


class AnyController(RuleBasedStateMachine):
    """A controller that does anything at all, with an EV and faults that do anything (but weld)."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        self.plant = Plant([PlantEvse(1)], self.now, seed=1)

    @property
    def plugged(self) -> bool:
        return self.plant.evses[1].is_plugged

    @rule(seconds=st.one_of(st.floats(0.001, 0.4), st.floats(1.0, 600.0)))
    def wait(self, seconds):
        self.now += seconds
        self.plant.advance(self.now)

    @rule()
    def kick(self):
        self.plant.kick(self.now)

    @rule(kicking=st.booleans())
    def imply_kicks(self, kicking):
        self.plant.imply_kicks(kicking)

    @rule(closed=st.booleans())
    def contactor(self, closed):
        self.plant.contactor(1, closed)

    @rule(duty=st.one_of(st.none(), st.floats(1, 99)), level=st.booleans())
    def pwm(self, duty, level):
        self.plant.pwm(1, duty, level)

    @rule(enabled=st.booleans())
    def cp_enable(self, enabled):
        self.plant.cp_enable(1, enabled)

    @precondition(lambda self: not self.plugged)
    @rule(
        phases=st.integers(1, 3), options=st.sampled_from([{}, {"no_s2": True}, {"ignores_pwm_off": True}, {"bcb": 2}])
    )
    def plug_in(self, phases, options):
        self.plant.verb("plug_in", evse=1, ev={"phases": phases, "capacity_kwh": 5, **options})

    @precondition(lambda self: self.plugged)
    @rule()
    def unplug(self):
        self.plant.verb("unplug", evse=1)

    @precondition(lambda self: self.plugged)
    @rule(pilot=st.sampled_from("BCD"), amps=st.one_of(st.none(), st.floats(0, 40)))
    def force(self, pilot, amps):
        self.plant.verb("ev", evse=1, pilot=pilot, draw_a=amps)

    @rule(
        kind=st.sampled_from(["diode", "cp_short", "rcd", "stuck_open", "over_current", "ground", "mains", "estop"]),
        clear=st.booleans(),
    )
    def fault(self, kind, clear):
        where = {} if kind in ("mains", "estop") else {"evse": 1}
        self.plant.verb("fault", **where, kind=kind, clear=clear)

    @invariant()
    def energy_is_the_integral_of_the_current_edges(self):
        seen = self.plant.observed.evses[1]
        assert seen.energy_wh == pytest.approx(energy_by_edges(seen.edges, self.now), rel=1e-9, abs=1e-7)

    @invariant()
    def contact_opens_when_the_relay_supply_drops(self):
        edges = self.plant.observed.evses[1].edges
        assert closed_without_supply_s(edges, self.now) <= RELAY_OPENS_WITHIN_S + 1e-9

    @invariant()
    def no_current_without_contact(self):
        seen = self.plant.observed.evses[1]
        assert seen.contact_closed or not any(seen.current_a)

    @invariant()
    def next_change_lies_ahead(self):
        due = self.plant.next_change()
        assert due is None or due >= self.now


TestAnyController = AnyController.TestCase
TestAnyController.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
