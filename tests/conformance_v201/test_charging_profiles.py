"""K01, K10, F01 with a profile: what is taken, what is refused, and what the car is offered by it.

Cases that read a profile back (GetChargingProfiles, GetCompositeSchedule) are proven by their effect on the control pilot.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.conformance_v201.octt import ANNA, BERT, Octt, Payload, octt
from tests.conformance_v201.profiles import profile, wire_time
from tests.conformance_v201.states import Run

HARDWARE_A = 32.0


async def put(o: Octt, evse: int, wanted: Payload) -> str:
    answer = await o.command("SetChargingProfile", {"evseId": evse, "chargingProfile": wanted})
    return str(answer["status"])


async def refusal(o: Octt, evse: int, wanted: Payload) -> str:
    """Return the reason code of the rejection that must come."""
    answer = await o.command("SetChargingProfile", {"evseId": evse, "chargingProfile": wanted})
    assert answer["status"] == "Rejected", answer
    return str(answer["statusInfo"]["reasonCode"])


async def clear(o: Octt, **request: Any) -> str:
    return str((await o.command("ClearChargingProfile", request))["status"])


async def offered(o: Octt, amps: float, evse: int = 1, within_s: float = 8.0) -> None:
    """Wait for the pilot to say so much, and for the car to follow."""

    def holds() -> bool:
        return abs(o.world.evse(evse)["offered_a"] - amps) < 0.3 and o.drawn_a(evse) <= amps + 0.3

    await o.until(holds, within_s, f"{amps} A offered")


async def two_charging(o: Octt) -> None:
    for evse, token in ((1, ANNA), (2, BERT)):
        run = Run(o, evse=evse)
        await run.ev_connected()
        await run.authorized(token)
        await run.energy_started()


@pytest.mark.ocpp("2.0.1", "K01.FR.07", "K01.FR.10", "K01.FR.15", "K01.FR.32", "K01.FR.51", "K10.FR.03", "K10.FR.05")
@pytest.mark.ocpp("2.0.1", "K10.FR.07")
@pytest.mark.parametrize(("unit", "limit"), [("A", 10.0), ("W", 10.0 * 3 * 230)])
@octt()
async def test_a_default_profile_of_one_evse(o: Octt, unit: str, limit: float) -> None:
    await two_charging(o)
    assert await put(o, 1, profile(1, limit=limit, unit=unit, start=o.now)) == "Accepted"
    await offered(o, 10, 1)
    await offered(o, HARDWARE_A, 2)
    assert await clear(o, chargingProfileId=1) == "Accepted"
    await offered(o, HARDWARE_A, 1)
    assert await clear(o, chargingProfileId=1) == "Unknown"


@pytest.mark.ocpp("2.0.1", "K01.FR.14", "K01.FR.32")
@octt()
async def test_a_default_profile_of_all_evses(o: Octt) -> None:
    assert await put(o, 0, profile(1, limit=9, start=o.now)) == "Accepted"
    await two_charging(o)
    await offered(o, 9, 1)
    await offered(o, 9, 2)


@pytest.mark.ocpp("2.0.1", "K01.FR.07")
@octt()
async def test_a_profile_of_the_station_is_shared(o: Octt) -> None:
    await two_charging(o)
    wanted = profile(1, "ChargingStationMaxProfile", 20, start=o.now)
    assert await put(o, 0, wanted) == "Accepted"
    await o.sleep(10)
    assert o.drawn_a(1) + o.drawn_a(2) <= 20.5
    assert o.world.evse(1)["offered_a"] + o.world.evse(2)["offered_a"] <= 20.5


@pytest.mark.ocpp("2.0.1", "K01.FR.04", "K01.FR.07", "K01.FR.17", "E06.FR.02")
@octt()
async def test_a_profile_of_a_transaction_goes_before_the_default_and_dies_with_it(o: Octt) -> None:
    assert await put(o, 1, profile(1, limit=20, start=o.now)) == "Accepted"
    run = Run(o)
    await run.charging(5)
    tx = profile(2, "TxProfile", 12, kind="Relative", transactionId=run.transaction_id)
    assert await put(o, 1, tx) == "Accepted"
    await offered(o, 12)
    await run.stop_authorized()
    await run.ev_disconnected()
    await o.sleep(5)
    again = Run(o)
    await again.ev_connected()
    await again.energy_started()
    await offered(o, 20)
    assert await clear(o, chargingProfileId=2) == "Unknown"


@pytest.mark.ocpp("2.0.1", "K01.FR.17")
@octt()
async def test_the_highest_stack_level_wins(o: Octt) -> None:
    run = Run(o)
    await run.charging(5)
    assert await put(o, 1, profile(1, limit=10, start=o.now, stack=1)) == "Accepted"
    assert await put(o, 1, profile(2, limit=25, start=o.now, stack=2, duration_s=60)) == "Accepted"
    await offered(o, 25)
    await o.sleep(60)
    await offered(o, 10)


@pytest.mark.ocpp("2.0.1", "K01.FR.05")
@octt()
async def test_the_same_id_replaces(o: Octt) -> None:
    run = Run(o)
    await run.charging(5)
    assert await put(o, 1, profile(1, limit=6, start=o.now)) == "Accepted"
    await offered(o, 6)
    assert await put(o, 1, profile(1, limit=10, start=o.now)) == "Accepted"
    await offered(o, 10)
    assert await o.value("SmartChargingCtrlr.Entries[ChargingProfiles]") == "1"


@pytest.mark.ocpp("2.0.1", "K01.FR.11", "K01.FR.12", "K01.FR.30")
@octt()
async def test_periods_follow_one_another_until_the_end(o: Octt) -> None:
    run = Run(o)
    await run.charging(5)
    periods = [
        {"startPeriod": 0, "limit": 16},
        {"startPeriod": 30, "limit": 8},
        {"startPeriod": 60, "limit": 24},
        {"startPeriod": 500, "limit": 6},
    ]
    begins = o.now + timedelta(seconds=20)
    assert await put(o, 1, profile(1, start=begins, periods=periods, duration_s=90)) == "Accepted"
    await offered(o, HARDWARE_A)
    for amps, at_s in ((16, 25), (8, 55), (24, 85), (HARDWARE_A, 120)):
        await o.sleep((begins + timedelta(seconds=at_s - 20) - o.now).total_seconds())
        await offered(o, amps, within_s=6)


@pytest.mark.ocpp("2.0.1", "K01.FR.36", "K01.FR.37")
@octt()
async def test_a_profile_holds_while_it_is_valid(o: Octt) -> None:
    run = Run(o)
    await run.charging(5)
    times = {"validFrom": wire_time(o.now, seconds=30), "validTo": wire_time(o.now, seconds=60)}
    assert await put(o, 1, profile(1, limit=10, kind="Relative", **times)) == "Accepted"
    await offered(o, HARDWARE_A)
    await o.sleep(30)
    await offered(o, 10)
    await o.sleep(30)
    await offered(o, HARDWARE_A)


@pytest.mark.ocpp("2.0.1", "K01.FR.13", "K01.FR.40", "TC_K_19_CS")
@pytest.mark.parametrize("every", ["Daily", "Weekly"])
@octt()
async def test_a_recurring_profile_comes_again(o: Octt, every: str) -> None:
    run = Run(o)
    await run.charging(5)
    began = o.now - timedelta(days=7) + timedelta(seconds=60)
    wanted = profile(1, limit=10, kind="Recurring", start=began, duration_s=60, recurrencyKind=every)
    assert await put(o, 1, wanted) == "Accepted"
    await offered(o, HARDWARE_A)
    await o.sleep(60)
    await offered(o, 10)
    await o.sleep(60)
    await offered(o, HARDWARE_A)


@pytest.mark.ocpp("2.0.1", "K01.FR.27")
@octt()
async def test_a_profile_survives_a_power_cut(o: Octt) -> None:
    assert await put(o, 1, profile(1, limit=10, start=o.now)) == "Accepted"
    await o.power_cycle()
    await o.booted()
    await o.sleep(3)
    run = Run(o)
    await run.ev_connected()
    await run.energy_started()
    await offered(o, 10)


@pytest.mark.ocpp("2.0.1", "K01.FR.07")
@octt()
async def test_less_than_six_amperes_suspends(o: Octt) -> None:
    run = Run(o)
    await run.charging(5)
    assert await put(o, 1, profile(1, limit=0, start=o.now)) == "Accepted"
    await o.event({"triggerReason": "ChargingStateChanged", "transactionInfo": {"chargingState": "SuspendedEVSE"}})
    await o.until(lambda: o.contact() == "open", 10, "the contact opens")
    assert await clear(o, chargingProfileId=1) == "Accepted"
    await o.event({"triggerReason": "ChargingStateChanged", "transactionInfo": {"chargingState": "Charging"}})


@pytest.mark.ocpp("2.0.1", "TC_K_02_CS", "TC_K_11_CS", "K01.FR.09", "K01.FR.16")
@pytest.mark.parametrize(("evse", "reason"), [(1, "TxNotFound"), (0, "InvalidProfile")])
@octt()
async def test_a_profile_of_no_transaction_is_rejected(o: Octt, evse: int, reason: str) -> None:
    wanted = profile(1, "TxProfile", kind="Relative", transactionId="x")
    assert await refusal(o, evse, wanted) == reason


@pytest.mark.ocpp("2.0.1", "TC_K_16_CS", "K01.FR.33", "K01.FR.03", "K01.FR.39")
@octt()
async def test_a_profile_of_another_transaction_is_rejected(o: Octt) -> None:
    run = Run(o)
    await run.charging(5)
    unknown = profile(1, "TxProfile", kind="Relative", transactionId="UNKNOWN-TRANSACTION-ID")
    assert await refusal(o, 1, unknown) == "TxNotFound"
    assert await refusal(o, 1, profile(1, "TxProfile", kind="Relative")) == "MissingParam"
    known = profile(1, "TxProfile", kind="Relative", transactionId=run.transaction_id)
    assert await put(o, 1, known) == "Accepted"
    assert await refusal(o, 1, {**known, "id": 2}) == "DuplicateProfile"
    await offered(o, 10)


@pytest.mark.ocpp("2.0.1", "TC_K_14_CS", "K01.FR.28")
@octt()
async def test_a_profile_of_an_evse_that_is_not_there_is_rejected(o: Octt) -> None:
    assert await refusal(o, 3, profile(1, start=o.now)) == "UnknownEvse"


@pytest.mark.ocpp("2.0.1", "TC_K_15_CS", "K01.FR.29")
@octt({"SmartChargingCtrlr.Enabled": "false"})
async def test_without_smart_charging_profiles_are_not_supported(o: Octt) -> None:
    request = {"evseId": 1, "chargingProfile": profile(1, start=o.now)}
    assert await o.refused("SetChargingProfile", request) == "NotSupported"
    assert await o.refused("ClearChargingProfile", {"chargingProfileId": 1}) == "NotSupported"


@pytest.mark.ocpp("2.0.1", "K01.FR.06", "K01.FR.52", "K01.FR.53")
@pytest.mark.parametrize(("first", "second"), [(1, 1), (0, 1), (1, 0), (0, 0)])
@octt()
async def test_two_defaults_of_one_level_are_not_taken(o: Octt, first: int, second: int) -> None:
    assert await put(o, first, profile(1, start=o.now)) == "Accepted"
    assert await refusal(o, second, profile(2, start=o.now)) == "DuplicateProfile"
    assert await put(o, second, profile(2, start=o.now, stack=1)) == "Accepted"


@pytest.mark.ocpp("2.0.1", "K01.FR.06", "K01.FR.15")
@octt()
async def test_two_defaults_of_one_level_on_two_evses_are_taken(o: Octt) -> None:
    assert await put(o, 1, profile(1, limit=10, start=o.now)) == "Accepted"
    assert await put(o, 2, profile(2, limit=12, start=o.now)) == "Accepted"
    await two_charging(o)
    await offered(o, 10, 1)
    await offered(o, 12, 2)


BAD: list[tuple[str, Payload]] = [
    ("external", {"purpose": "ChargingStationExternalConstraints"}),
    ("relative with a start", {"kind": "Relative"}),
    ("absolute without a start", {"start": None}),
    ("first period late", {"periods": [{"startPeriod": 5, "limit": 10}]}),
    ("periods out of order", {"periods": [{"startPeriod": 0, "limit": 1}, {"startPeriod": 9, "limit": 2}] * 2}),
    ("two phases", {"periods": [{"startPeriod": 0, "limit": 10, "numberPhases": 2}]}),
    ("phase of three", {"periods": [{"startPeriod": 0, "limit": 10, "numberPhases": 3, "phaseToUse": 1}]}),
    ("phase that cannot be had", {"periods": [{"startPeriod": 0, "limit": 10, "numberPhases": 1, "phaseToUse": 3}]}),
    ("stack level too high", {"stack": 101}),
]


@pytest.mark.ocpp("2.0.1", "K01.FR.22", "K01.FR.31", "K01.FR.35", "K01.FR.40", "K01.FR.41", "K01.FR.43", "K01.FR.19")
@pytest.mark.ocpp("2.0.1", "K01.FR.48", "K01.FR.34", "K01.FR.38")
@pytest.mark.parametrize("wrong", [wrong for _, wrong in BAD], ids=[name for name, _ in BAD])
@octt()
async def test_a_profile_that_makes_no_sense_is_rejected(o: Octt, wrong: Payload) -> None:
    wanted = profile(1, **{"start": o.now, **wrong})
    if wrong.get("kind") != "Relative" and wrong.get("start", o.now) is None:
        assert "startSchedule" not in wanted["chargingSchedule"][0]
    await refusal(o, 1, wanted)
    assert await o.value("SmartChargingCtrlr.Entries[ChargingProfiles]") == "0"


@pytest.mark.ocpp("2.0.1", "K01.FR.34", "K01.FR.38")
@octt()
async def test_several_schedules_and_a_relative_station_profile_are_rejected(o: Octt) -> None:
    several = profile(1, start=o.now)
    several["chargingSchedule"] *= 2
    await refusal(o, 1, several)
    await refusal(o, 0, profile(1, "ChargingStationMaxProfile", kind="Relative"))
    await refusal(o, 1, profile(1, "ChargingStationMaxProfile", start=o.now))


@pytest.mark.ocpp("2.0.1", "K01.FR.43", "K01.FR.47")
@octt()
async def test_one_phase_is_taken_where_the_phases_can_be_switched(o: Octt) -> None:
    single = [{"startPeriod": 0, "limit": 10, "numberPhases": 1}]
    assert await put(o, 1, profile(1, start=o.now, periods=single)) == "Accepted"
    await refusal(o, 2, profile(2, start=o.now, periods=single))  # no phase switch there
    run = Run(o)
    await run.ev_connected()
    await run.energy_started()
    await o.sleep(5)
    currents = o.world.evse(1)["current_a"]
    assert currents[0] > 5 and max(currents[1:]) < 0.5


@pytest.mark.ocpp("2.0.1", "K01.FR.43")
@octt()
async def test_fewer_phases_are_rejected_once_the_car_has_been_offered_more(o: Octt) -> None:
    single = [{"startPeriod": 0, "limit": 10, "numberPhases": 1}]
    run = Run(o)
    await run.charging(5)
    await refusal(o, 1, profile(1, start=o.now, periods=single))
    await refusal(o, 0, profile(1, start=o.now, periods=single))
    await run.stop_authorized()
    await run.ev_disconnected()
    assert await put(o, 1, profile(1, start=o.now, periods=single)) == "Accepted"


@pytest.mark.ocpp("2.0.1", "K01.FR.50")
@octt()
async def test_watts_are_divided_among_the_phases_that_the_car_may_use(o: Octt) -> None:
    later = [{"startPeriod": 0, "limit": 22000}, {"startPeriod": 60, "limit": 6900, "numberPhases": 1}]
    assert await put(o, 1, profile(1, start=o.now, unit="W", periods=later)) == "Accepted"
    run = Run(o)
    await run.charging(70)
    assert o.world.evse(1)["power_w"] <= 6900 * 1.01


@pytest.mark.ocpp("2.0.1", "TC_K_08_CS", "K10.FR.01")
@octt()
async def test_what_is_not_there_cannot_be_cleared(o: Octt) -> None:
    assert await clear(o, chargingProfileId=123) == "Unknown"


@pytest.mark.ocpp("2.0.1", "TC_K_07_CS", "K10.FR.01", "K10.FR.04", "K10.FR.08")
@pytest.mark.parametrize(
    ("criteria", "status"),
    [
        ({"chargingProfilePurpose": "ChargingStationMaxProfile", "stackLevel": 0}, "Unknown"),
        ({"chargingProfilePurpose": "TxDefaultProfile", "stackLevel": 0}, "Unknown"),
        ({"evseId": 2}, "Unknown"),
        ({"chargingProfilePurpose": "ChargingStationExternalConstraints"}, "Unknown"),
        ({"chargingProfilePurpose": "TxDefaultProfile", "stackLevel": 1}, "Accepted"),
        ({"evseId": 1}, "Accepted"),
        ({"stackLevel": 1}, "Accepted"),
    ],
)
@octt()
async def test_profiles_are_cleared_by_what_they_are(o: Octt, criteria: Payload, status: str) -> None:
    assert await put(o, 1, profile(1, start=o.now, stack=1)) == "Accepted"
    assert await clear(o, chargingProfileCriteria=criteria) == status
    left = await o.value("SmartChargingCtrlr.Entries[ChargingProfiles]")
    assert left == ("0" if status == "Accepted" else "1")


@pytest.mark.ocpp("2.0.1", "K10.FR.04")
@octt()
async def test_several_profiles_are_cleared_at_once(o: Octt) -> None:
    for evse in (1, 2):
        assert await put(o, evse, profile(evse, start=o.now, stack=1)) == "Accepted"
    wanted = {"chargingProfilePurpose": "TxDefaultProfile", "stackLevel": 1}
    assert await clear(o, chargingProfileCriteria=wanted) == "Accepted"
    assert await o.value("SmartChargingCtrlr.Entries[ChargingProfiles]") == "0"


@pytest.mark.ocpp("2.0.1", "K05.FR.03", "F01.FR.10", "F01.FR.13", "E01.FR.02")
@pytest.mark.parametrize("start", ["EVConnected", "PowerPathClosed"])
@octt()
async def test_a_remote_start_brings_its_profile(o: Octt, start: str) -> None:
    run = await Run.configured(o, start)
    await run.ev_connected()
    await run.authorized_remotely(chargingProfile=profile(1, "TxProfile", 6, kind="Relative"))
    await run.energy_started()
    await offered(o, 6)
    assert await o.value("SmartChargingCtrlr.Entries[ChargingProfiles]") == "1"
    await run.stop_authorized_remotely()
    assert await o.value("SmartChargingCtrlr.Entries[ChargingProfiles]") == "0"


@pytest.mark.ocpp("2.0.1", "TC_K_38_CS", "F01.FR.12", "F01.FR.13")
@octt({"SmartChargingCtrlr.Enabled": "false"})
async def test_without_smart_charging_a_remote_start_ignores_its_profile(o: Octt) -> None:
    run = Run(o)
    await run.ev_connected()
    await run.authorized_remotely(chargingProfile=profile(1, "TxProfile", 6, kind="Relative"))
    await run.energy_started()
    await offered(o, HARDWARE_A)
