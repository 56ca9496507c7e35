"""Charging profiles as a CSMS writes them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from tests.conformance_v201.octt import Payload


def profile(
    id: int,
    purpose: str = "TxDefaultProfile",
    limit: float = 10,
    *,
    kind: str = "Absolute",
    start: datetime | None = None,
    unit: str = "A",
    stack: int = 0,
    duration_s: int | None = None,
    periods: list[Payload] | None = None,
    **more: Any,
) -> Payload:
    """A profile with one schedule. start: needed unless the kind is Relative."""
    schedule: Payload = {
        "id": id,
        "chargingRateUnit": unit,
        "chargingSchedulePeriod": periods or [{"startPeriod": 0, "limit": limit}],
    }
    if start is not None:
        schedule["startSchedule"] = wire_time(start)
    if duration_s is not None:
        schedule["duration"] = duration_s
    return {
        "id": id,
        "stackLevel": stack,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": kind,
        "chargingSchedule": [schedule],
        **more,
    }


def wire_time(at: datetime, **later: float) -> str:
    return (at + timedelta(**later)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
