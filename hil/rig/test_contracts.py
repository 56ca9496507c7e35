"""The ports' contracts on the station's own drivers and wires, the rig at their far end. The station must not run: it has the pins.

What a rig of resistors cannot do of a contract is skipped; what it measures less exactly than a file on this machine is judged by what
the standard allows.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from controller.hal import DigitalInput, PilotDriver, PilotReading, ProximitySense, ResidualCurrent, plateaus_of
from controller.wiring_safety import SafetyWiring, build_safety
from hil.contracts.pilot import PilotDriverContract, ProximitySenseContract
from hil.contracts.safety_io import DigitalInputContract, ResidualCurrentContract
from hil.rig.standing import StandingRig

pytestmark = pytest.mark.rig

SETTLED_S = 0.05  # relays, converters and the rig's own look
PULSE_WIDTH_PCT = 0.5  # +-5 us (IEC 61851-1, unverified)
KICK_S = 0.05


class Wired:
    """The drivers of the EVSE that the rig stands at. The hardware watchdog is kicked: without it, the pilot is cut off."""

    def __init__(self, rig: StandingRig, wiring: SafetyWiring) -> None:
        self.rig = rig
        self.wiring = wiring
        self.ports = next(each for each in wiring.evses if each.config.evse_id == rig.evse)
        self._stopped = threading.Event()
        self._kicker = threading.Thread(target=self._kick, daemon=True)
        self._kicker.start()
        time.sleep(SETTLED_S)

    def _kick(self) -> None:
        watchdog = self.wiring.board.watchdog
        while watchdog is not None and not self._stopped.wait(KICK_S):
            watchdog.kick()

    def stop(self) -> None:
        if not self._stopped.is_set():
            self._stopped.set()
            self._kicker.join()
            self.wiring.buses.close()

    def fault(self, kind: str, holds: bool, **value: Any) -> None:
        self.rig.verb("fault", kind=kind, **(value if holds else {"clear": True}))
        time.sleep(SETTLED_S)

    def passes(self) -> PilotReading:
        """Let every converter's channel have its turn, as the safety loop does."""
        time.sleep(SETTLED_S)
        for _ in range(8):
            self.ports.pilot_sense.begin()
            reading = plateaus_of(self.ports.pilot_sense.collect())
            time.sleep(self.ports.config.period_s)
        return reading


@pytest.fixture
def wired(standing_rig: StandingRig) -> Iterator[Wired]:
    if standing_rig.station_runs():
        pytest.skip("the station runs and has the pins: stop it to try the contracts")
    wired = Wired(standing_rig, build_safety(standing_rig.station.board))
    yield wired
    wired.stop()
    for kind in ("pp_ohm", "rcd", "mains", "estop"):
        standing_rig.verb("fault", kind=kind, clear=True)
    if standing_rig.seen()["plugged"]:
        standing_rig.verb("unplug")


class PilotFar:
    def __init__(self, wired: Wired) -> None:
        self._wired = wired
        self.pilot: PilotDriver = wired.ports.pilot_driver

    def _seen(self) -> dict[str, Any]:
        time.sleep(SETTLED_S)
        return self._wired.rig.seen()

    def high_pct(self) -> float:
        seen = self._seen()
        steady = {"X1": 100.0, "F": 0.0, "E": 0.0}
        return float(steady.get(seen["pilot_output"], seen["duty_pct"]))

    def frequency_hz(self) -> float:
        return float(self._seen()["frequency_hz"])

    def is_connected(self) -> bool:
        return bool(self._seen()["pilot_output"] != "E")

    def stop(self) -> None:
        self._wired.stop()


class TestPilotDriver(PilotDriverContract):
    @pytest.fixture
    def rig(self, wired: Wired) -> PilotFar:
        return PilotFar(wired)

    @pytest.mark.parametrize("duty_pct", [10, 10.0001, 16.6667, 26.6, 50, 85, 96, 97])
    def test_x2_has_the_duty_within_half_a_microsecond(self, rig: PilotFar, duty_pct: float) -> None:  # type: ignore[override]
        """A rig judges by the standard's 5 us."""
        rig.pilot.pulse(duty_pct)
        assert rig.high_pct() == pytest.approx(duty_pct, abs=PULSE_WIDTH_PCT)
        assert rig.is_connected()

    def test_the_frequency_is_one_kilohertz_in_every_state(self, rig: PilotFar) -> None:  # type: ignore[override]
        """A steady line has none that could be measured from outside."""
        rig.pilot.pulse(26.6)
        assert rig.frequency_hz() == pytest.approx(1000, rel=0.005)


@pytest.mark.parametrize(("load", "least_v", "most_v"), [("B", 8, 10), ("C", 5, 7), ("D", 2, 4)])
def test_the_sense_reads_the_evs_resistors_and_its_diode(
    wired: Wired, load: str, least_v: float, most_v: float
) -> None:
    wired.ports.pilot_driver.pulse(50)
    wired.rig.verb("plug_in")
    wired.rig.verb("ev", pilot=load)
    reading = wired.passes()
    assert least_v <= reading.high_v <= most_v
    assert reading.low_v is not None and -13 <= reading.low_v <= -11


class ProximityFar:
    def __init__(self, wired: Wired) -> None:
        self._wired = wired
        self.proximity: ProximitySense = wired.ports.proximity  # type: ignore[assignment]

    def resistor(self, ohm: float) -> None:
        if ohm == 0:
            pytest.skip("the rig has no short from proximity to PE")
        self._wired.fault("pp_ohm", True, value="open" if math.isinf(ohm) else ohm)

    def next_period(self) -> None:
        self._wired.passes()

    def monotonic(self) -> float:
        return time.monotonic()


class TestProximity(ProximitySenseContract):
    @pytest.fixture
    def rig(self, wired: Wired) -> ProximityFar:
        if wired.ports.proximity is None:
            pytest.skip("this EVSE has no proximity")
        return ProximityFar(wired)


class ResidualFar:
    def __init__(self, wired: Wired) -> None:
        self._wired = wired
        self.residual: ResidualCurrent = wired.ports.residual  # type: ignore[assignment]

    def trip(self, tripped: bool) -> None:
        self._wired.fault("rcd", tripped, value="trip")

    def error(self, error: bool) -> None:
        self._wired.fault("rcd", error, value="error")

    def test_input_is_high(self) -> bool:
        time.sleep(SETTLED_S)
        return bool(self._wired.rig.seen()["rcd_test"])

    def break_trip_wire(self) -> None:
        pytest.skip("the rig cuts no wires")


class TestResidualCurrent(ResidualCurrentContract):
    @pytest.fixture
    def rig(self, wired: Wired) -> ResidualFar:
        if wired.ports.residual is None:
            pytest.skip("this EVSE has no residual-current monitor")
        return ResidualFar(wired)


class InputFar:
    def __init__(self, wired: Wired, kind: str, is_fault: bool) -> None:
        self._wired, self._kind, self._is_fault = wired, kind, is_fault
        found = wired.wiring.board.mains if kind == "mains" else wired.wiring.board.estop
        if found is None:
            pytest.skip(f"this board has no input for {kind}")
        self.input: DigitalInput = found

    def condition(self, holds: bool) -> None:
        self._wired.fault(self._kind, holds is self._is_fault)


class TestMainsPresent(DigitalInputContract):
    @pytest.fixture
    def rig(self, wired: Wired) -> InputFar:
        return InputFar(wired, "mains", is_fault=False)


class TestEmergencyStop(DigitalInputContract):
    @pytest.fixture
    def rig(self, wired: Wired) -> InputFar:
        return InputFar(wired, "estop", is_fault=True)
