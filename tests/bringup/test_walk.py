"""A whole bring-up on the simulated board: each of the bench's faults is found, its wire named, and the contactor stays open."""

from __future__ import annotations

from typing import Any

import pytest

from controller.bringup.finding import Verdict
from controller.bringup.person import Deed
from drivers.mock.ports import SimResidual
from tests.bringup.walk_world import walked

STEPS = [
    "mirror contact", "emergency stop", "mains", "earth", "pilot +12 V", "pilot -12 V", "pilot PWM in A", "pilot duty",
    "proximity, unplugged", "temperature", "residual-current test", "lock: lock", "lock: unlock", "meter", "meter voltages",
    "pilot in B", "pilot PWM in B", "proximity, plugged", "pilot in C", "contactor closes", "meter currents",
    "hardware watchdog",
]  # fmt: skip


def test_a_sound_charger_passes_every_step_and_closes_once() -> None:
    result = walked()
    assert result.steps() == STEPS
    other = {finding.step: finding.verdict for finding in result.findings if finding.verdict is not Verdict.PASSED}
    assert other == {"pilot duty": Verdict.NOT_BUILT}  # held plateaus tell none
    assert result.commands == 1 and not result.was_closed_at_end
    assert result.records == [(1, result.records[0][1])] and result.records[0][1] is not None


# Fault -> the step that finds it, and what its message must name.
FAULTS: tuple[tuple[dict[str, Any], str, str], ...] = (
    ({"kind": "cp_short"}, "pilot +12 V", "GPIO17 (enable_pin) of mock.toml [evse.1.pilot_driver]"),
    ({"kind": "pp_ohm", "value": 10}, "proximity, unplugged", "channel 2 of mock.toml [evse.1.proximity]"),
    ({"kind": "pp_ohm", "value": "open"}, "proximity, plugged", "PP is open"),
    ({"kind": "diode"}, "pilot PWM in B", "diode"),
    ({"kind": "rcd", "value": "trip"}, "residual-current test", "GPIO24 (trip_pin)"),
    ({"kind": "rcd", "value": "error"}, "residual-current test", "GPIO27 (error_pin)"),
    ({"kind": "rcd", "value": "dead"}, "residual-current test", "GPIO25 (test_pin)"),
    ({"kind": "weld"}, "mirror contact", "GPIO22 (mirror_pin)"),
    ({"kind": "mirror", "value": "inverted"}, "mirror contact", "contact_active_low"),
    ({"kind": "mirror", "value": "closed"}, "mirror contact", "GPIO23 (auxiliary_pin)"),
    ({"kind": "mirror", "value": "contradictory"}, "mirror contact", "GPIO22 (mirror_pin) and GPIO23 (auxiliary_pin)"),
    ({"kind": "lock_jam"}, "lock: lock", "GPIO18 (lock_pin)"),
    ({"kind": "over_temperature", "value": 80}, "temperature", "mock.toml [evse.1.temperature]"),
    ({"kind": "ground"}, "earth", "GPIO2 (pin) of mock.toml [evse.1.ground]"),
    ({"kind": "under_voltage", "value": 180}, "meter voltages", "L1, L2, L3"),
    ({"kind": "over_voltage", "value": 270}, "meter voltages", "L1, L2, L3"),
    ({"kind": "meter_silent"}, "meter", "meter of EVSE 1"),
    ({"kind": "mains"}, "mains", "GPIO13 (pin) of mock.toml [mains]"),
    ({"kind": "estop"}, "emergency stop", "GPIO0 (pin) of mock.toml [estop]"),
    ({"kind": "adc"}, "pilot +12 V", "pilot of EVSE 1"),
)


@pytest.mark.parametrize(("fault", "step", "names"), FAULTS, ids=lambda value: str(value)[:40])
def test_a_fault_is_found_its_wire_named_and_nothing_closed(fault: dict[str, Any], step: str, names: str) -> None:
    of_station = fault["kind"] in ("mains", "estop", "adc")
    result = walked(fault if of_station else {**fault, "evse": 1})
    assert step in result.bad(), result.bad()
    assert names in result.bad()[step]
    assert result.commands == 0 and not result.was_closed_at_end and result.records == []
    assert Deed.CLOSE not in result.asked, "nobody is asked for leave that must not be given"
    assert "first mend" in result.findings[-1].measured


@pytest.mark.parametrize(
    ("fault", "names"),
    [
        ({"kind": "stuck_open"}, "GPIO16 (pin) of mock.toml [evse.1.contactor]"),
        ({"kind": "mirror", "value": "open"}, "GPIO22 (mirror_pin)"),
    ],
)
def test_a_contactor_that_does_not_close_names_coil_and_contacts(fault: dict[str, Any], names: str) -> None:
    result = walked({**fault, "evse": 1})
    assert list(result.bad()) == ["contactor closes"] and names in result.bad()["contactor closes"]
    assert not result.was_closed_at_end


def test_a_contactor_that_welds_while_it_is_tried_is_told_as_a_danger() -> None:
    result = walked(welds=True)
    assert list(result.bad()) == ["hardware watchdog", "contactor opens"]
    assert result.bad()["contactor opens"].startswith("ISOLATE THE SUPPLY")
    assert "GPIO16 (pin)" in result.bad()["contactor opens"] and not result.was_closed_at_end


@pytest.mark.parametrize("kind", ["ground", "cp_short", "estop", "rcd"])
def test_what_goes_wrong_after_leave_was_given_opens_and_is_told(kind: str) -> None:
    fault = {"kind": kind} if kind == "estop" else {"kind": kind, "evse": 1}
    result = walked(at={Deed.CLOSE: fault})
    assert result.bad() and not result.was_closed_at_end
    assert "hardware watchdog" not in result.steps()


def test_a_watchdog_that_holds_nothing_off_is_found() -> None:
    result = walked(bridged_watchdog=True)
    assert list(result.bad()) == ["hardware watchdog"]
    assert "GPIO20 (pin) of mock.toml [watchdog]" in result.bad()["hardware watchdog"]
    assert not result.was_closed_at_end


@pytest.mark.parametrize(
    ("deed", "left_out"),
    [
        (Deed.UNPLUG, "wires without a vehicle"),
        (Deed.PLUG_IN, "a vehicle's circuit"),
        (Deed.ASK, "pilot in C"),
        (Deed.CLOSE, "contactor"),
    ],
)
def test_what_a_person_does_not_do_is_left_out_and_the_contactor_stays_open(deed: Deed, left_out: str) -> None:
    result = walked(refuses=(deed,))
    assert left_out in [finding.step for finding in result.findings if finding.verdict is Verdict.LEFT_OUT]
    assert result.commands == 0
    assert not result.was_closed_at_end


def test_readers_tell_a_card_by_its_end_and_a_lost_one_by_its_name() -> None:
    found = walked(readers=True).findings
    assert [finding.verdict for finding in found] == [Verdict.PASSED, Verdict.PASSED]
    assert "…E680" in found[0].measured and "04A2" not in found[0].measured
    lost = walked({"kind": "reader_gone", "value": "pn532"}, readers=True).findings[0]
    assert lost.is_bad and "reader pn532" in lost.measured


def test_a_monitor_with_two_outputs_is_given_the_time_that_the_station_gives_it() -> None:
    result = walked(rcd_outputs=2)
    found = next(finding for finding in result.findings if finding.step == "residual-current test")
    assert found.verdict is Verdict.PASSED and found.measured.startswith("trips after 12"), found
    assert result.commands == 1


def test_a_monitor_whose_outputs_do_not_both_trip_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SimResidual, "is_partly_tripped", lambda self: self.is_tripped())
    result = walked(rcd_outputs=2)
    assert "GPIO24 (trip_pin)" in result.bad()["residual-current test"]
    assert any(finding.measured == "the test trips only one of its two outputs" for finding in result.findings)
    assert result.commands == 0
