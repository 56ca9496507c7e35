"""The hardware of a board as the safety loop holds it."""

from __future__ import annotations

from dataclasses import dataclass

from controller.hal import (
    ConnectorLock,
    Contactor,
    DigitalInput,
    PhaseSense,
    PilotDriver,
    PilotSense,
    ProximitySense,
    ResidualCurrent,
    TemperatureSense,
    Watchdog,
)
from controller.logic.pilot import EvseConfig


@dataclass(frozen=True, slots=True)
class EvsePorts:
    """One EVSE. proximity, lock: None for a tethered cable. residual: None where the device upstream protects.

    temperature, ground, phase_sense: None where there is no such sensor. ground: active while the protective conductor is there.
    """

    config: EvseConfig
    pilot_driver: PilotDriver
    pilot_sense: PilotSense
    contactor: Contactor
    proximity: ProximitySense | None = None
    lock: ConnectorLock | None = None
    residual: ResidualCurrent | None = None
    temperature: TemperatureSense | None = None
    ground: DigitalInput | None = None
    phase_sense: PhaseSense | None = None


@dataclass(frozen=True, slots=True)
class BoardPorts:
    """What the EVSEs share. mains: active while mains is present. estop: active while pressed. limit: while somebody limits."""

    watchdog: Watchdog | None = None
    mains: DigitalInput | None = None
    estop: DigitalInput | None = None
    limit: DigitalInput | None = None
