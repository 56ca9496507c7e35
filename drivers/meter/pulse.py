"""A meter with a pulse output (S0) on a GPIO line: energy, and power from the spacing of the pulses (family meter)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from controller.hal import setting
from controller.logic.values import MeterReading
from drivers.bus import PULLS, Buses, CloseStage
from drivers.meter.pulse_counter import PulseCounter
from drivers.meter.pulse_register import PulseRegister

_MICRO = 1_000_000


class PulseMeter:
    """Counts the edges that the kernel stamped and kept, so that pulses are not missed while the station is busy: 1024 between two readings.

    Every register that `read` returns is on the disk first: after a power cut it does not come back lower than what was told. What
    was counted since the last `read` is then missing. A broken wire looks like a vehicle that draws nothing, and pulses while the
    program does not run are not seen.
    """

    @dataclass(frozen=True)
    class Settings:
        pin: int = setting("Line of the pulse output.", pin="in")
        pulses_per_kwh: int = setting("Pulses for each kWh, as printed on the meter.", low=1, high=100_000)
        register: str = setting("File that keeps the register, such as /var/lib/pilotline/meter1.register.")
        start_kwh: float = setting(
            "What the meter itself shows when the file is made.", default=0.0, low=0, high=10_000_000, unit="kWh"
        )
        shortest_ms: float = setting(
            "Pulses and gaps shorter than this are noise.", default=20.0, low=1, high=1000, unit="ms"
        )
        active_low: bool = setting("The output pulls the line low.", default=True)
        pull: str = setting("Internal pull of the line.", default="up", choices=PULLS)
        gpio: str = setting("Name of the GPIO bus.", default="gpio")

    def __init__(self, settings: Settings, buses: Buses, where: str) -> None:
        """Raises DeviceGone, and DeviceError for a line that has no edge events."""
        self._settings = settings
        self._monotonic = buses.monotonic
        self._device = f"pulse meter on GPIO{settings.pin} of {where}"
        self._register: PulseRegister | None = None
        self._base_micro_wh = 0  # the register without the pulses of this counter
        self._saved_micro_wh = 0  # of this counter's pulses, what is in the file
        self._line = buses.input(
            settings.gpio, settings.pin, f"{where} pin", active_low=settings.active_low, pull=settings.pull, edges=True
        )
        self._counter = PulseCounter(settings.shortest_ms / 1000, self._line.is_active(), self._monotonic())
        buses.at_close(CloseStage.LINES, self._leave)  # before its line is let go of

    async def read(self) -> MeterReading:
        self._count()
        now = self._monotonic()
        self._counter.settle(now)
        per_second = self._counter.per_second(now)
        micro_wh = self._save(self._counter.pulses)
        wh_per_pulse = 1000 / self._settings.pulses_per_kwh
        return MeterReading(
            taken_at_s=now,
            voltage_v=(),
            current_a=(),
            power_w=round(per_second * wh_per_pulse * 3600, 1),
            energy_import_wh=micro_wh // _MICRO,
        )

    async def close(self) -> None:
        self._leave()

    def _count(self) -> None:
        """Take what the kernel kept. Raises DeviceError for more than it keeps: a line that hums."""
        for is_active, at_s in self._line.edges():
            self._counter.edge(is_active, at_s)

    def _save(self, pulses: int) -> int:
        """Return the register with these pulses, once it is in the file. Raises DeviceGone."""
        if self._register is None:
            start = round(self._settings.start_kwh * 1000 * _MICRO)
            self._register = PulseRegister(Path(self._settings.register), start, self._device)
            self._base_micro_wh = self._register.micro_wh - self._saved_micro_wh
        counted = pulses * 1000 * _MICRO // self._settings.pulses_per_kwh
        self._register.save(self._base_micro_wh + counted)
        self._saved_micro_wh = counted
        return self._register.micro_wh

    def _leave(self) -> None:
        """Keep what was counted, and let go of the file."""
        if self._register is None:
            return
        try:
            self._count()
            self._save(self._counter.pulses)
        finally:
            register, self._register = self._register, None
            register.close()
