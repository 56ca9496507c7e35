"""The one charging profile: SetChargingProfile and ClearChargingProfile (§3.13, §5.5, §5.16)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from hil.csms.v16 import timestamp
from tests.conformance_v16.octt import FRIEND, TAG, Octt, scenario, stays

Periods = list[tuple[int, float]]


def profile(
    limit: float | Periods,
    purpose: str = "TxDefaultProfile",
    *,
    number: int = 1,
    stack: int = 0,
    kind: str = "Relative",
    unit: str = "A",
    phases: int | None = None,
    schedule: dict[str, Any] | None = None,
    **fields: Any,
) -> dict[str, Any]:
    periods: Periods = limit if isinstance(limit, list) else [(0, limit)]
    more = {} if phases is None else {"numberPhases": phases}
    return {
        "chargingProfileId": number,
        "stackLevel": stack,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": kind,
        "chargingSchedule": {
            "chargingRateUnit": unit,
            "chargingSchedulePeriod": [{"startPeriod": start, "limit": amps, **more} for start, amps in periods],
            **(schedule or {}),
        },
        **fields,
    }


async def set_profile(octt: Octt, connector: int, wanted: dict[str, Any]) -> str:
    return await octt.told("SetChargingProfile", connectorId=connector, csChargingProfiles=wanted)


async def offers(octt: Octt, amps: float, connector: int = 1, within_s: float = 15.0) -> None:
    await octt.world.until(lambda: octt.offered_a(connector) == amps, within_s, f"{amps} A are offered")


@pytest.mark.ocpp("1.6", "§3.13.1", "§5.16.4", "SetChargingProfile")
@scenario
async def test_a_default_profile_limits_new_and_running_transactions(octt: Octt) -> None:
    assert await set_profile(octt, 0, profile(16)) == "Accepted"
    await octt.charging()
    assert octt.offered_a() == 16
    assert await set_profile(octt, 0, profile(10)) == "Accepted"  # errata §3.8: the running one switches
    await offers(octt, 10)
    assert await octt.told("ClearChargingProfile", id=1) == "Accepted"
    await offers(octt, 32)


@pytest.mark.ocpp("1.6", "§3.13.1", "SetChargingProfile")
@scenario
async def test_a_connectors_default_replaces_the_stations_there_only(octt: Octt) -> None:
    assert await set_profile(octt, 0, profile(16, number=1)) == "Accepted"
    assert await set_profile(octt, 2, profile(20, number=2)) == "Accepted"
    await octt.charging(1, TAG)
    await octt.charging(2, FRIEND)
    assert (octt.offered_a(1), octt.offered_a(2)) == (16, 20)


@pytest.mark.ocpp("1.6", "§3.13.1", "§7.10", "SetChargingProfile")
@scenario
async def test_a_transactions_profile_overrules_the_default_until_its_end(octt: Octt) -> None:
    assert await set_profile(octt, 1, profile(10, number=1)) == "Accepted"
    transaction = await octt.charging()
    wanted = profile(20, "TxProfile", number=2, transactionId=transaction)
    assert await set_profile(octt, 1, wanted) == "Accepted"
    await offers(octt, 20)
    await octt.swipe()
    await octt.status("Finishing")
    await octt.sleep(10)
    await octt.swipe()
    await octt.energised()
    await offers(octt, 10)
    assert await octt.told("ClearChargingProfile", id=2) == "Unknown"  # §3.13.1: it went with the transaction


@pytest.mark.ocpp("1.6", "§3.13.1", "§5.16.4", "SetChargingProfile", "§7.11")
@scenario
async def test_a_transactions_profile_needs_its_transaction(octt: Octt) -> None:
    assert await set_profile(octt, 1, profile(10, "TxProfile")) == "Rejected"
    transaction = await octt.charging(1)
    assert await set_profile(octt, 0, profile(10, "TxProfile")) == "Rejected"
    assert await set_profile(octt, 2, profile(10, "TxProfile")) == "Rejected"
    assert await set_profile(octt, 1, profile(10, "TxProfile", transactionId=transaction + 5)) == "Rejected"
    assert await set_profile(octt, 2, profile(10, "TxProfile", transactionId=transaction)) == "Rejected"
    await octt.sleep(5)
    assert octt.offered_a() == 32
    assert await set_profile(octt, 1, profile(10, "TxProfile")) == "Accepted"  # the id may be left out (§7.8)
    await offers(octt, 10)


@pytest.mark.ocpp("1.6", "§3.13.1", "§3.13.3", "SetChargingProfile")
@scenario
async def test_the_stations_maximum_is_for_connector_zero_and_for_all_together(octt: Octt) -> None:
    assert await set_profile(octt, 1, profile(16, "ChargePointMaxProfile")) == "Rejected"
    maximum = profile(20, "ChargePointMaxProfile", kind="Absolute", schedule={"startSchedule": "2026-01-01T00:00:00Z"})
    assert await set_profile(octt, 0, maximum) == "Accepted"
    await octt.charging(1, TAG)
    assert octt.offered_a(1) == 20
    await octt.charging(2, FRIEND)
    await octt.sleep(10)
    assert octt.offered_a(1) + octt.offered_a(2) <= 20 and octt.offered_a(2) >= 6
    assert await octt.told("ClearChargingProfile", chargingProfilePurpose="ChargePointMaxProfile") == "Accepted"
    await offers(octt, 32, 1)
    await offers(octt, 32, 2)


@pytest.mark.ocpp("1.6", "§3.13.1", "§7.9", "§7.13", "SetChargingProfile")
@pytest.mark.parametrize("kind", ["Relative", "Absolute"])
@scenario
async def test_a_stations_maximum_without_a_start_holds_from_its_receipt(octt: Octt, kind: str) -> None:
    """Many central systems set a plain limit so; to accept it and not to obey it would be the worst of all."""
    await octt.charging()
    wanted = profile([(0, 13), (60, 8)], "ChargePointMaxProfile", kind=kind)
    assert await set_profile(octt, 0, wanted) == "Accepted"
    await offers(octt, 13)
    await offers(octt, 8, within_s=70)
    await octt.world.restart_station()
    await octt.energised()
    await offers(octt, 8)


@pytest.mark.ocpp("1.6", "§7.14")
@pytest.mark.parametrize(("limit", "amps"), [(8.1, 8.1), (13.7, 13.7), (6.0, 6.0), (5.9, 0.0), (99.0, 32.0)])
@scenario
async def test_a_limit_has_one_decimal(octt: Octt, limit: float, amps: float) -> None:
    assert await set_profile(octt, 1, profile(limit)) == "Accepted"
    await octt.plug()
    await octt.swipe()
    await octt.sleep(10)
    assert octt.offered_a() == amps


@pytest.mark.ocpp("1.6", "§3.13.3")
@scenario
async def test_the_least_of_maximum_and_transaction_counts(octt: Octt) -> None:
    transaction = await octt.charging()
    relative = profile(24, "TxProfile", number=2, transactionId=transaction)
    assert await set_profile(octt, 1, relative) == "Accepted"
    await offers(octt, 24)
    maximum = profile(13, "ChargePointMaxProfile", kind="Absolute", schedule={"startSchedule": "2026-01-01T00:00:00Z"})
    assert await set_profile(octt, 0, maximum) == "Accepted"
    await offers(octt, 13)


@pytest.mark.ocpp("1.6", "§3.13.2", "SetChargingProfile")
@scenario
async def test_the_highest_stack_level_decides_while_it_is_valid(octt: Octt) -> None:
    until = timestamp(octt.world.clock.true_wall() + timedelta(seconds=60))
    assert await set_profile(octt, 1, profile(10, number=1, stack=0)) == "Accepted"
    assert await set_profile(octt, 1, profile(16, number=2, stack=1, validTo=until)) == "Accepted"
    await octt.charging()
    assert octt.offered_a() == 16
    await offers(octt, 10, within_s=60)


@pytest.mark.ocpp("1.6", "§3.13.2", "§5.16.4")
@scenario
async def test_a_duration_that_is_over_falls_back_to_the_level_below(octt: Octt) -> None:
    assert await set_profile(octt, 1, profile(10, number=1, stack=0)) == "Accepted"
    assert await set_profile(octt, 1, profile(16, number=2, stack=1, schedule={"duration": 40})) == "Accepted"
    await octt.charging()
    assert octt.offered_a() == 16
    await octt.sleep(20)
    assert octt.offered_a() == 16
    await offers(octt, 10, within_s=30)
    await stays(octt, 30, lambda: octt.offered_a() == 10)


@pytest.mark.ocpp("1.6", "§5.16.4")
@scenario
async def test_a_duration_that_is_over_leaves_no_limit_where_nothing_is_below(octt: Octt) -> None:
    """And periods behind it are never executed."""
    wanted = profile([(0, 16), (30, 10), (60, 6)], schedule={"duration": 50})
    assert await set_profile(octt, 1, wanted) == "Accepted"
    await octt.charging()
    assert octt.offered_a() == 16
    await offers(octt, 10, within_s=35)
    await offers(octt, 32, within_s=35)
    await stays(octt, 30, lambda: octt.offered_a() == 32)


@pytest.mark.ocpp("1.6", "§3.13.2", "§5.16.3", "SetChargingProfile")
@scenario
async def test_the_same_id_or_the_same_level_replaces(octt: Octt) -> None:
    assert await set_profile(octt, 1, profile(10, number=1, stack=3)) == "Accepted"
    assert await set_profile(octt, 1, profile(13, number=2, stack=3)) == "Accepted"  # the same level
    await octt.charging()
    assert octt.offered_a() == 13
    assert await octt.told("ClearChargingProfile", id=1) == "Unknown"
    assert await set_profile(octt, 1, profile(16, number=2, stack=0)) == "Accepted"  # the same id
    await offers(octt, 16)
    assert await octt.told("ClearChargingProfile", stackLevel=3) == "Unknown"
    assert await set_profile(octt, 2, profile(20, number=2, stack=0)) == "Accepted"  # the same id, elsewhere
    await offers(octt, 32, 1)


@pytest.mark.ocpp("1.6", "§3.13.2")
@scenario
async def test_a_profile_that_is_not_valid_yet_waits(octt: Octt) -> None:
    begin = timestamp(octt.world.clock.true_wall() + timedelta(seconds=60))
    assert await set_profile(octt, 1, profile(10, validFrom=begin)) == "Accepted"
    await octt.charging()
    assert octt.offered_a() == 32
    await offers(octt, 10, within_s=60)


@pytest.mark.ocpp("1.6", "§7.9", "§7.13", "§7.14", "SetChargingProfile")
@scenario
async def test_absolute_periods_follow_the_clock(octt: Octt) -> None:
    start = timestamp(octt.world.clock.true_wall() - timedelta(seconds=100))
    wanted = profile([(0, 6), (100, 12), (160, 18)], kind="Absolute", schedule={"startSchedule": start})
    await octt.charging()
    assert await set_profile(octt, 1, wanted) == "Accepted"
    await offers(octt, 12, within_s=20)
    await offers(octt, 18, within_s=60)


@pytest.mark.ocpp("1.6", "§7.9", "§7.37", "§3.13.7")
@scenario
async def test_a_daily_schedule_holds_every_day(octt: Octt) -> None:
    """As in the specification's example: less between 08:00 and 20:00; the world begins at 06:00."""
    wanted = profile(
        [(0, 16), (28800, 8), (72000, 16)],
        kind="Recurring",
        recurrencyKind="Daily",
        schedule={"duration": 86400, "startSchedule": "2013-01-01T00:00:00Z"},
    )
    assert await set_profile(octt, 0, wanted) == "Accepted"
    await octt.charging()
    assert octt.offered_a() == 16
    await octt.sleep(2 * 3600)
    assert octt.offered_a() == 8


@pytest.mark.ocpp("1.6", "§7.12", "§7.14", "SetChargingProfile")
@pytest.mark.parametrize(
    ("watts", "phases", "amps"),
    [
        (11040, None, 16.0),  # numberPhases absent: 3 shall be assumed
        (11040, 3, 16.0),
        (4140, None, 6.0),
        (4100, None, 0.0),  # less than 6 A cannot be offered
    ],
)
@scenario
async def test_a_limit_in_watts(octt: Octt, watts: float, phases: int | None, amps: float) -> None:
    assert await set_profile(octt, 1, profile(watts, unit="W", phases=phases)) == "Accepted"
    await octt.plug()
    await octt.swipe()
    await octt.sleep(10)
    assert octt.offered_a() == amps and octt.contact() == ("closed" if amps else "open")


@pytest.mark.ocpp("1.6", "§7.14", "§5.16", "SetChargingProfile")
@scenario
async def test_number_of_phases(octt: Octt) -> None:
    """Connector 1 can switch its phases, connector 2 cannot; more than there are changes nothing (errata §3.34)."""
    assert await set_profile(octt, 1, profile(10, phases=1)) == "Accepted"
    await octt.charging(1, TAG)
    await octt.sleep(30)
    drawn = octt.world.evse(1)["current_a"]
    assert drawn[0] > 9 and drawn[1] == drawn[2] == 0
    assert await set_profile(octt, 2, profile(10, number=2, phases=1)) in ("Rejected", "NotSupported")
    assert await set_profile(octt, 2, profile(10, number=3, phases=3)) == "Accepted"
    await octt.charging(2, FRIEND)
    await octt.sleep(10)
    assert octt.offered_a(2) == 10 and octt.world.evse(2)["current_a"][2] > 9


@pytest.mark.ocpp("1.6", "§4.9", "§7.7", "SetChargingProfile")
@scenario
async def test_a_limit_of_zero_suspends_and_does_not_end(octt: Octt) -> None:
    transaction = await octt.charging()
    assert await set_profile(octt, 1, profile(0, "TxProfile", transactionId=transaction)) == "Accepted"
    await octt.dead()
    await octt.status("SuspendedEVSE")
    await octt.sleep(300)
    assert octt.transaction(transaction).is_open and octt.contact() == "open"
    assert await set_profile(octt, 1, profile(12, "TxProfile", transactionId=transaction)) == "Accepted"
    await octt.energised(within_s=60)
    await octt.status("Charging")
    assert octt.offered_a() == 12
    assert octt.statuses() == ["SuspendedEVSE", "Charging"]


@pytest.mark.ocpp("1.6", "§4.9")
@scenario
async def test_both_sides_suspended_is_suspended_evse(octt: Octt) -> None:
    transaction = await octt.charging()
    octt.world.verb("pause", evse=1)
    await octt.status("SuspendedEV")
    assert await set_profile(octt, 1, profile(0, "TxProfile", transactionId=transaction)) == "Accepted"
    await octt.status("SuspendedEVSE")
    assert await octt.told("ClearChargingProfile", id=1) == "Accepted"
    await octt.status("SuspendedEV")


@pytest.mark.ocpp("1.6", "§5.16", "§7.11", "SetChargingProfile", "ChargeProfileMaxStackLevel", "§5.16.4")
@scenario
async def test_what_makes_no_sense_is_rejected(octt: Octt) -> None:
    most = int(await octt.key("ChargeProfileMaxStackLevel"))
    bad = [
        profile(10, stack=most + 1),
        profile(10, stack=-1),
        profile([(10, 10)]),  # errata §3.45: the first startPeriod is 0
        profile([(0, 10), (20, 8), (10, 6)]),
        profile(-1),
        profile(10, phases=0),
        profile(10, phases=4),
        profile(10, kind="Recurring", schedule={"startSchedule": "2026-01-01T00:00:00Z"}),
        profile(10, validFrom="2026-01-02T00:00:00Z", validTo="2026-01-01T00:00:00Z"),
        profile(10, schedule={"duration": -5}),
    ]
    for wanted in bad:
        assert await set_profile(octt, 1, wanted) == "Rejected", wanted
    assert await set_profile(octt, 1, profile(10, stack=most)) == "Accepted"


@pytest.mark.ocpp("1.6", "§5.16", "J §4.2.3", "SetChargingProfile")
@pytest.mark.parametrize("connector", [3, -1])
@scenario
async def test_an_unknown_connector_is_a_property_violation(octt: Octt, connector: int) -> None:
    code = await octt.refused("SetChargingProfile", connectorId=connector, csChargingProfiles=profile(10))
    assert code == "PropertyConstraintViolation"  # errata §3.39


@pytest.mark.ocpp("1.6", "§5.16", "J §4.2.3")
@pytest.mark.parametrize(
    "wrong",
    [profile(10, unit="kW"), profile(10, "NoProfile"), profile(10, kind="Never"), profile(10, recurrencyKind="Hourly")],
)
@scenario
async def test_an_unknown_word_is_a_property_violation(octt: Octt, wrong: dict[str, Any]) -> None:
    request = {"connectorId": 1, "csChargingProfiles": wrong}
    (answer,) = await octt.says([2, "x", "SetChargingProfile", request])
    assert answer[:3] == [4, "x", "PropertyConstraintViolation"]  # errata §3.38


@pytest.mark.ocpp("1.6", "§5.16", "ChargingScheduleMaxPeriods", "MaxChargingProfilesInstalled")
@scenario
async def test_no_more_profiles_than_announced(octt: Octt) -> None:
    most = int(await octt.key("MaxChargingProfilesInstalled"))
    levels = int(await octt.key("ChargeProfileMaxStackLevel")) + 1
    for number in range(most):
        wanted = profile(10, number=number, stack=number % levels)
        assert await set_profile(octt, number // levels, wanted) == "Accepted", number
    assert await set_profile(octt, 2, profile(10, number=most, stack=0)) == "Rejected"
    assert await set_profile(octt, 0, profile(9, number=0, stack=0)) == "Accepted"  # in place of another
    assert await octt.told("ClearChargingProfile", id=1) == "Accepted"
    assert await set_profile(octt, 2, profile(10, number=most, stack=0)) == "Accepted"


@pytest.mark.ocpp("1.6", "§5.5", "§7.21", "ClearChargingProfile")
@scenario
async def test_clearing_matches_all_that_is_named(octt: Octt) -> None:
    async def clear(**named: Any) -> str:
        return await octt.told("ClearChargingProfile", **named)

    await set_profile(octt, 0, profile(10, number=1, stack=0))
    await set_profile(octt, 1, profile(10, number=2, stack=0))
    await set_profile(octt, 1, profile(10, number=3, stack=1))
    await set_profile(octt, 2, profile(10, number=4, stack=1))
    assert await clear(connectorId=1, stackLevel=5) == "Unknown"
    assert await clear(connectorId=9) == "Unknown"
    assert await clear(connectorId=1, chargingProfilePurpose="TxProfile") == "Unknown"
    assert await clear(connectorId=1, stackLevel=1, chargingProfilePurpose="TxDefaultProfile") == "Accepted"
    assert await clear(id=3) == "Unknown"
    assert await clear(id=4, connectorId=1, stackLevel=9) == "Accepted"  # errata §3.26: the id decides alone
    assert await clear(connectorId=0) == "Accepted"
    assert await clear(id=1) == "Unknown"
    assert await clear() == "Accepted"
    assert await clear() == "Unknown"


@pytest.mark.ocpp("1.6", "§5.16", "§3.13.6")
@scenario
async def test_profiles_outlive_restart_and_power_cut(octt: Octt) -> None:
    assert await set_profile(octt, 1, profile(10, number=1)) == "Accepted"
    transaction = await octt.charging()
    assert await set_profile(octt, 1, profile(14, "TxProfile", number=2, transactionId=transaction)) == "Accepted"
    await offers(octt, 14)
    await octt.world.restart_station()
    await octt.energised()
    await offers(octt, 14)
    octt.mark()
    octt.world.verb("power_cut")
    await octt.sees("BootNotification", 60)
    await octt.energised(within_s=60)
    assert octt.offered_a() == 14  # errata §3.37
    await octt.swipe()
    await octt.sees("StopTransaction", transactionId=transaction)
    await octt.sleep(10)
    await octt.swipe()
    await octt.energised()
    assert octt.offered_a() == 10


@pytest.mark.ocpp("1.6", "§3.13.6")
@scenario
async def test_profiles_go_on_offline(octt: Octt) -> None:
    transaction = await octt.charging()
    wanted = profile([(0, 16), (60, 10)], "TxProfile", transactionId=transaction)
    assert await set_profile(octt, 1, wanted) == "Accepted"
    await offers(octt, 16)
    octt.go_offline()
    await offers(octt, 10, within_s=70)
    await octt.come_online()
    assert octt.offered_a() == 10


@pytest.mark.ocpp("1.6", "§5.7", "GetCompositeSchedule")
@scenario
async def test_a_composite_schedule_cannot_be_reported(octt: Octt) -> None:
    assert await octt.told("GetCompositeSchedule", connectorId=1, duration=600) == "Rejected"
