"""The rig's own firmware on this machine, its pins wired to a plant, its line a pseudo-terminal: a rig without hardware.

With PILOTLINE_BENCH_RIG=PATH the mock bench has one at EVSE 1, in place of its own EV: who opens PATH finds what /dev/ttyACM0 would be.
"""

from __future__ import annotations

import asyncio
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hil.bench.serial_ports import BenchPort
from hil.plant import Plant
from hil.plant.ev_options import EvOptions
from hil.plant.evse import EvseModel
from hil.plant.wiring import Load
from hil.rig.firmware.rig import OUTPUTS, Rig
from hil.rig.firmware.verbs import PP_OHM
from hil.rig.link import BAUD

EVSE = 1
PERIOD_NS = 1_000_000
NO_CURRENT = EvOptions(max_a=0.0)  # nothing flows on a rig


class WiredMonitor:
    """Stands where the plant's own residual-current monitor was."""

    def __init__(self, pins: PlantPins) -> None:
        self._pins = pins
        self.health = "ok"

    @property
    def is_tripped(self) -> bool:
        return self._pins.driven["rcd_trip"]

    @property
    def is_partly_tripped(self) -> bool:
        return False  # it has one output

    @property
    def has_error(self) -> bool:
        return self._pins.driven["rcd_error"]

    def test(self, active: bool, now: float) -> None:
        self._pins.sense("rcd_test", active, now)

    def deadline(self) -> float | None:
        return None

    def on_deadline(self, now: float) -> None:
        pass


class WiredBolt:
    """Stands where the plant's own lock was: the motor's lines go to the rig, the feedback comes from there."""

    def __init__(self, pins: PlantPins) -> None:
        self._pins = pins

    def drive(self, direction: int, now: float) -> None:
        self._pins.sense("lock", direction > 0, now)
        self._pins.sense("unlock", direction < 0, now)

    def position(self, now: float) -> float:
        return float(self._pins.driven["locked"])

    def is_locked(self, now: float) -> bool:
        return self._pins.driven["locked"]

    def is_open(self, now: float) -> bool:
        return not self._pins.driven["locked"]

    def deadline(self) -> float | None:
        return None

    def on_deadline(self, now: float) -> None:
        pass


class PlantPins:
    """The firmware's pins, wired to one EVSE of a plant.

    clock: of the plant, monotonic seconds. boot_id: told apart after a reset. driven: the levels of the firmware's outputs.
    """

    def __init__(self, plant: Plant, clock: Callable[[], float], boot_id: int) -> None:
        self.boot_id = boot_id
        self.driven = dict.fromkeys(OUTPUTS, False)
        self._plant = plant
        self._model: EvseModel = plant.evses[EVSE]
        self._clock = clock
        self._begin_s = clock()
        self._sensed = {"rcd_test": False, "lock": False, "unlock": False}
        self._edges: list[tuple[int, str, bool]] = []
        self._seen_edges = self._model.edge_count
        self._model.rcd = WiredMonitor(self)  # type: ignore[assignment]
        self._model.bolt = WiredBolt(self)  # type: ignore[assignment]
        self._wire()

    # --- what the firmware asks of its pins

    def now_us(self) -> int:
        return self._us(self._clock())

    def set(self, name: str, level: bool) -> None:
        self.driven[name] = level
        self._plant.advance(self._clock())
        self._wire()

    def get(self, name: str) -> bool:
        model = self._model
        levels = {"contact": model.contactor.is_closed, "command": model.command, "relay_supply": model.relay_supply}
        return (levels | self._sensed)[name]

    def edges(self) -> list[tuple[int, str, bool]]:
        count = self._model.edge_count
        fresh = list(self._model.edges)[self._seen_edges - count :] if count > self._seen_edges else []
        self._seen_edges = count
        wired = ("contact", "command", "relay_supply")
        found = self._edges + [
            (self._us(each.at_s), each.what, bool(each.value)) for each in fresh if each.what in wired
        ]
        self._edges = []
        return sorted(found, key=lambda edge: edge[0])

    def pulse(self) -> tuple[int, int, int] | None:
        duty_pct = self._model.duty_pct
        if duty_pct is None or not self._model.is_connected:
            return None
        return (self.now_us(), round(duty_pct * PERIOD_NS / 100), PERIOD_NS)

    def samples_mv(self) -> list[int]:
        return [round(volts * 1000) for volts in self._model.plateaus()]

    # --- the wires

    def sense(self, name: str, level: bool, now: float) -> None:
        """The station drives one of the lines that go to the rig."""
        if self._sensed[name] is not level:
            self._sensed[name] = level
            self._edges.append((self._us(now), name, level))

    def _us(self, at_s: float) -> int:
        return round((at_s - self._begin_s) * 1e6)

    def _wire(self) -> None:
        """Give the plant what the relays make of it."""
        now, model, driven = self._plant.now, self._model, self.driven
        if driven["plug"] and model.ev is None:
            model.plug_in(NO_CURRENT, 32, now)
        elif not driven["plug"] and model.ev is not None:
            model.unplug(now)
        if model.ev is not None:
            load = Load.D if driven["s2_d"] else Load.C if driven["s2_c"] else Load.B
            model.ev.force(load, 0.0, None, now)
        siemens = sum(1 / ohm for ohm in PP_OHM if driven[f"pp_{ohm}"])
        faults: dict[str, Any] = {"pp_ohm": 1 / siemens if siemens else math.inf}
        faults |= {"diode": True} if driven["diode_short"] else {}
        faults |= {"ground": True} if driven["pe_break"] else {}
        if driven["cp_short"] or driven["cp_short_after_diode"]:
            faults["cp_short"] = 80.0 if driven["cp_short"] else "after_diode"
        model.faults = faults
        absent = {"mains": driven["mains_absent"], "estop": driven["estop"]}
        self._plant.station_faults = {name: True for name, holds in absent.items() if holds}
        self._plant.note_change()
        self._plant.resupply()


class Twin:
    """path: where its line appears. `step` is to be called every few milliseconds. The peer of its own line."""

    def __init__(self, path: Path, plant: Plant, loop: asyncio.AbstractEventLoop) -> None:
        self._plant = plant
        self._loop = loop
        self._said = b""
        self.port = BenchPort(path, [self], BAUD, loop)
        self.reset()
        self.port.appear()

    def reset(self) -> None:
        """The RP2040 starts anew."""
        self._said = b""
        self.firmware = Rig(PlantPins(self._plant, self._loop.time, int.from_bytes(os.urandom(4), "big") >> 2))

    def step(self) -> None:
        self.firmware.step()

    def close(self) -> None:
        self.port.vanish()

    # --- the far end of the line

    def receive(self, data: bytes, now: float) -> None:
        self._said += self.firmware.receive(data)

    def deadline(self) -> float | None:
        return None

    def take(self, now: float) -> bytes:
        said, self._said = self._said, b""
        return said
