"""Everything the bench can see, as the JSON object that `state` answers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from hil.plant.ev import offered_a

if TYPE_CHECKING:
    from hil.plant.evse import EvseModel
    from hil.plant.plant import Plant

EDGES_SHOWN = 200


def report(plant: Plant, since_s: float | None) -> dict[str, Any]:
    """Return the state. since_s: edges from then on; without it the newest of each EVSE."""
    now = plant.now
    kicked_at = plant.one_shot.kicked_at
    return {
        "now_s": now,
        "one_shot": {
            "alive": plant.one_shot.is_alive,
            "kick_age_s": None if kicked_at is None else now - kicked_at,
            "drops": plant.one_shot.drops,
        },
        "mains": plant.mains,
        "estop": plant.estop,
        "limit": plant.limit,
        "network": plant.network_up,
        "faults": dict(plant.station_faults),
        "readers": [
            {
                "name": model.reader.name,
                "kind": model.reader.kind,
                "evse": model.reader.evse,
                "present": model.present,
                "swipes": model.swipes,
                "gone": model.is_gone,
            }
            for model in plant.readers.values()
        ],
        "evses": [_evse_report(model, now, since_s) for model in plant.evses.values()],
    }


def _evse_report(model: EvseModel, now: float, since_s: float | None) -> dict[str, Any]:
    high_v, low_v = model.plateaus()
    ohms = model.proximity_ohm()
    return {
        "id": model.built.id,
        "plugged": model.is_plugged,
        "ev": _ev_report(model, now),
        "pilot_high_v": high_v,
        "pilot_low_v": low_v,
        "pilot_output": _output_name(model),
        "duty_pct": model.duty_pct,
        "cp_enable": model.cp_enable,
        "advertising": model.is_advertising,
        "offered_a": offered_a(model.duty_pct or 0.0) if model.is_advertising else 0.0,
        "proximity_ohm": None if math.isinf(ohms) else ohms,
        "contactor_command": model.command,
        "relay_supply": model.relay_supply,
        "coil": model.contactor.coil,
        "contact": "closed" if model.contactor.is_closed else "open",
        "mirror": _mirror_name(model.mirror()),
        "locked": model.bolt.is_locked(now),
        "lock_position": model.bolt.position(now),
        "rcd_tripped": model.rcd.is_tripped,
        "rcd_error": model.rcd.has_error,
        "voltage_v": list(model.voltage_v),
        "current_a": list(model.current_a),
        "power_w": model.energy.power_w,
        "energy_wh": model.energy.at(now),
        "temperature_c": model.temperature_c(),
        "meter": _meter_report(model, now),
        "faults": {name: _plain(value) for name, value in model.faults.items()},
        "edges": _edges_report(model, since_s),
    }


def _ev_report(model: EvseModel, now: float) -> dict[str, Any] | None:
    ev = model.ev
    if ev is None:
        return None
    return {
        "asks": ev.load.value,
        "draw_a": list(ev.draw_a),
        "paused": ev.is_paused,
        "soc_pct": ev.soc_pct(now),
        "options": ev.options.as_json(),
    }


def _meter_report(model: EvseModel, now: float) -> dict[str, Any] | None:
    shown = model.meter(now)
    if shown is None:
        return None
    return {
        "voltage_v": [_plain(volts) for volts in shown.voltage_v],
        "current_a": [_plain(amps) for amps in shown.current_a],
        "power_w": _plain(shown.total_w),
        "energy_wh": _plain(shown.energy_wh),
        "frequency_hz": _plain(shown.frequency_hz),
        "power_factor": _plain(shown.power_factor),
    }


def _edges_report(model: EvseModel, since_s: float | None) -> list[dict[str, Any]]:
    edges = list(model.edges)
    chosen = edges[-EDGES_SHOWN:] if since_s is None else [edge for edge in edges if edge.at_s >= since_s]
    return [{"at_s": edge.at_s, "what": edge.what, "value": edge.value} for edge in chosen]


def _output_name(model: EvseModel) -> str:
    output = model.pilot_output()
    return output if isinstance(output, str) else "X2"


def _mirror_name(contacts: tuple[bool, bool]) -> str:
    if contacts[0] == contacts[1]:
        return "contradictory"
    return "closed" if contacts[0] else "open"


def _plain(value: Any) -> Any:
    """JSON has neither nan nor inf."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return {key: _plain(item) for key, item in value.items()} if isinstance(value, dict) else value
