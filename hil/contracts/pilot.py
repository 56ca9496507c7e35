"""What every driver of the pilot and of its senses must do."""

from __future__ import annotations

import math
from typing import Protocol

import pytest

from controller.hal import DeviceError, PilotDriver, PilotSense, ProximitySense, plateaus_of


class PilotDriverRig(Protocol):
    pilot: PilotDriver

    def high_pct(self) -> float:
        """How much of each period the generator is at +12 V; 0 is steady -12 V."""

    def frequency_hz(self) -> float: ...
    def is_connected(self) -> bool: ...
    def stop(self) -> None: ...


class PilotDriverContract:
    def test_the_line_is_disconnected_at_start(self, rig: PilotDriverRig) -> None:
        assert not rig.is_connected()

    def test_x1_is_steady_high(self, rig: PilotDriverRig) -> None:
        rig.pilot.steady_high()
        assert (rig.high_pct(), rig.is_connected()) == (100, True)

    def test_f_is_steady_low(self, rig: PilotDriverRig) -> None:
        rig.pilot.steady_low()
        assert (rig.high_pct(), rig.is_connected()) == (0, True)

    @pytest.mark.parametrize("duty_pct", [10, 10.0001, 16.6667, 26.6, 50, 85, 96, 97])
    def test_x2_has_the_duty_within_half_a_microsecond(self, rig: PilotDriverRig, duty_pct: float) -> None:
        rig.pilot.pulse(duty_pct)
        assert rig.high_pct() == pytest.approx(duty_pct, abs=0.05)
        assert rig.is_connected()

    @pytest.mark.parametrize("duty_pct", [-1, 0, 3, 5, 7.9, 9.99, 97.01, 100, math.nan])
    def test_what_basic_mode_does_not_know_is_refused_and_changes_nothing(
        self, rig: PilotDriverRig, duty_pct: float
    ) -> None:
        rig.pilot.steady_high()
        with pytest.raises(ValueError, match="duty"):
            rig.pilot.pulse(duty_pct)
        assert rig.high_pct() == 100

    def test_e_disconnects_and_any_other_output_connects_again(self, rig: PilotDriverRig) -> None:
        for connect in (rig.pilot.steady_high, rig.pilot.steady_low, lambda: rig.pilot.pulse(50)):
            rig.pilot.disconnect()
            assert not rig.is_connected()
            connect()
            assert rig.is_connected()

    def test_the_frequency_is_one_kilohertz_in_every_state(self, rig: PilotDriverRig) -> None:
        for output in (rig.pilot.steady_high, lambda: rig.pilot.pulse(26.6), rig.pilot.steady_low):
            output()
            assert rig.frequency_hz() == pytest.approx(1000)

    def test_an_orderly_end_stops_advertising(self, rig: PilotDriverRig) -> None:
        rig.pilot.pulse(50)
        rig.stop()
        assert rig.high_pct() in (0, 100) and not rig.is_connected()


class PilotSenseRig(Protocol):
    sense: PilotSense
    tolerance_v: float

    def plateaus(self, high_v: float, low_v: float) -> None: ...
    def break_converter(self, broken: bool) -> None: ...
    def monotonic(self) -> float: ...
    def next_period(self) -> None: ...


class PilotSenseContract:
    @pytest.mark.parametrize(
        ("high_v", "low_v"),
        [
            *((high_v, -12) for high_v in (12, 9, 6, 3)),  # PWM
            *((volts, volts) for volts in (12, 9, 6, 3, 0, -12)),  # steady
            *((9, -8.8), (6, -5.6), (3, -2.4)),  # PWM, without a diode
        ],
    )
    def test_a_reading_tells_both_plateaus_within_two_passes(
        self, rig: PilotSenseRig, high_v: float, low_v: float
    ) -> None:
        rig.plateaus(high_v, low_v)
        for _ in range(4):
            rig.sense.begin()
            reading = plateaus_of(rig.sense.collect())
            rig.next_period()
        assert reading.high_v == pytest.approx(high_v, abs=rig.tolerance_v)
        assert reading.low_v == pytest.approx(low_v, abs=rig.tolerance_v)

    def test_the_high_plateau_is_new_on_every_pass(self, rig: PilotSenseRig) -> None:
        for high_v in (12, 9, 6, 12):
            rig.plateaus(high_v, -12)
            begun_at_s = rig.monotonic()
            rig.sense.begin()
            reading = plateaus_of(rig.sense.collect())
            assert reading.high_v == pytest.approx(high_v, abs=rig.tolerance_v)
            assert begun_at_s <= reading.high_at_s <= rig.monotonic()
            rig.next_period()

    def test_the_low_plateau_is_none_until_it_was_sampled(self, rig: PilotSenseRig) -> None:
        rig.plateaus(9, -12)
        begun_at_s = rig.monotonic()
        rig.sense.begin()
        reading = plateaus_of(rig.sense.collect())
        assert (reading.low_v is None) is (reading.low_at_s is None)
        assert reading.low_at_s is None or (reading.low_at_s >= begun_at_s and reading.low_v is not None)

    def test_a_broken_converter_is_an_error_and_never_an_old_value(self, rig: PilotSenseRig) -> None:
        rig.sense.begin()
        plateaus_of(rig.sense.collect())
        rig.break_converter(True)
        for _ in range(3):
            rig.next_period()
            with pytest.raises(DeviceError):
                rig.sense.begin()
                plateaus_of(rig.sense.collect())
        rig.break_converter(False)
        rig.plateaus(6, -12)
        rig.next_period()
        rig.sense.begin()
        assert plateaus_of(rig.sense.collect()).high_v == pytest.approx(6, abs=rig.tolerance_v)


class ProximityRig(Protocol):
    proximity: ProximitySense

    def resistor(self, ohm: float) -> None: ...
    def next_period(self) -> None:
        """Let the safety loop make passes until every channel had its turn."""

    def monotonic(self) -> float: ...


class ProximitySenseContract:
    @pytest.mark.parametrize("ohm", [100, 220, 680, 1500])
    def test_a_cables_resistor_is_read_within_its_tolerance(self, rig: ProximityRig, ohm: float) -> None:
        rig.resistor(ohm)
        rig.next_period()
        assert rig.proximity.read().resistance_ohm == pytest.approx(ohm, rel=0.01)

    def test_no_plug_reads_far_above_every_cable(self, rig: ProximityRig) -> None:
        rig.resistor(math.inf)
        rig.next_period()
        assert rig.proximity.read().resistance_ohm > 4500

    def test_a_short_reads_below_every_cable(self, rig: ProximityRig) -> None:
        rig.resistor(0)
        rig.next_period()
        assert rig.proximity.read().resistance_ohm < 60

    def test_a_reading_is_stamped_when_it_was_sampled(self, rig: ProximityRig) -> None:
        before_s = rig.monotonic()
        rig.next_period()
        assert before_s <= rig.proximity.read().at_s <= rig.monotonic()
