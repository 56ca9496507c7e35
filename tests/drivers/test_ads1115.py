"""The converter plans its conversions so that a pass is short, and says what is wrong instead of guessing."""

from __future__ import annotations

import pytest

from controller.hal import DeviceError, DeviceGone, DeviceSilent
from drivers import registry
from drivers.bus.ads1115 import Ads1115
from tests.drivers.driver_rig import HandClock, SimulatedAds1115, chip_buses, section, simulated_ads1015

PERIOD_S = 0.010
CONVERSION_S = 1 / 860


@pytest.fixture
def chip(test_buses: None) -> SimulatedAds1115:
    return SimulatedAds1115(HandClock(), volts=[3.15, 0.15, 1.98, 0.0], transfer_s=0.00048)


@pytest.fixture
def adc(chip: SimulatedAds1115) -> Ads1115:
    return chip_buses(chip).adc("one", "test")


def passes(adc: Ads1115, chip: SimulatedAds1115, count: int, *leaders: int) -> list[float]:
    """Run passes of the safety loop; return how long each kept the loop."""
    spent = []
    for _ in range(count):
        begun_at = chip.clock()
        for channel in leaders:
            adc.begin(channel)
        for channel in leaders:
            adc.collect(channel)
        spent.append(chip.clock() - begun_at)
        chip.clock.sleep(PERIOD_S - spent[-1])
    return spent


@pytest.mark.parametrize("volts", [0.0, 0.000125, 1.98, 3.15, 4.0958, -0.05])
def test_a_conversion_returns_the_volts_at_the_pin(chip: SimulatedAds1115, adc: Ads1115, volts: float) -> None:
    chip.volts[2] = volts
    adc.lead(2, "test")
    adc.begin(2)
    assert adc.collect(2).volts == pytest.approx(volts, abs=0.000063)


@pytest.mark.parametrize("full_scale_v", [6.144, 4.096, 2.048, 1.024, 0.512, 0.256])
def test_every_gain_returns_volts(chip: SimulatedAds1115, full_scale_v: float) -> None:
    chip.volts[0] = 0.2
    adc = registry.build(section("adc", "ads1115", full_scale_v=full_scale_v), chip_buses(chip))
    adc.lead(0, "test")
    adc.begin(0)
    assert adc.collect(0).volts == pytest.approx(0.2, abs=full_scale_v / 32768)


def test_a_leader_converts_on_every_pass_and_the_others_in_turn(chip: SimulatedAds1115, adc: Ads1115) -> None:
    adc.lead(0, "high")
    adc.follow(1, "low")
    adc.follow(2, "proximity")
    passes(adc, chip, 4, 0)
    assert [channel for channel, _ in chip.log] == [0, 1, 0, 2, 0, 1, 0, 2]


def test_a_pass_waits_for_one_conversion_only(chip: SimulatedAds1115, adc: Ads1115) -> None:
    adc.lead(0, "high")
    adc.follow(1, "low")
    adc.follow(2, "proximity")
    transfers = 8  # fetch the follower 2, start 1, poll and fetch the leader 2, start the next 1; two to spare
    assert max(passes(adc, chip, 10, 0)) < CONVERSION_S * 1.1 + transfers * chip.transfer_s


def test_samples_are_stamped_with_the_begin_of_their_conversion(chip: SimulatedAds1115, adc: Ads1115) -> None:
    adc.lead(0, "high")
    adc.follow(1, "low")
    adc.begin(0)
    high = adc.collect(0)
    assert adc.latest(1) is None, "its conversion has only begun"
    chip.clock.sleep(PERIOD_S)
    adc.begin(0)
    low = adc.latest(1)
    assert low is not None
    assert [low.at_s, high.at_s] == pytest.approx([chip.log[1][1], chip.log[0][1]], abs=1e-6)


def test_each_follower_is_never_older_than_its_turns(chip: SimulatedAds1115, adc: Ads1115) -> None:
    adc.lead(0, "high")
    for channel in (1, 2, 3):
        adc.follow(channel, str(channel))
    passes(adc, chip, 5, 0)
    for _ in range(10):
        passes(adc, chip, 1, 0)
        ages = [chip.clock() - sample.at_s for channel in (1, 2, 3) if (sample := adc.latest(channel))]
        assert len(ages) == 3 and max(ages) < 5 * PERIOD_S


def test_two_leaders_share_a_chip(chip: SimulatedAds1115, adc: Ads1115) -> None:
    chip.volts[:] = [1.0, 2.0, 3.0, 0.5]
    adc.lead(0, "high 1")
    adc.lead(2, "high 2")
    adc.follow(1, "low 1")
    adc.follow(3, "low 2")
    passes(adc, chip, 4, 0, 2)
    assert [channel for channel, _ in chip.log] == [0, 2, 1, 0, 2, 3, 0, 2, 1, 0, 2, 3]
    adc.begin(0)
    adc.begin(2)
    assert adc.collect(2).volts == pytest.approx(3.0, abs=0.001)
    assert adc.collect(0).volts == pytest.approx(1.0, abs=0.001)


def test_a_conversion_that_nobody_collected_is_made_anew(chip: SimulatedAds1115, adc: Ads1115) -> None:
    adc.lead(0, "high")
    adc.begin(0)
    chip.clock.sleep(1.0)
    chip.volts[0] = 1.0
    adc.begin(0)
    sample = adc.collect(0)
    assert sample.volts == pytest.approx(1.0, abs=0.001)
    assert chip.clock() - sample.at_s < 0.01


def test_without_a_leader_a_channel_converts_when_it_is_asked_for(chip: SimulatedAds1115, adc: Ads1115) -> None:
    adc.follow(2, "proximity")
    first = adc.latest(2)
    chip.volts[2] = 0.6
    second = adc.latest(2)
    assert first and second
    assert (first.volts, second.volts) == pytest.approx((1.98, 0.6), abs=0.001)


def test_collect_without_begin_is_an_error(chip: SimulatedAds1115, adc: Ads1115) -> None:
    adc.lead(0, "high")
    with pytest.raises(DeviceError, match="channel 0 was not begun"):
        adc.collect(0)


def test_a_channel_with_two_users_is_refused_naming_both(adc: Ads1115) -> None:
    adc.lead(0, "evse 1 high")
    with pytest.raises(DeviceError, match="channel 0 is used by both evse 1 high and evse 2 high"):
        adc.follow(0, "evse 2 high")


def test_a_chip_that_does_not_acknowledge_is_gone_and_recovers(chip: SimulatedAds1115, adc: Ads1115) -> None:
    adc.lead(0, "high")
    adc.begin(0)
    chip.answers = False
    with pytest.raises(DeviceGone, match=r"ADS1115 at 0x48 of .*does not acknowledge.*check SDA, SCL"):
        adc.collect(0)
    with pytest.raises(DeviceGone):
        adc.begin(0)
    chip.answers = True
    chip.volts[0] = 2.0
    chip.clock.sleep(PERIOD_S)
    adc.begin(0)
    assert adc.collect(0).volts == pytest.approx(2.0, abs=0.001)


def test_a_conversion_that_never_ends_is_given_up_in_time(chip: SimulatedAds1115, adc: Ads1115) -> None:
    chip.hangs = True
    adc.lead(0, "high")
    begun_at = chip.clock()
    adc.begin(0)
    with pytest.raises(DeviceSilent, match="channel 0 did not finish"):
        adc.collect(0)
    assert chip.clock() - begun_at < 0.0055


def test_a_chip_that_lost_its_configuration_is_not_believed(chip: SimulatedAds1115, adc: Ads1115) -> None:
    adc.lead(0, "high")
    adc.begin(0)
    chip.power_cycle()
    with pytest.raises(DeviceError, match=r"lost its configuration \(reads 0x8583\)"):
        adc.collect(0)
    adc.begin(0)
    assert adc.collect(0).volts == pytest.approx(3.15, abs=0.001)


def test_a_slow_oscillator_is_waited_for(chip: SimulatedAds1115, adc: Ads1115) -> None:
    chip.conversion_s *= 1.5
    adc.lead(0, "high")
    adc.begin(0)
    assert adc.collect(0).volts == pytest.approx(3.15, abs=0.001)


@pytest.mark.parametrize("volts", [0.0, 0.15, 1.98, 3.15, 4.09])
def test_an_ads1015_reads_12_bits_in_a_third_of_the_time(test_buses: None, volts: float) -> None:
    chip = simulated_ads1015(HandClock(), volts=[volts, 0.0, 0.0, 0.0])
    adc = chip_buses(chip, "ads1015").adc("one", "test")
    adc.lead(0, "test")
    before = chip.clock()
    adc.begin(0)
    assert adc.collect(0).volts == pytest.approx(volts, abs=4.096 / 2048)
    assert chip.clock() - before < 0.0005


def test_an_ads1015_names_itself(test_buses: None) -> None:
    chip = simulated_ads1015(HandClock(), answers=False)
    adc = chip_buses(chip, "ads1015").adc("one", "test")
    adc.lead(0, "test")
    with pytest.raises(DeviceGone, match="ADS1015 at 0x48"):
        adc.begin(0)
