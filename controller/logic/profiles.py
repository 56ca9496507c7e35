"""Charging profiles as OCPP has them, version-neutral, and what they allow at a moment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


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
