"""How a wire is called: by its line on the header and its key in the board file."""

from __future__ import annotations

from controller.config.board import BoardConfig, DeviceSection, EvseBoard


def line(section: DeviceSection | None, *keys: str) -> str:
    """Return for example `GPIO22 (mirror_pin) and GPIO23 (auxiliary_pin) of mock.toml [evse.1.contactor]`."""
    if section is None:
        return ""
    found = [(key, getattr(section.settings, key, None)) for key in keys]
    named = [f"GPIO{pin} ({key})" for key, pin in found if pin is not None]
    return f"{' and '.join(named)} of {section.where}" if named else section.where


def pwm(evse: EvseBoard) -> str:
    settings = evse.pilot_driver.settings
    channel = getattr(settings, "channel", None)
    return (
        f"the pilot's PWM (channel {channel} of {evse.pilot_driver.where})"
        if channel is not None
        else "the pilot's PWM"
    )


def sense(evse: EvseBoard, plateau: str) -> str:
    channel = getattr(evse.pilot_sense.settings, f"{plateau}_channel", None)
    where = evse.pilot_sense.where
    return f"channel {channel} ({plateau}_channel) of {where}" if channel is not None else where


def cp_enable(evse: EvseBoard) -> str:
    return line(evse.pilot_driver, "enable_pin")


def kick(board: BoardConfig) -> str:
    return line(board.watchdog, "pin")
