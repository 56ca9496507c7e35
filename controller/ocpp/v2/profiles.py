"""Charging profiles from the wire, and what is wrong with one by itself (K01)."""

from __future__ import annotations

from itertools import pairwise

from controller.logic.profiles import (
    ChargingProfile,
    ProfileKind,
    ProfilePurpose,
    RateUnit,
    Recurrency,
    SchedulePeriod,
)
from controller.ocpp.schema import given
from controller.ocpp.v2 import messages201 as m
from controller.ocpp.variables import MAX_STACK_LEVEL

_PHASES = (1, 3)  # what the power path can be switched to


class ProfileRefused(Exception):
    """reason_code: of the appendix's list. detail: in words."""

    def __init__(self, reason_code: str, detail: str) -> None:
        self.reason_code = reason_code
        self.detail = detail
        super().__init__(f"{reason_code}: {detail}")


def profile_from_wire(wire: m.ChargingProfileType) -> ChargingProfile:
    """Raises ProfileRefused for whatever is wrong with the profile itself, wherever it is meant to go."""
    if not 0 <= wire.stackLevel <= MAX_STACK_LEVEL:
        raise ProfileRefused("InvalidStackLevel", f"stackLevel must be 0 to {MAX_STACK_LEVEL}")
    if wire.chargingProfilePurpose == "ChargingStationExternalConstraints":  # K01.FR.22
        raise ProfileRefused("InvalidProfile", "external constraints are not set by a CSMS")
    if len(wire.chargingSchedule) != 1:  # K01.FR.34
        raise ProfileRefused("InvalidSchedule", "several schedules need ISO 15118")
    schedule = wire.chargingSchedule[0]
    kind = ProfileKind(wire.chargingProfileKind)
    _check_times(wire, schedule, kind)
    recurrency = given(wire.recurrencyKind)
    return ChargingProfile(
        id=wire.id,
        purpose=ProfilePurpose(wire.chargingProfilePurpose),
        kind=kind,
        stack_level=wire.stackLevel,
        unit=RateUnit(schedule.chargingRateUnit),
        periods=_periods(schedule),
        recurrency=Recurrency(recurrency) if recurrency is not None else None,
        start=given(schedule.startSchedule),
        duration_s=given(schedule.duration),
        min_rate=given(schedule.minChargingRate),
        valid_from=given(wire.validFrom),
        valid_to=given(wire.validTo),
        transaction_id=given(wire.transactionId),
    )


def _check_times(wire: m.ChargingProfileType, schedule: m.ChargingScheduleType, kind: ProfileKind) -> None:
    has_start = given(schedule.startSchedule) is not None
    if kind is ProfileKind.RELATIVE and has_start:  # K01.FR.41
        raise ProfileRefused("InvalidSchedule", "a relative schedule has no startSchedule")
    if kind is not ProfileKind.RELATIVE and not has_start:  # K01.FR.40
        raise ProfileRefused("InvalidSchedule", f"{kind.value} needs a startSchedule")
    if kind is ProfileKind.RECURRING and given(wire.recurrencyKind) is None:
        raise ProfileRefused("InvalidProfile", "Recurring needs a recurrencyKind")
    valid_from, valid_to = given(wire.validFrom), given(wire.validTo)
    if valid_from is not None and valid_to is not None and valid_to <= valid_from:
        raise ProfileRefused("InvalidProfile", "validTo is not after validFrom")
    duration_s = given(schedule.duration)
    if duration_s is not None and duration_s < 0:
        raise ProfileRefused("InvalidSchedule", "duration is negative")


def _periods(schedule: m.ChargingScheduleType) -> tuple[SchedulePeriod, ...]:
    starts = [period.startPeriod for period in schedule.chargingSchedulePeriod]
    if starts[0] != 0:  # K01.FR.31
        raise ProfileRefused("InvalidSchedule", "the first period must start at 0")
    if any(later <= earlier for earlier, later in pairwise(starts)):  # K01.FR.35
        raise ProfileRefused("InvalidSchedule", "periods must start one after the other")
    return tuple(_period(period) for period in schedule.chargingSchedulePeriod)


def _period(period: m.ChargingSchedulePeriodType) -> SchedulePeriod:
    phases, phase = given(period.numberPhases), given(period.phaseToUse)
    if period.limit < 0:
        raise ProfileRefused("InvalidSchedule", "a limit is negative")
    if phases is not None and phases not in _PHASES:  # K01.FR.43
        raise ProfileRefused("InvalidSchedule", f"numberPhases {phases} cannot be kept")
    if phase is not None and phases != 1:  # K01.FR.19
        raise ProfileRefused("InvalidSchedule", "phaseToUse needs numberPhases 1")
    if phase not in (None, 1):  # K01.FR.48: single-phase charging is always on L1
        raise ProfileRefused("InvalidSchedule", f"the phase cannot be switched to {phase}")
    return SchedulePeriod(period.startPeriod, period.limit, phases)
