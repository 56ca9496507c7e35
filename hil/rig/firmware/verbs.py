"""The bench's verbs as a rig answers them. What it cannot do it does not name among its abilities, and refuses."""

from .ev import Ev, offer_ma, options
from .pilot import is_advertising
from .values import Refused, flag, number, one_of, whole

try:
    from typing import Any
except ImportError:
    pass

RIG = "pilotline-rig"
PROTOCOL = 1  # another number: another meaning of some line, so host and firmware must be of one age
FIRMWARE = "1.0"
DUTY_TOLERANCE_MPCT = 500  # 5 us, the most that the standard lets the width of a pulse be off
CABLE_OHM = {13: 1500, 20: 680, 32: 220, 63: 100, 70: 100}
CABLES_A = (13, 20, 32, 63, 70)
PP_OHM = (1500, 680, 220, 100, 3000)  # the resistors that are built in; the last is of no cable
# What it is built for, in the words of scenarios' needs; which of it applies, the station's board tells.
BUILT = ("socket", "tethered", "ventilation", "no ventilation", "rcd", "self-test", "wake-up")
OF_STATION = ("mains", "estop")
OF_EVSE = ("diode", "cp_short", "pp_ohm", "rcd", "ground", "lock_jam")


def perform(rig: Any, name: str, args: dict[str, Any]) -> dict[str, Any]:
    """Do a verb at the rig's present time. Raises Refused."""
    verb = VERBS.get(name)
    if verb is None:
        raise Refused(f"unknown verb `{name[:40]}` on a rig (known: {', '.join(sorted(VERBS))})")
    do, required, optional = verb
    for key in args:
        if key not in required and key not in optional:
            raise Refused(f"{name}: unknown key `{str(key)[:40]}` (known: {', '.join(required + optional) or 'none'})")
    for key in required:
        if key not in args:
            raise Refused(f"{name}: `{key}` is missing")
    if "evse" in args:
        one_of(name, "evse", args["evse"], (1,))
    answer: dict[str, Any] = do(rig, args)
    return answer


def _hello(rig: Any, args: dict[str, Any]) -> dict[str, Any]:
    """A host begins: whatever another one left behind is put away."""
    rig.go_home()
    answer = _abilities(rig, args)
    answer.update(
        rig=RIG, protocol=PROTOCOL, firmware=FIRMWARE, boot=rig.boot_id, now_us=rig.now, silences=rig.silences
    )
    return answer


def _abilities(rig: Any, args: dict[str, Any]) -> dict[str, Any]:
    can = list(BUILT)
    can += [f"fault {kind}" for kind in OF_EVSE + OF_STATION]
    return {"can": can}


def _plug_in(rig: Any, args: dict[str, Any]) -> dict[str, Any]:
    given = options(args.get("ev"))
    cable_a = one_of("plug_in", "cable_a", args.get("cable_a", 32), CABLES_A)
    if rig.ev is not None:
        raise Refused("plug_in: an EV is already plugged in")
    if rig.cable_ohm is None and not rig.bolt.is_open(rig.now):
        raise Refused("plug_in: the lock is not open, no plug goes in")
    rig.ev, rig.cable_ohm = Ev(given, rig.now), CABLE_OHM[cable_a]
    return {}


def _unplug(rig: Any, args: dict[str, Any]) -> dict[str, Any]:
    _plugged(rig, "unplug")
    rig.ev = None
    return {"cable_held": not rig.bolt.is_open(rig.now)}


def _plugged(rig: Any, verb: str) -> Any:
    if rig.ev is None:
        raise Refused(f"{verb}: no EV is plugged in")
    return rig.ev


def _ev(rig: Any, args: dict[str, Any]) -> dict[str, Any]:
    ev = _plugged(rig, "ev")
    load = one_of("ev", "pilot", args["pilot"], ("B", "C", "D"))
    draw_a, phases = args.get("draw_a"), args.get("phases")
    draw_ma = None if draw_a is None else int(number("ev", "draw_a", draw_a, 0, 1000) * 1000)
    if phases is not None:
        whole("ev", "phases", phases, 1, 3)
    ev.force(load, draw_ma, phases, rig.now)
    return {}


def _pause(rig: Any, args: dict[str, Any]) -> dict[str, Any]:
    _plugged(rig, "pause").pause(True, rig.now)
    return {}


def _resume(rig: Any, args: dict[str, Any]) -> dict[str, Any]:
    ev = _plugged(rig, "resume")
    ev.unforce(rig.now)
    ev.pause(False, rig.now)
    return {}


def _fault(rig: Any, args: dict[str, Any]) -> dict[str, Any]:
    kind = args["kind"]
    if kind not in OF_EVSE and kind not in OF_STATION:
        known = ", ".join(OF_EVSE + OF_STATION)
        raise Refused(f"fault: this rig cannot do `kind` {str(kind)[:40]} (it can: {known})")
    where = f"fault {kind}"
    if kind in OF_EVSE and "evse" not in args:
        raise Refused(f"{where}: `evse` is missing")
    clear = flag(where, "clear", args.get("clear", False))
    value = None if clear else _fault_value(where, kind, args.get("value"))
    if clear:
        rig.faults.pop(kind, None)
    else:
        rig.faults[kind] = value
    if kind == "rcd":
        rig.monitor.health = value
    elif kind == "lock_jam":
        rig.bolt.jam(not clear, rig.now)
    return {}


def _fault_value(where: str, kind: str, value: Any) -> Any:
    if kind == "cp_short":
        return one_of(where, "value", 80 if value is None else _plain(value), (80, "after_diode"))
    if kind == "pp_ohm":
        ohm = one_of(where, "value", _plain(value), PP_OHM + ("open",))
        return None if ohm == "open" else ohm
    if kind == "rcd":
        return one_of(where, "value", "trip" if value is None else value, ("trip", "error", "dead"))
    if value is not None:
        raise Refused(f"{where}: takes no `value`")
    return True


def _plain(value: Any) -> Any:
    """A whole number that came as 680.0 is 680."""
    return int(value) if isinstance(value, float) and -1e6 < value < 1e6 and value == int(value) else value


def _state(rig: Any, args: dict[str, Any]) -> dict[str, Any]:
    after = whole("state", "after", args.get("after", 0), 0, 1 << 30)
    output = rig.pilot.output
    edges = rig.journal.after(after)
    ev = rig.ev
    return {
        "now_us": rig.now,
        "boot": rig.boot_id,
        "silences": rig.silences,
        "plugged": ev is not None,
        "ev": None if ev is None else {"asks": ev.load, "draw_ma": ev.draw_ma, "phases": ev.phases},
        "pilot_mv": list(rig.volts_mv),
        "pilot_output": "X2" if isinstance(output, int) else output,
        "duty_mpct": output if isinstance(output, int) else None,
        "duty_tolerance_mpct": DUTY_TOLERANCE_MPCT,
        "frequency_mhz": rig.pilot.frequency_mhz,
        "advertising": is_advertising(output),
        "offered_ma": offer_ma(output) if isinstance(output, int) else 0,
        "proximity_ohm": rig.proximity_ohm(),
        "command": rig.levels["command"],
        "relay_supply": rig.levels["relay_supply"],
        "contact": rig.levels["contact"],
        "locked": rig.bolt.is_locked(rig.now),
        "rcd_tripped": rig.monitor.is_tripped(),
        "rcd_error": rig.monitor.has_error(),
        "rcd_test": rig.levels["rcd_test"],
        "faults": rig.faults,
        "edges": edges,
        "last_edge": rig.journal.count,
    }


VERBS: dict[str, Any] = {
    "hello": (_hello, (), ()),
    "abilities": (_abilities, (), ()),
    "plug_in": (_plug_in, ("evse",), ("ev", "cable_a")),
    "unplug": (_unplug, ("evse",), ()),
    "ev": (_ev, ("evse", "pilot"), ("draw_a", "phases")),
    "pause": (_pause, ("evse",), ()),
    "resume": (_resume, ("evse",), ()),
    "fault": (_fault, ("kind",), ("evse", "clear", "value")),
    "state": (_state, (), ("after",)),
}
