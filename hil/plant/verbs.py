"""The bench's verbs, checked and done on a plant. A mistake is a PlantError that names it; then nothing has changed.

plug_in{evse, ev?, cable_a?}     unplug{evse}     pause{evse}     resume{evse}
ev{evse, pilot, draw_a?, phases?}     swipe{token, reader?}     fault{evse, kind, clear?, value?}
network{up}     power_cut{}     state{since_s?}
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hil.plant.card import ReaderModel, as_uid
from hil.plant.ev import Ev
from hil.plant.ev_options import flag, number, read_ev_options, whole
from hil.plant.faults import KINDS
from hil.plant.report import report
from hil.plant.values import PlantError
from hil.plant.wiring import CABLE_OHM, Load

if TYPE_CHECKING:
    from hil.plant.evse import EvseModel
    from hil.plant.plant import Plant

Arguments = Mapping[str, Any]
Answer = dict[str, Any]


def perform(plant: Plant, name: str, args: Arguments) -> Answer:
    """Do one verb at the plant's present time. Raises PlantError."""
    verb = VERBS.get(name)
    if verb is None:
        raise PlantError(f"unknown verb `{name}` (known: {', '.join(VERBS)})")
    known = verb.required + verb.optional
    for key in args:
        if key not in known:
            raise PlantError(f"{name}: unknown key `{key}` (known: {', '.join(known) or 'none'})")
    for key in verb.required:
        if key not in args:
            raise PlantError(f"{name}: `{key}` is missing")
    return verb.do(plant, args)


def _evse(plant: Plant, verb: str, args: Arguments) -> EvseModel:
    number_ = args.get("evse")
    if isinstance(number_, bool) or not isinstance(number_, int) or number_ not in plant.evses:
        known = ", ".join(str(known) for known in plant.evses)
        raise PlantError(f"{verb}: `evse` must be one of {known}, not {number_!r}")
    return plant.evses[number_]


def _plugged(plant: Plant, verb: str, args: Arguments) -> tuple[EvseModel, Ev]:
    model = _evse(plant, verb, args)
    if model.ev is None:
        raise PlantError(f"{verb}: no EV is plugged in at `evse` {model.built.id}")
    return model, model.ev


def _plug_in(plant: Plant, args: Arguments) -> Answer:
    model = _evse(plant, "plug_in", args)
    options = read_ev_options("plug_in", args.get("ev"))
    cable_a = whole("plug_in", "cable_a", args.get("cable_a", 32), 0, 1000)
    if cable_a not in CABLE_OHM:
        raise PlantError(f"plug_in: `cable_a` must be one of {', '.join(map(str, CABLE_OHM))}, not {cable_a}")
    if model.ev is not None:
        raise PlantError(f"plug_in: an EV is already plugged in at `evse` {model.built.id}")
    if not model.built.tethered and model.cable_ohm == float("inf") and not model.bolt.is_open(plant.now):
        raise PlantError(f"plug_in: the lock of `evse` {model.built.id} is not open, no plug goes in")
    model.plug_in(options, cable_a, plant.now)
    return {}


def _unplug(plant: Plant, args: Arguments) -> Answer:
    model, _ = _plugged(plant, "unplug", args)
    model.unplug(plant.now)
    return {"cable_held": model.cable_ohm != float("inf")}


def _ev(plant: Plant, args: Arguments) -> Answer:
    model, ev = _plugged(plant, "ev", args)
    if args["pilot"] not in ("B", "C", "D"):
        raise PlantError(f"ev: `pilot` must be B, C or D, not {args['pilot']!r}")
    draw_a = number("ev", "draw_a", args["draw_a"], 0.0, 1000.0) if args.get("draw_a") is not None else None
    phases = whole("ev", "phases", args["phases"], 1, 3) if args.get("phases") is not None else None
    ev.force(Load(args["pilot"]), draw_a, phases, plant.now)
    model.refresh(plant.now)
    return {}


def _pause(plant: Plant, args: Arguments) -> Answer:
    model, ev = _plugged(plant, "pause", args)
    ev.pause(True, plant.now)
    model.refresh(plant.now)
    return {}


def _resume(plant: Plant, args: Arguments) -> Answer:
    model, ev = _plugged(plant, "resume", args)
    ev.unforce(plant.now)
    ev.pause(False, plant.now)
    model.refresh(plant.now)
    return {}


def _swipe(plant: Plant, args: Arguments) -> Answer:
    token = args["token"]
    if not isinstance(token, str) or not token or not token.isprintable():
        raise PlantError(f"swipe: `token` must be printable text, not {token!r}")
    uid = as_uid(token)
    reader = _reader(plant, args["reader"]) if args.get("reader") is not None else _reader_for(plant, uid)
    if reader.reader.kind == "uid" and uid is None:
        raise PlantError(
            f"swipe: `token` {token!r} is no UID of 4, 7 or 10 bytes, reader {reader.reader.name} cannot see it"
        )
    if reader.is_gone:
        raise PlantError(f"swipe: `reader` {reader.reader.name} is unplugged")
    reader.hold(uid if reader.reader.kind == "uid" and uid is not None else token, plant.now)
    plant.note_change()
    return {"reader": reader.reader.name}


def _reader(plant: Plant, wanted: object) -> ReaderModel:
    names = list(plant.readers)
    if isinstance(wanted, int) and not isinstance(wanted, bool) and 1 <= wanted <= len(names):
        return plant.readers[names[wanted - 1]]
    if not isinstance(wanted, str) or wanted not in plant.readers:
        raise PlantError(f"swipe: `reader` must be one of {', '.join(names) or 'none'}, not {wanted!r}")
    return plant.readers[wanted]


def _reader_for(plant: Plant, uid: str | None) -> ReaderModel:
    """UIDs go to the first reader that sees them; anything else to the first that takes text."""
    for kind in ("uid", "line") if uid is not None else ("line",):
        for reader in plant.readers.values():
            if reader.reader.kind == kind:
                return reader
    raise PlantError("swipe: `token` fits no reader of this board")


def _fault(plant: Plant, args: Arguments) -> Answer:
    kind = KINDS.get(args["kind"]) if isinstance(args["kind"], str) else None
    if kind is None:
        raise PlantError(f"fault: unknown `kind` {args['kind']!r} (known: {', '.join(KINDS)})")
    clear = flag("fault", "clear", args.get("clear", False))
    where = f"fault {args['kind']}"
    value = None if clear else kind.read(where, args.get("value"))
    if kind.of_station:
        _set_station_fault(plant, where, args["kind"], None if clear else value, args)
    else:
        if "evse" not in args:
            raise PlantError(f"{where}: `evse` is missing")
        _set_fault(_evse(plant, where, args), args["kind"], value, clear, plant.now)
    return {}


def _set_station_fault(plant: Plant, where: str, name: str, value: Any, args: Arguments) -> None:
    if name == "reader_gone":
        wanted = args.get("value")
        if wanted not in plant.readers:
            raise PlantError(f"{where}: `value` must be one of {', '.join(plant.readers) or 'none'}, not {wanted!r}")
        plant.readers[wanted].is_gone = value is not None
    elif value is None:
        plant.station_faults.pop(name, None)
    else:
        plant.station_faults[name] = value
    plant.note_change()
    plant.resupply()


def _set_fault(model: EvseModel, name: str, value: Any, clear: bool, now: float) -> None:
    if clear:
        model.faults.pop(name, None)
    else:
        model.faults[name] = value
    if name == "weld":
        model.contactor.weld(not clear, now)
    elif name == "stuck_open":
        model.contactor.stick_open(not clear, now)
    elif name == "lock_jam":
        model.bolt.jam(not clear, now)
    elif name == "rcd":
        model.rcd.health = "ok" if clear else value
    model.refresh(now)
    model.changes += 1


def _network(plant: Plant, args: Arguments) -> Answer:
    plant.network_up = flag("network", "up", args["up"])
    plant.note_change()
    return {}


def _power_cut(plant: Plant, args: Arguments) -> Answer:
    plant.power_cut()
    plant.note_change()
    return {}


def _state(plant: Plant, args: Arguments) -> Answer:
    since = args.get("since_s")
    return report(plant, number("state", "since_s", since, 0.0, 1e12) if since is not None else None)


@dataclass(frozen=True, slots=True)
class Verb:
    do: Callable[[Plant, Arguments], Answer]
    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()


VERBS: Mapping[str, Verb] = {
    "plug_in": Verb(_plug_in, ("evse",), ("ev", "cable_a")),
    "unplug": Verb(_unplug, ("evse",)),
    "ev": Verb(_ev, ("evse", "pilot"), ("draw_a", "phases")),
    "pause": Verb(_pause, ("evse",)),
    "resume": Verb(_resume, ("evse",)),
    "swipe": Verb(_swipe, ("token",), ("reader",)),
    "fault": Verb(_fault, ("kind",), ("evse", "clear", "value")),
    "network": Verb(_network, ("up",)),
    "power_cut": Verb(_power_cut),
    "state": Verb(_state, (), ("since_s",)),
}
