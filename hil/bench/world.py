"""The plant behind its pages and files: takes what the drivers wrote, with its time, and shows what they may read."""

from __future__ import annotations

import errno
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from drivers.mock.pages import AnalogPage, Edge, GpioPage, PageError
from drivers.mock.pwm_directory import PwmDirectory, Refusal, Wave
from hil.bench.layout import InputLine, Layout, OutputLine
from hil.plant import Plant

LISTED_REFUSALS = 20


@dataclass(frozen=True, slots=True)
class _Write:
    """One thing the controller did. apply gets the time at which it did it."""

    at_s: float
    apply: Callable[[float], None]


class PwmChip(Protocol):
    """The plant's side of a PWM chip; the bench's directory, unless a real chip's registers are played."""

    refusals: list[Refusal]

    def poll(self, now: float) -> list[Wave]: ...
    def reset(self) -> None: ...
    def close(self) -> None: ...


class World:
    """fresh: no driver process lives, so everything begins as after power-on. Else a bench before us made the files.

    pwm: chips to use in the place of the bench's directories, by root and device as in the layout.
    """

    def __init__(
        self,
        layout: Layout,
        *,
        fresh: bool,
        seed: int = 0,
        pwm: Mapping[tuple[Path, str], PwmChip] | None = None,
    ) -> None:
        self._layout = layout
        self.plant = Plant(layout.evses, time.monotonic(), readers=layout.plant_readers(), seed=seed)
        self._gpio = _gpio_page(layout.gpio_page, fresh)
        self._panel = _gpio_page(layout.panel_page, fresh) if layout.panel_page is not None else None
        self._analog = _analog_page(layout, fresh)
        self._pwm = _pwm_directories(layout) if pwm is None else pwm
        self._pwm_evses = {(each.root, each.device, each.channel): each.evse for each in layout.pwm}
        self._outputs = {line.pin: line for line in layout.outputs}
        self._levels: dict[int, bool] = {}
        self._shown: dict[int, bool] = {}
        self._head = self._gpio.head
        self._is_stale = True
        self.plant.subscribe(self._note_change)
        if fresh:
            for directory in self._pwm.values():
                directory.reset()
        self._adopt()
        self.poll()

    def close(self) -> None:
        self._gpio.close()
        if self._panel is not None:
            self._panel.close()
        self._analog.close()
        for directory in self._pwm.values():
            directory.close()

    def poll(self) -> bool:
        """Let the plant catch up with the drivers and the clock. Returns whether the controller did anything but kick."""
        now = time.monotonic()
        writes = self._pwm_writes(now)
        acted = bool(writes)
        for edge in self._edges():
            line = self._outputs.get(edge.line)
            if line is not None:
                acted |= line.role != "kick"
                writes.append(_Write(edge.at_s, self._line_write(line, edge)))
        for write in sorted(writes, key=lambda each: each.at_s):
            write.apply(write.at_s)
        self.plant.advance(now)
        self.publish()
        return acted

    def publish(self) -> None:
        """Show the drivers what changed at the plant."""
        if not self._is_stale:
            return
        self._is_stale = False
        for line in self._layout.inputs:
            level = line.level(self._holds(line))
            if self._shown.get(line.pin) is not level:
                self._shown[line.pin] = level
                self._gpio.drive(line.pin, level)
        for channel in self._layout.analog:
            channel.write(self._analog, self.plant)
        self._analog.set_bus_fault(0 if self.plant.adc_works else errno.EREMOTEIO)

    def power_cut(self) -> None:
        """Every line goes to its boot state. Only while no driver process lives."""
        self.poll()
        self._gpio.reset()
        if self._panel is not None:
            self._panel.reset()
        for directory in self._pwm.values():
            directory.reset()
        self._head = self._gpio.head
        self._levels.clear()

    def verb(self, name: str, args: dict[str, Any]) -> dict[str, Any]:
        """Do a plant's verb at this moment. Raises PlantError."""
        self.poll()
        answer = self.plant.verb(name, **args)
        if name == "state":
            answer |= {"refused_pwm": self._refusals(), "lines": self._lines(), "leds": self._leds()}
        self.publish()
        return answer

    # --- what the drivers did

    def _adopt(self) -> None:
        """Take over how the lines stand."""
        for line in self._layout.outputs:
            state = self._gpio.line(line.pin)
            edge = Edge(line.pin, state.level, state.is_output, self.plant.now)
            if line.role != "kick":
                self._line_write(line, edge)(self.plant.now)

    def _edges(self) -> list[Edge]:
        since, self._head = self._head, self._gpio.head
        return self._gpio.edges(since, self._head) if since != self._head else []

    def _line_write(self, line: OutputLine, edge: Edge) -> Callable[[float], None]:
        high = (
            edge.level and edge.is_output
        ) is not line.active_low  # an undriven line is low: each has a pull-down outside
        plant, evse = self.plant, line.evse

        def apply(at: float) -> None:
            rising = high and not self._levels.get(line.pin, False)
            self._levels[line.pin] = high
            if line.role == "kick":
                if rising:
                    plant.kick(at)
            elif line.role == "cp_enable":
                plant.cp_enable(evse, high, at)
            elif line.role == "contactor":
                plant.contactor(evse, high, at)
            elif line.role == "phase_relay":
                plant.phase_relay(evse, high, at)
            elif line.role == "rcd_test":
                plant.rcd_test(evse, high, at)
            else:
                plant.lock(evse, self._lock_direction(evse), at)

        return apply

    def _lock_direction(self, evse: int) -> int:
        """Both lines high brake the motor."""
        driven = [line.role for line in self._layout.outputs if line.evse == evse and self._levels.get(line.pin)]
        return ("lock" in driven) - ("unlock" in driven)

    def _pwm_writes(self, now: float) -> list[_Write]:
        writes = []
        for (root, device), directory in self._pwm.items():
            for wave in directory.poll(now):
                evse = self._pwm_evses.get((root, device, wave.channel))
                if evse is not None:
                    writes.append(_Write(wave.at_s, self._wave_write(evse, wave.duty_pct, wave.level)))
        return writes

    def _wave_write(self, evse: int, duty_pct: float | None, level: bool) -> Callable[[float], None]:
        return lambda at: self.plant.pwm(evse, duty_pct, level, at)

    # --- what the drivers see

    def _note_change(self) -> None:
        self._is_stale = True

    def _holds(self, line: InputLine) -> bool:
        plant, evse = self.plant, line.evse
        match line.role:
            case "mains":
                return plant.mains
            case "estop":
                return plant.estop
            case "mirror_open":
                return plant.mirror(evse)[1]
            case "auxiliary":
                return plant.mirror(evse)[0]
            case "locked":
                return plant.lock_feedback(evse)
            case "ground":
                return plant.ground(evse)
            case "limit":
                return plant.limit
            case "rcd_trip":
                return plant.rcd(evse)[0]
            case "rcd_30ma":
                return plant.rcd(evse)[0] and not plant.rcd_partly(evse)
            case _:
                return plant.rcd(evse)[1]

    # --- what a spectator sees

    def _refusals(self) -> list[dict[str, Any]]:
        return [
            {"at_s": each.at_s, "evse": self._pwm_evses.get((root, device, each.channel or 0)), "problem": each.problem}
            for (root, device), directory in self._pwm.items()
            for each in directory.refusals[-LISTED_REFUSALS:]
        ]

    def _lines(self) -> list[dict[str, Any]]:
        """Return the driven lines with the time of their last write."""
        found = []
        for line in self._layout.outputs:
            state = self._gpio.line(line.pin)
            found.append(
                {
                    "pin": line.pin,
                    "role": line.role,
                    "evse": line.evse or None,
                    "level": state.level,
                    "output": state.is_output,
                    "written_at_s": state.written_at_s,
                }
            )
        return found

    def _leds(self) -> list[dict[str, Any]]:
        """Return the lights that the station drives."""
        page = self._panel
        if page is None:
            return []
        return [
            {"evse": led.evse or None, "role": led.role, "lit": page.line(led.pin).level} for led in self._layout.leds
        ]


def _gpio_page(path: Path, fresh: bool) -> GpioPage:
    if not fresh:
        try:
            return GpioPage(path)
        except PageError:
            pass  # nothing usable was left: begin anew
    return GpioPage.create(path)


def _analog_page(layout: Layout, fresh: bool) -> AnalogPage:
    """Living drivers have the old page mapped: a new file in its place would leave them with the last voltages for ever."""
    if not fresh:
        try:
            page = AnalogPage(layout.analog_page)
        except PageError:
            pass
        else:
            if all(page.chip(address) is not None for address in layout.adc_addresses):
                return page
            page.close()
    return AnalogPage.create(layout.analog_page, layout.adc_addresses)


def _pwm_directories(layout: Layout) -> dict[tuple[Path, str], PwmChip]:
    channels: dict[tuple[Path, str], int] = defaultdict(int)
    for each in layout.pwm:
        key = (each.root, each.device)
        channels[key] = max(channels[key], each.channel + 1)
    return {
        (root, device): PwmDirectory(root, device, count, chip)
        for chip, ((root, device), count) in enumerate(channels.items())
    }
