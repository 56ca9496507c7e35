"""What an energy meter in the EVSE shows, and how an SDM630 lays it out in registers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

QUANTITIES = ("voltage_v", "current_a", "power_w", "energy_wh", "frequency_hz", "power_factor")
RESOLUTION_WH = 1.0


@dataclass(frozen=True, slots=True)
class MeterShown:
    """The meter's own values, three phases always; energy_wh: import register, in whole steps of RESOLUTION_WH."""

    voltage_v: tuple[float, float, float]
    current_a: tuple[float, float, float]
    power_w: tuple[float, float, float]
    energy_wh: float
    frequency_hz: float
    power_factor: float = 1.0

    @property
    def total_w(self) -> float:
        return sum(self.power_w)

    def falsified(self, wrong: Mapping[str, float]) -> MeterShown:
        """Return what a broken meter shows: `wrong` has values for some QUANTITIES, for every phase."""
        values: dict[str, object] = {}
        for quantity, value in wrong.items():
            if quantity in ("voltage_v", "current_a"):
                values[quantity] = (value, value, value)
            elif quantity == "power_w":
                values[quantity] = (value / 3, value / 3, value / 3)
            else:
                values[quantity] = value
        return replace(self, **values)  # type: ignore[arg-type]


def resolved(energy_wh: float) -> float:
    """Return an energy as the register shows it: rounded down to its resolution."""
    return math.floor(energy_wh / RESOLUTION_WH + 1e-9) * RESOLUTION_WH


def sdm630_registers(shown: MeterShown) -> dict[int, float]:
    """Return the input registers by their zero-based address; each value is a float over two registers, high word first."""
    registers = {0x34: shown.total_w, 0x46: shown.frequency_hz, 0x48: shown.energy_wh / 1000.0, 0x4A: 0.0}
    for phase in range(3):
        registers[0x00 + 2 * phase] = shown.voltage_v[phase]
        registers[0x06 + 2 * phase] = shown.current_a[phase]
        registers[0x0C + 2 * phase] = shown.power_w[phase]
        registers[0x12 + 2 * phase] = shown.voltage_v[phase] * shown.current_a[phase]
        registers[0x1E + 2 * phase] = shown.power_factor
    live = [volts for volts in shown.voltage_v if volts] or [0.0]
    registers[0x2A] = sum(live) / len(live)
    registers[0x2E] = sum(shown.current_a) / len(live)
    registers[0x30] = sum(shown.current_a)
    registers[0x3E] = shown.power_factor
    registers[0x156] = registers[0x48]
    return registers
