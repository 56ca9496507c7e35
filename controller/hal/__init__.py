"""Hardware abstraction: the ports that drivers implement, their readings, errors and settings. Owned by the consumer."""

from controller.hal.errors import DeviceError, DeviceGone, DeviceSilent, ImplausibleReading
from controller.hal.ports import (
    ConnectorLock,
    Contactor,
    DigitalInput,
    EnergyMeter,
    LockMotion,
    MirrorReading,
    PilotDriver,
    PilotReading,
    PilotSense,
    ProximityReading,
    ProximitySense,
    ResidualCurrent,
    TemperatureReading,
    TemperatureSense,
    TokenRead,
    TokenReader,
    Watchdog,
)
from controller.hal.settings import setting

__all__ = [
    "ConnectorLock",
    "Contactor",
    "DeviceError",
    "DeviceGone",
    "DeviceSilent",
    "DigitalInput",
    "EnergyMeter",
    "ImplausibleReading",
    "LockMotion",
    "MirrorReading",
    "PilotDriver",
    "PilotReading",
    "PilotSense",
    "ProximityReading",
    "ProximitySense",
    "ResidualCurrent",
    "TemperatureReading",
    "TemperatureSense",
    "TokenRead",
    "TokenReader",
    "Watchdog",
    "setting",
]
