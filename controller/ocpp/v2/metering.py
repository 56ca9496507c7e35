"""J. Meter values: how a sample is written."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from controller.logic.values import Sample
from controller.ocpp.schema import wire_time
from controller.ocpp.signed import signed_meter_value


def sampled_value(sample: Sample) -> dict[str, Any]:
    """J01.FR.07/08/10. A value is what the meter says, in its own unit; whole numbers stay whole."""
    value = round(sample.value, 3)
    written: dict[str, Any] = {
        "value": int(value) if value == int(value) else value,
        "context": sample.context.value,
        "measurand": sample.measurand.value,
    }
    if sample.phase is not None:
        written["phase"] = sample.phase
    if sample.unit:
        written["unitOfMeasure"] = {"unit": sample.unit}
    if sample.signed is not None and (signed := signed_meter_value(sample.signed)) is not None:
        written["signedMeterValue"] = signed
    return written


def meter_value(samples: Iterable[Sample], at: datetime) -> dict[str, Any]:
    """One instant's samples (J01.FR.05/06/17). There must be one at least."""
    return {"timestamp": wire_time(at), "sampledValue": [sampled_value(sample) for sample in samples]}


def meter_values(evse_id: int, samples: Iterable[Sample], at: datetime) -> dict[str, Any]:
    """Return the payload of MeterValues (J01.FR.02)."""
    return {"evseId": evse_id, "meterValue": [meter_value(samples, at)]}
