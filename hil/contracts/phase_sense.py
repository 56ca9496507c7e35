"""What every phase sense's driver must do."""

from __future__ import annotations

from typing import Protocol

import pytest

from controller.hal import DeviceError, PhaseSense


class PhaseSenseRig(Protocol):
    """phases: how many are wired. has_voltage: whether voltages are sensed too. full_scale_a: the most it can tell."""

    phase_sense: PhaseSense
    phases: int
    has_voltage: bool
    full_scale_a: float

    def flow(self, current_a: tuple[float, ...], voltage_v: tuple[float, ...]) -> None: ...
    def reverse(self) -> None:
        """Connect it the wrong way round, so that it shows what cannot be."""

    def next_period(self) -> None:
        """Let the safety loop make passes, each with one `read`, until every channel had its turn."""

    def monotonic(self) -> float: ...


class PhaseSenseContract:
    @pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.95])
    def test_each_phase_is_told_in_its_place(self, rig: PhaseSenseRig, share: float) -> None:
        amps = tuple(rig.full_scale_a * share * part for part in (1.0, 0.5, 0.25))[: rig.phases]
        volts = (230.0, 235.0, 225.0)[: rig.phases]
        rig.flow(amps, volts)
        rig.next_period()
        reading = rig.phase_sense.read()
        assert reading.current_a == pytest.approx(amps, abs=0.01 * rig.full_scale_a)
        assert reading.voltage_v == (pytest.approx(volts, abs=3.0) if rig.has_voltage else ())

    def test_a_reading_is_as_old_as_its_oldest_part(self, rig: PhaseSenseRig) -> None:
        rig.flow((1.0,) * rig.phases, (230.0,) * rig.phases)
        rig.next_period()
        before = rig.monotonic()
        rig.next_period()
        assert before <= rig.phase_sense.read().at_s <= rig.monotonic()

    def test_what_cannot_be_is_an_error_and_never_a_current(self, rig: PhaseSenseRig) -> None:
        rig.flow((1.0,) * rig.phases, (230.0,) * rig.phases)
        rig.next_period()
        rig.reverse()
        with pytest.raises(DeviceError) as caught:
            for _ in range(10):
                rig.next_period()
        assert caught.value.device and "\n" not in str(caught.value)
