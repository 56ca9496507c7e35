"""The firmware's pure modules on CPython, their pins in the test's hands."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.plant.ev import offered_a
from hil.plant.faults import KINDS
from hil.rig.firmware.ev import offer_ma
from hil.rig.firmware.lines import LONGEST, Lines
from hil.rig.firmware.pilot import plateaus
from hil.rig.firmware.rig import Rig
from tests.drivers.fuzzing import fuzzed, spoiled
from tests.rig.hand_pins import ALL_CABLES, HandPins, HandRig

# --- the line ---------------------------------------------------------------------------------------------------------------


@fuzzed(st.binary(max_size=300), spoiled)
def test_whatever_arrives_is_answered_in_whole_lines_and_does_nothing(frame: bytes) -> None:
    rig = Rig(HandPins())
    piece = 1 + sum(frame) % 40
    said = b"".join(rig.receive(frame[at : at + piece]) for at in range(0, len(frame), piece))
    for line in said.splitlines():
        assert json.loads(line)["ok"] is False
    assert rig.ev is None and rig.faults == {}
    said = rig.receive(b'\n{"verb": "state", "id": 3}\n')
    assert json.loads(said.splitlines()[-1])["id"] == 3, "it is still there"


REQUESTS = (
    b'{"verb": "plug_in", "evse": 1, "ev": {"max_a": 16, "bcb": 2}, "cable_a": 20, "id": 1}',
    b'{"verb": "fault", "evse": 1, "kind": "pp_ohm", "value": 680, "id": 2}',
    b'{"verb": "fault", "kind": "mains", "clear": false}',
    b'{"verb": "ev", "evse": 1, "pilot": "C", "draw_a": 3.5, "phases": 3}',
    b'{"verb": "state", "after": 12}',
)


@fuzzed(st.sampled_from(REQUESTS), spoiled)
def test_a_mutated_request_is_refused_or_a_request(frame: bytes) -> None:
    rig = Rig(HandPins())
    for line in rig.receive(frame + b"\n").splitlines():
        answer = json.loads(line)
        assert isinstance(answer["ok"], bool) and (answer["ok"] or answer["error"])
    rig.step()
    assert set(rig.faults) <= set(KINDS)


@given(st.lists(st.binary(max_size=60).filter(lambda line: b"\n" not in line), max_size=6), st.integers(1, 30))
def test_how_the_bytes_are_cut_makes_no_difference(lines: list[bytes], piece: int) -> None:
    data = b"\n".join(lines) + b"\n"
    cut = Lines()
    found = [each for at in range(0, len(data), piece) for each in cut.feed(data[at : at + piece])]
    assert found == Lines().feed(data)


def test_a_line_without_end_is_told_once_and_the_next_one_counts() -> None:
    lines = Lines()
    assert lines.feed(b"x" * (LONGEST + 1)) == [f"a line has at most {LONGEST} bytes"]
    assert lines.feed(b"x" * 5000) == []
    assert lines.feed(b'x\n{"verb": "state"}\n') == [{"verb": "state"}]


# --- its verbs --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verb", "args", "error"),
    [
        ("dance", {}, "unknown verb `dance` on a rig"),
        ("power_cut", {}, "unknown verb `power_cut` on a rig"),
        ("plug_in", {}, "plug_in: `evse` is missing"),
        ("plug_in", {"evse": 2}, "plug_in: `evse` must be one of 1, not 2"),
        ("plug_in", {"evse": True}, "plug_in: `evse` must be one of 1, not True"),
        ("plug_in", {"evse": 1, "cable_a": 16}, "plug_in: `cable_a` must be one of 13, 20, 32, 63, 70, not 16"),
        ("plug_in", {"evse": 1, "ev": {"capacity_kwh": 5}}, "plug_in: unknown key `ev.capacity_kwh` on a rig"),
        ("plug_in", {"evse": 1, "ev": {"phases": 4}}, "`ev.phases` must be a whole number from 1 to 3, not 4"),
        ("plug_in", {"evse": 1, "ev": {"slow": 1}}, "`ev.slow` must be true or false, not 1"),
        ("plug_in", {"evse": 1, "ev": {"max_a": float("nan")}}, "`ev.max_a` must be a number from 0 to 100"),
        ("plug_in", {"evse": 1, "speed": 3}, "plug_in: unknown key `speed` (known: evse, ev, cable_a)"),
        ("unplug", {"evse": 1}, "unplug: no EV is plugged in"),
        ("ev", {"evse": 1, "pilot": "B"}, "ev: no EV is plugged in"),
        ("fault", {"kind": "weld", "evse": 1}, "fault: this rig cannot do `kind` weld (it can: diode, "),
        ("fault", {"kind": ["rcd"]}, "fault: this rig cannot do `kind` ['rcd']"),
        ("fault", {"kind": "diode"}, "fault diode: `evse` is missing"),
        ("fault", {"kind": "cp_short", "evse": 1, "value": 10}, "`value` must be one of 80, after_diode, not 10"),
        ("fault", {"kind": "pp_ohm", "evse": 1}, "`value` must be one of 1500, 680, 220, 100, 3000, open, not None"),
        ("fault", {"kind": "estop", "value": 1}, "fault estop: takes no `value`"),
        ("fault", {"kind": "rcd", "evse": 1, "clear": 1}, "fault rcd: `clear` must be true or false, not 1"),
        ("state", {"after": -1}, "state: `after` must be a whole number from 0 to"),
        ("state", {"since_s": 1.0}, "state: unknown key `since_s` (known: after)"),
    ],
)
def test_a_wrong_verb_is_one_line_and_changes_nothing(verb: str, args: dict[str, Any], error: str) -> None:
    rig = HandRig()
    assert error in rig.refused(verb, **args)
    assert rig.pins.on() == set() and rig.do("state")["plugged"] is False


@pytest.mark.parametrize(
    ("kind", "value", "relays"),
    [
        ("diode", None, {"diode_short"}),
        ("cp_short", None, {"cp_short"}),
        ("cp_short", "after_diode", {"cp_short_after_diode"}),
        ("pp_ohm", 3000.0, {"pp_3000"}),
        ("pp_ohm", "open", set()),
        ("rcd", None, {"rcd_trip"}),
        ("rcd", "error", {"rcd_error"}),
        ("rcd", "dead", set()),
        ("ground", None, {"pe_break"}),
        ("mains", None, {"mains_absent"}),
        ("estop", None, {"estop"}),
        ("lock_jam", None, set()),
    ],
)
def test_a_fault_is_its_relay_and_gone_when_mended(kind: str, value: Any, relays: set[str]) -> None:
    rig = HandRig()
    rig.do("fault", kind=kind, evse=1, **({} if value is None else {"value": value}))
    assert rig.pins.on() == relays
    assert f"fault {kind}" in rig.do("abilities")["can"]
    rig.do("fault", kind=kind, evse=1, clear=True)
    assert rig.pins.on() == set()


@pytest.mark.parametrize(("cable_a", "ohm"), ALL_CABLES.items())
def test_a_cable_has_its_resistor_until_it_leaves(cable_a: int, ohm: int) -> None:
    rig = HandRig()
    rig.do("plug_in", evse=1, cable_a=cable_a)
    assert rig.pins.on() == {"plug", f"pp_{ohm}"}
    rig.do("unplug", evse=1)
    assert rig.pins.on() == set()


def test_a_lock_that_holds_the_cable_keeps_its_resistor_and_no_plug_goes_into_a_locked_socket() -> None:
    rig = HandRig()
    rig.pins.drive("lock", True)
    rig.pass_s(0.3)
    rig.pins.drive("lock", False)
    rig.pass_s(0.1)
    assert rig.pins.on() == {"locked"}
    assert rig.refused("plug_in", evse=1) == "plug_in: the lock is not open, no plug goes in"
    rig.pins.drive("unlock", True)
    rig.pass_s(0.3)
    rig.pins.drive("unlock", False)
    rig.do("plug_in", evse=1)
    rig.pins.drive("lock", True)
    rig.pass_s(0.3)
    rig.pins.drive("lock", False)
    assert rig.do("unplug", evse=1)["cable_held"] is True
    assert rig.pins.on() == {"locked", "pp_220"}
    rig.pins.drive("unlock", True)
    rig.pass_s(0.3)
    assert rig.pins.on() == set()


def test_a_self_test_trips_the_monitor_for_a_while_unless_it_is_dead() -> None:
    rig = HandRig()
    rig.pass_s(1)
    rig.pins.drive("rcd_test", True)
    rig.pass_s(0.25)
    rig.pins.drive("rcd_test", False)
    rig.pass_s(3)
    assert [(round(at, 2), value) for at, _, value in rig.edges("rcd")] == [(1.6, True), (2.9, False)]
    rig.do("fault", kind="rcd", evse=1, value="dead")
    rig.pins.drive("rcd_test", True)
    rig.pass_s(3)
    assert len(rig.edges("rcd")) == 2


# --- its host ---------------------------------------------------------------------------------------------------------------


def test_a_silent_host_means_unplugged_and_everything_mended() -> None:
    rig = HandRig()
    rig.do("plug_in", evse=1, ev={"no_s2": True})
    rig.do("fault", kind="estop")
    rig.do("fault", kind="rcd", evse=1)
    rig.pass_s(2.0, alone=True)
    assert {"plug", "s2_c", "estop", "rcd_trip"} <= rig.pins.on(), "not before its time"
    rig.pass_s(0.01, alone=True)
    assert rig.pins.on() == set()
    state = rig.do("state")
    assert (state["silences"], state["plugged"], state["faults"]) == (1, False, {})
    rig.pass_s(10, alone=True)
    assert rig.do("state")["silences"] == 1, "an idle rig misses nobody"


def test_a_new_host_finds_nothing_of_the_last_one() -> None:
    rig = HandRig()
    rig.do("plug_in", evse=1)
    rig.do("fault", kind="diode", evse=1)
    said = rig.do("hello")
    assert (said["rig"], said["protocol"], said["boot"]) == ("pilotline-rig", 1, 7)
    assert rig.pins.on() == set()


# --- the pilot --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("samples", "found"),
    [
        ([12_000], (12_000, 12_000)),
        ([880, 900, 870], (880, 880)),
        ([-12_000] * 50 + [9_000] * 8, (9_000, -12_000)),
        ([-12_000] * 50 + [-4_000, 2_000] + [6_000] * 8, (6_000, -12_000)),
        ([890] * 30 + [-890] * 30, (890, -890)),
    ],
)
def test_a_burst_gives_both_plateaus(samples: list[int], found: tuple[int, int]) -> None:
    assert plateaus(samples) == found


def test_what_drives_the_pilot_is_told_with_its_times() -> None:
    rig = HandRig()
    rig.pass_s(1)
    for output in ("X1", 26.6, 26.7, 50.0, "X1", "F", "E"):
        rig.pins.output = output
        rig.pass_s(1)
    told = [(round(at, 1), value) for at, _, value in rig.edges("pilot")]
    assert told == [(1.0, "X1"), (2.0, 26_600), (4.0, 50_000), (5.0, "X1"), (6.0, "F"), (7.0, "E")]
    assert [(round(at, 1), value) for at, _, value in rig.edges("advertising")] == [(2.0, True), (5.0, False)]


def test_the_end_of_a_pwm_is_stamped_with_its_last_period() -> None:
    rig = HandRig()
    rig.pins.output = 50.0
    rig.pass_s(1)
    rig.pins.output = "X1"
    rig.pass_s(0.1, step_us=40_000)
    at = next(at for at, _, value in rig.edges("pilot") if value == "X1")
    assert at == 1.0


def test_a_period_that_is_none_of_the_pilots_tells_no_duty() -> None:
    rig = HandRig()
    rig.pins.output = "X1"
    rig.pass_s(0.1)
    rig.pins.pulse = lambda: (rig.pins.us, 400_000, 800_000)  # type: ignore[method-assign]
    rig.pass_s(0.1)
    assert rig.do("state")["pilot_output"] == "X1"


@pytest.mark.parametrize(("short_mv", "output"), [(890, "X1"), (0, "E"), (-890, "F")])
def test_behind_its_own_short_the_rig_still_tells_what_drives_the_line(short_mv: int, output: str) -> None:
    rig = HandRig()
    rig.do("fault", kind="cp_short", evse=1)
    rig.pins.samples_mv = lambda: [short_mv]  # type: ignore[method-assign]
    rig.pass_s(0.1)
    assert rig.do("state")["pilot_output"] == output


def test_a_duty_offers_what_it_offers_on_the_mock_bench() -> None:
    for duty_mpct in range(0, 100_001, 25):
        assert offer_ma(duty_mpct) == pytest.approx(offered_a(duty_mpct / 1000) * 1000, abs=1), duty_mpct


# --- the EV -----------------------------------------------------------------------------------------------------------------


def charging(rig: HandRig, **ev: Any) -> None:
    rig.pins.output = "X1"
    rig.do("plug_in", evse=1, ev=ev)
    rig.pass_s(1)
    rig.pins.output = 50.0
    rig.pass_s(2)
    rig.pins.drive("contact", True)
    rig.pass_s(3)


def test_a_willing_car_closes_s2_draws_what_is_offered_and_lets_go_when_the_pwm_ends() -> None:
    rig = HandRig()
    charging(rig, phases=3, max_a=20)
    assert rig.pins.on() == {"plug", "s2_c", "pp_220"}
    assert rig.do("state")["ev"] == {"asks": "C", "draw_ma": 20_000, "phases": 3}
    rig.pins.output = "X1"
    ended = rig.pins.us / 1e6
    rig.pass_s(3)
    edges = [(at - ended, what, value) for at, what, value in rig.edges("ev", "current") if at > ended]
    assert [(what, value) for _, what, value in edges] == [("current", 0), ("ev", "B")]
    assert edges[0][0] <= 1.0 and edges[1][0] <= 3.0


def test_a_contact_that_opens_takes_the_current_at_once() -> None:
    rig = HandRig()
    charging(rig)
    rig.pins.drive("contact", False)
    rig.firmware.step()
    assert rig.do("state")["ev"]["draw_ma"] == 0


@pytest.mark.parametrize(
    ("ev", "loads"),
    [
        ({}, ["B", "C"]),
        ({"no_s2": True}, ["C"]),
        ({"ventilation": True}, ["B", "D"]),
        ({"sleepy": True}, ["B"]),
        ({"bcb": 2}, ["B", "C", "B", "C", "B", "C"]),
    ],
)
def test_how_an_ev_asks(ev: dict[str, Any], loads: list[str]) -> None:
    rig = HandRig()
    charging(rig, **ev)
    rig.pass_s(2)
    assert [value for _, _, value in rig.edges("ev")] == loads


def test_a_sleeping_ev_wakes_on_a_dark_pilot() -> None:
    rig = HandRig()
    charging(rig, sleepy=True)
    rig.pins.output = "E"
    rig.pass_s(4)
    rig.pins.output = 50.0
    rig.pass_s(2)
    assert rig.do("state")["ev"]["asks"] == "C"


def test_an_ev_that_ignores_the_end_goes_on_and_a_forced_one_does_as_it_is_told() -> None:
    rig = HandRig()
    charging(rig, ignores_pwm_off=True)
    rig.pins.output = "X1"
    rig.pass_s(5)
    assert rig.do("state")["ev"] == {"asks": "C", "draw_ma": 30_000, "phases": 1}
    rig.do("ev", evse=1, pilot="D", draw_a=3.5)
    assert rig.do("state")["ev"] == {"asks": "D", "draw_ma": 3_500, "phases": 1}
    assert rig.pins.on() == {"plug", "s2_d", "pp_220"}
    rig.do("pause", evse=1)
    rig.do("resume", evse=1)
    rig.do("pause", evse=1)
    rig.pass_s(3)
    assert rig.do("state")["ev"]["asks"] == "B"


def test_edges_are_numbered_and_the_oldest_go_first() -> None:
    rig = HandRig()
    for number in range(500):
        rig.pins.us += 1000
        rig.pins.drive("contact", number % 2 == 0)
        rig.firmware.step()
    first = rig.do("state")["edges"]
    assert len(first) == 40 and first[0][0] == rig.do("state")["last_edge"] - 199
    numbers = [each[0] for each in first]
    assert numbers == list(range(numbers[0], numbers[0] + 40))
