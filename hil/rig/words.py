"""What a rig's `state` says, checked, and the same in the bench's words and units.

On the line everything is a whole number: microseconds, millivolts, milliamperes, thousandths of a percent. See PROTOCOL.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from hil.plant.report import EDGES_SHOWN

OF_STATION = ("mains", "estop")
_NUMBER, _FLAG, _TEXT = (int,), (bool,), (str,)
_SHAPE: Mapping[str, tuple[type, ...]] = {
    "now_us": _NUMBER,
    "boot": _NUMBER,
    "silences": _NUMBER,
    "last_edge": _NUMBER,
    "plugged": _FLAG,
    "ev": (dict, type(None)),
    "pilot_mv": (list,),
    "pilot_output": _TEXT,
    "duty_mpct": (int, type(None)),
    "duty_tolerance_mpct": _NUMBER,
    "frequency_mhz": _NUMBER,
    "advertising": _FLAG,
    "offered_ma": _NUMBER,
    "proximity_ohm": (int, type(None)),
    "command": _FLAG,
    "relay_supply": _FLAG,
    "contact": _FLAG,
    "locked": _FLAG,
    "rcd_tripped": _FLAG,
    "rcd_error": _FLAG,
    "rcd_test": _FLAG,
    "faults": (dict,),
    "edges": (list,),
}
_EV_SHAPE: Mapping[str, tuple[type, ...]] = {"asks": _TEXT, "draw_ma": _NUMBER, "phases": _NUMBER}
_SAME = (
    "plugged",
    "pilot_output",
    "advertising",
    "proximity_ohm",
    "relay_supply",
    "locked",
    "rcd_tripped",
    "rcd_error",
    "rcd_test",
)


def wrong_in(state: Mapping[str, Any]) -> str:
    """Return what of a state is missing or no value of its kind, nothing if all is well."""
    wrong = _wrong(state, _SHAPE, "")
    if wrong:
        return wrong
    if state["ev"] is not None and (wrong := _wrong(state["ev"], _EV_SHAPE, "ev.")):
        return wrong
    if len(state["pilot_mv"]) != 2 or not all(type(each) is int for each in state["pilot_mv"]):
        return "pilot_mv"
    return "" if all(_is_edge(each) for each in state["edges"]) else "edges"


def _wrong(said: Mapping[str, Any], shape: Mapping[str, tuple[type, ...]], prefix: str) -> str:
    return next((prefix + key for key, kinds in shape.items() if key not in said or type(said[key]) not in kinds), "")


def _is_edge(each: Any) -> bool:
    if not isinstance(each, list) or len(each) != 4:
        return False
    number, at_us, what, value = each
    return type(number) is int and type(at_us) is int and type(what) is str and type(value) in (int, str, bool)


def in_bench_words(what: str, value: Any) -> Any:
    """Return an edge's value: a duty in percent and a current in amperes are floats, anything else is as the rig says it."""
    return value / 1000 if type(value) is int and what in ("pilot", "current") else value


def report(
    state: Mapping[str, Any],
    begin_s: float,
    evse: int,
    can: list[str],
    edges: Iterable[dict[str, Any]],
    since_s: float | None,
) -> dict[str, Any]:
    """Return a checked state as the bench's `state` answers it, as far as a rig can see it.

    begin_s: monotonic time of the rig's 0. edges: all that are kept.
    """
    return {
        "now_s": begin_s + state["now_us"] / 1e6,
        "mains": "mains" not in state["faults"],
        "estop": "estop" in state["faults"],
        "faults": {kind: value for kind, value in state["faults"].items() if kind in OF_STATION},
        "readers": [],
        "duty_tolerance_pct": state["duty_tolerance_mpct"] / 1000,
        "can": {str(evse): can},
        "evses": [_evse_report(state, evse, edges, since_s)],
    }


def _evse_report(
    state: Mapping[str, Any], evse: int, edges: Iterable[dict[str, Any]], since_s: float | None
) -> dict[str, Any]:
    ev, duty = state["ev"], state["duty_mpct"]
    drawn = [0.0, 0.0, 0.0]
    if ev is not None:
        drawn = [ev["draw_ma"] / 1000 if phase < ev["phases"] else 0.0 for phase in range(3)]
    shown = [edge for edge in edges if since_s is None or edge["at_s"] >= since_s]
    return {
        "id": evse,
        **{name: state[name] for name in _SAME},
        "ev": None if ev is None else {"asks": ev["asks"]},
        "pilot_high_v": state["pilot_mv"][0] / 1000,
        "pilot_low_v": state["pilot_mv"][1] / 1000,
        "duty_pct": None if duty is None else duty / 1000,
        "frequency_hz": state["frequency_mhz"] / 1000,
        "offered_a": state["offered_ma"] / 1000,
        "contactor_command": state["command"],
        "contact": "closed" if state["contact"] else "open",
        "current_a": drawn,
        "faults": {kind: value for kind, value in state["faults"].items() if kind not in OF_STATION},
        "edges": shown if since_s is not None else shown[-EDGES_SHOWN:],
    }
