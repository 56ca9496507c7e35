"""K01 and K10: which profiles are taken, which are refused and why."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from controller.logic.profiles import ProfilePurpose, RateUnit, SchedulePeriod
from tests.ocpp_core.ocpp_rig import Rig, rig, virtually

START = "2026-01-05T06:00:00Z"


def profile(purpose: str = "TxDefaultProfile", **more: Any) -> dict[str, Any]:
    """An absolute profile of two periods. Keys of the schedule may be given as `schedule={...}`, of the first period as `period=`."""
    schedule = {
        "id": 1,
        "startSchedule": START,
        "chargingRateUnit": "A",
        "chargingSchedulePeriod": [
            {"startPeriod": 0, "limit": 16.0, "numberPhases": 3},
            {"startPeriod": 60, "limit": 6.5},
        ],
    }
    schedule |= more.pop("schedule", {})
    schedule["chargingSchedulePeriod"][0] |= more.pop("period", {})  # type: ignore[index]
    made = {
        "id": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": "Absolute",
        "chargingSchedule": [schedule],
    }
    return made | more


def tx_profile(**more: Any) -> dict[str, Any]:
    return profile("TxProfile", **({"transactionId": "tx-1"} | more))


async def install(r: Rig, evse_id: int, wire: dict[str, Any]) -> str:
    """Return `Accepted` or the reason code of the refusal."""
    answer = await r.csms.call("SetChargingProfile", {"evseId": evse_id, "chargingProfile": deepcopy(wire)})
    assert answer[0] == 3, answer
    if answer[2]["status"] == "Accepted":
        return "Accepted"
    return str(answer[2]["statusInfo"]["reasonCode"])


@pytest.mark.ocpp("2.0.1", "K01.FR.04", "K01.FR.14", "K01.FR.15")
@virtually
async def test_a_good_profile_reaches_the_station_whole() -> None:
    async with rig() as r:
        await r.online()
        r.station.transactions[1] = "tx-1"
        assert (
            await install(r, 1, tx_profile(validFrom=START, schedule={"duration": 3600, "minChargingRate": 6.0}))
            == "Accepted"
        )
        _, evse_id, taken = r.station.asked[-1]
        assert (evse_id, taken.purpose, taken.unit) == (1, ProfilePurpose.TX, RateUnit.A)
        assert taken.periods == (SchedulePeriod(0, 16.0, 3), SchedulePeriod(60, 6.5, None))
        assert (taken.duration_s, taken.min_rate, taken.transaction_id) == (3600, 6.0, "tx-1")
        assert taken.start == taken.valid_from


@pytest.mark.ocpp(
    "2.0.1", "K01.FR.03", "K01.FR.09", "K01.FR.16", "K01.FR.19", "K01.FR.22", "K01.FR.28", "K01.FR.31", "K01.FR.33", "K01.FR.34",
    "K01.FR.35", "K01.FR.38", "K01.FR.40", "K01.FR.41", "K01.FR.43", "K01.FR.48",
)  # fmt: skip
@pytest.mark.parametrize(
    ("evse_id", "wire", "reason"),
    [
        (9, profile(), "UnknownEvse"),
        (1, profile(stackLevel=1000), "InvalidStackLevel"),
        (0, profile("ChargingStationExternalConstraints"), "InvalidProfile"),
        (1, profile("ChargingStationMaxProfile"), "InvalidProfile"),
        (
            0,
            profile("ChargingStationMaxProfile", chargingProfileKind="Relative", schedule={"startSchedule": None}),
            "InvalidProfile",
        ),
        (0, tx_profile(), "InvalidProfile"),
        (2, tx_profile(), "TxNotFound"),
        (1, tx_profile(transactionId="tx-2"), "TxNotFound"),
        (1, profile("TxProfile"), "MissingParam"),
        (1, profile(schedule={"startSchedule": None}), "InvalidSchedule"),
        (1, profile(chargingProfileKind="Relative"), "InvalidSchedule"),
        (1, profile(chargingProfileKind="Recurring"), "InvalidProfile"),
        (1, profile(period={"startPeriod": 1}), "InvalidSchedule"),
        (1, profile(schedule={"chargingSchedulePeriod": [{"startPeriod": 0, "limit": 1}] * 2}), "InvalidSchedule"),
        (1, profile(period={"limit": -1}), "InvalidSchedule"),
        (1, profile(period={"numberPhases": 2}), "InvalidSchedule"),
        (1, profile(period={"numberPhases": 1, "phaseToUse": 2}), "InvalidSchedule"),
        (1, profile(period={"numberPhases": 3, "phaseToUse": 1}), "InvalidSchedule"),
        (1, profile(validFrom=START, validTo=START), "InvalidProfile"),
        (1, profile(schedule={"duration": -1}), "InvalidSchedule"),
        (1, profile(period={"numberPhases": 1, "phaseToUse": 1}), "Accepted"),
        (0, profile("ChargingStationMaxProfile"), "Accepted"),
    ],
)
def test_a_profile_that_cannot_be_kept_is_rejected(evse_id: int, wire: dict[str, Any], reason: str) -> None:
    schedule = wire["chargingSchedule"][0]
    wire["chargingSchedule"][0] = {key: value for key, value in schedule.items() if value is not None}

    @virtually
    async def run() -> None:
        async with rig() as r:
            await r.online()
            r.station.transactions[1] = "tx-1"
            assert await install(r, evse_id, wire) == reason
            assert len([each for each in r.station.asked if each[0] == "profile"]) == (reason == "Accepted")

    run()


@pytest.mark.ocpp("2.0.1", "K01.FR.34")
@virtually
async def test_several_schedules_need_iso_15118() -> None:
    async with rig() as r:
        await r.online()
        wire = profile()
        wire["chargingSchedule"] *= 2
        assert await install(r, 1, wire) == "InvalidSchedule"


@pytest.mark.ocpp("2.0.1", "K01.FR.05", "K01.FR.06", "K01.FR.39", "K01.FR.52", "K01.FR.53")
@virtually
async def test_profiles_that_would_clash_are_rejected_and_the_same_id_replaces() -> None:
    async with rig() as r:
        await r.online()
        r.station.transactions |= {1: "tx-1", 2: "tx-2"}
        assert await install(r, 0, profile(id=1)) == "Accepted"
        assert await install(r, 1, profile(id=2)) == "DuplicateProfile"
        assert await install(r, 1, profile(id=2, stackLevel=1)) == "Accepted"
        assert await install(r, 0, profile(id=3, stackLevel=1)) == "DuplicateProfile"
        assert await install(r, 1, profile(id=3, stackLevel=1)) == "DuplicateProfile"
        assert await install(r, 1, profile(id=3, stackLevel=1, validTo="2025-01-01T00:00:00Z")) == "DuplicateProfile"
        assert await install(r, 2, profile(id=4, stackLevel=1)) == "Accepted"
        assert await install(r, 2, profile(id=7, stackLevel=2, validFrom="2026-02-01T00:00:00Z")) == "Accepted"
        assert await install(r, 2, profile(id=8, stackLevel=2, validTo="2026-02-01T00:00:00Z")) == "Accepted"
        assert await install(r, 2, profile(id=9, stackLevel=2, validTo="2026-02-01T00:00:01Z")) == "DuplicateProfile"
        assert await install(r, 1, tx_profile(id=5)) == "Accepted"
        assert await install(r, 1, tx_profile(id=6)) == "DuplicateProfile"
        assert await install(r, 2, tx_profile(id=6, transactionId="tx-2")) == "Accepted"
        assert await install(r, 0, profile(id=1, stackLevel=4)) == "Accepted"
        assert await install(r, 1, profile(id=1, stackLevel=3)) == "Accepted"
        assert sorted((place, each.id) for place, each in r.store.profiles()) == [
            (1, 1),
            (1, 2),
            (1, 5),
            (2, 4),
            (2, 6),
            (2, 7),
            (2, 8),
        ]


@pytest.mark.ocpp("2.0.1", "K10.FR.01", "K10.FR.03", "K10.FR.04", "K10.FR.08")
@virtually
async def test_profiles_are_cleared_by_id_or_by_what_they_have_in_common() -> None:
    async with rig() as r:
        await r.online()
        for number in (1, 2, 3):
            assert await install(r, 1, profile(id=number, stackLevel=number)) == "Accepted"

        async def clear(request: dict[str, Any]) -> str:
            return str((await r.csms.call("ClearChargingProfile", request))[2]["status"])

        assert await clear({"chargingProfileId": 9}) == "Unknown"
        assert await clear({"chargingProfileId": 1, "chargingProfileCriteria": {"evseId": 2}}) == "Accepted"
        assert await clear({"chargingProfileCriteria": {"evseId": 1, "stackLevel": 1}}) == "Unknown"
        assert await clear({"chargingProfileCriteria": {"evseId": 1, "stackLevel": 2}}) == "Accepted"
        external = {"chargingProfileCriteria": {"chargingProfilePurpose": "ChargingStationExternalConstraints"}}
        assert await clear(external) == "Unknown"
        assert await clear({"chargingProfileCriteria": {"chargingProfilePurpose": "TxDefaultProfile"}}) == "Accepted"
        assert r.store.profiles() == []
