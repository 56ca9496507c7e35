"""Charging profiles as OCPP has them, version-neutral, and what they allow at a moment.

Rules: of one purpose the valid profile with the highest stack level that has a period now decides (K01.FR.17, K01.FR.13). A
profile is valid from `valid_from` up to but without `valid_to` (K01.FR.36/37). A relative schedule counts from the moment the
EVSE was ready to deliver: authorised and connected (K01.FR.42). A TxProfile dies with its transaction.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

DEFAULT_PHASES = 3  # K01.FR.49
NOMINAL_VOLTAGE_V = 230.0  # K01.FR.50: the set voltage of the area, not the measured one


class ProfilePurpose(StrEnum):
    STATION_MAX = "ChargingStationMaxProfile"  # 1.6: ChargePointMaxProfile
    TX_DEFAULT = "TxDefaultProfile"
    TX = "TxProfile"
    EXTERNAL_CONSTRAINTS = "ChargingStationExternalConstraints"  # 2.x, local sources only


class ProfileKind(StrEnum):
    ABSOLUTE = "Absolute"
    RECURRING = "Recurring"
    RELATIVE = "Relative"


class Recurrency(StrEnum):
    DAILY = "Daily"
    WEEKLY = "Weekly"


class RateUnit(StrEnum):
    A = "A"
    W = "W"


@dataclass(frozen=True, slots=True)
class SchedulePeriod:
    """start_s: seconds from the schedule's start. limit: in the schedule's unit. phases: numberPhases, None = not said."""

    start_s: int
    limit: float
    phases: int | None = None


@dataclass(frozen=True, slots=True)
class ChargingProfile:
    """One profile with its one schedule. transaction_id: ours, for TX only. start, valid_from, valid_to: aware UTC."""

    id: int
    purpose: ProfilePurpose
    kind: ProfileKind
    stack_level: int
    unit: RateUnit
    periods: tuple[SchedulePeriod, ...]
    recurrency: Recurrency | None = None
    start: datetime | None = None
    duration_s: int | None = None
    min_rate: float | None = None
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    transaction_id: str | None = None


@dataclass(frozen=True, slots=True)
class Active:
    """The period of a profile that is in force."""

    profile: ChargingProfile
    period: SchedulePeriod

    def current_a(self, phases: int, *, can_switch_phases: bool) -> float:
        """Return the limit in amperes per phase on an EVSE with so many phases (K01.FR.49-51).

        A limit in watts is divided among the phases it was made for, but never among fewer than the EV may use.
        """
        if self.profile.unit is RateUnit.A:
            return self.period.limit
        divisor = self.period.phases or DEFAULT_PHASES
        if self.period.phases is not None:
            divisor = min(divisor, phases)  # K01.FR.45
        if not can_switch_phases:
            divisor = max(divisor, phases)
        return self.period.limit / (NOMINAL_VOLTAGE_V * divisor)


def active(profiles: Iterable[ChargingProfile], now: datetime, ready_at: datetime | None) -> Active | None:
    """Return what decides among profiles of one purpose. ready_at: what relative schedules count from; None: not yet."""
    best: Active | None = None
    for profile in profiles:
        period = _schedule(profile, now, ready_at)[0]
        if period is not None and (best is None or profile.stack_level > best.profile.stack_level):
            best = Active(profile, period)
    return best


def next_change(profiles: Iterable[ChargingProfile], now: datetime, ready_at: datetime | None) -> datetime | None:
    """Return when the outcome of `active` may next be another without anybody doing anything."""
    times = (_schedule(profile, now, ready_at)[1] for profile in profiles)
    return min((time for time in times if time is not None), default=None)


def _schedule(
    profile: ChargingProfile, now: datetime, ready_at: datetime | None
) -> tuple[SchedulePeriod | None, datetime | None]:
    """Return the period in force and when that may change."""
    if profile.valid_to is not None and now >= profile.valid_to:
        return None, None
    if profile.valid_from is not None and now < profile.valid_from:
        return None, profile.valid_from
    start, end = _occurrence(profile, now, ready_at)
    if start is None:
        return None, profile.valid_to
    if now < start:  # K01.FR.30
        return None, _sooner(start, profile.valid_to)
    found, change = None, end
    if profile.duration_s is not None:
        change = _sooner(change, start + timedelta(seconds=profile.duration_s))
    for period in profile.periods:
        begins = start + timedelta(seconds=period.start_s)
        if profile.duration_s is not None and period.start_s >= profile.duration_s:
            break  # K01.FR.11
        if begins > now:
            change = _sooner(change, begins)
            break
        found = period
    if profile.duration_s is not None and now >= start + timedelta(seconds=profile.duration_s):  # K01.FR.12, K01.FR.13
        found, change = None, end
    return found, _sooner(change, profile.valid_to)


def _occurrence(
    profile: ChargingProfile, now: datetime, ready_at: datetime | None
) -> tuple[datetime | None, datetime | None]:
    """Return when the schedule began, or will, and when it begins anew."""
    if profile.kind is ProfileKind.RELATIVE:
        return ready_at, None
    if profile.kind is not ProfileKind.RECURRING or profile.start is None:
        return profile.start or profile.valid_from or ready_at, None
    every = timedelta(days=7 if profile.recurrency is Recurrency.WEEKLY else 1)
    if now < profile.start:
        return profile.start, None
    start = profile.start + every * ((now - profile.start) // every)
    return start, start + every


def _sooner(one: datetime | None, other: datetime | None) -> datetime | None:
    if one is None or other is None:
        return one or other
    return min(one, other)
