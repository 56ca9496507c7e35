"""What only shows when a board's devices are seen together: a pin, port or channel used twice, a name that is nowhere."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING

from controller.config.reader import Mistakes, shown, unknown

if TYPE_CHECKING:
    from controller.config.board import DeviceSection

_LAST_PIN = 27  # BCM numbers of the 40-pin header
_LAST_PULLED_UP_PIN = 8  # GPIO0-8 pull up at boot: an actuator there would be on before any program runs


def check_pins(devices: list[DeviceSection], mistakes: Mistakes) -> None:
    owners: dict[tuple[str, int], str] = {}
    for device in devices:
        for field in dataclasses.fields(device.settings):
            direction = field.metadata.get("pin")
            pin = getattr(device.settings, field.name)
            if not direction or pin is None:
                continue
            claim = f"{device.where} {field.name} = {pin}"
            if not 0 <= pin <= _LAST_PIN:
                mistakes.lines.append(f"{claim}: must be a GPIO line 0 to {_LAST_PIN} (BCM numbers)")
            elif direction == "out" and pin <= _LAST_PULLED_UP_PIN:
                rule = f"GPIO0-{_LAST_PULLED_UP_PIN} pull up at boot and must not drive an output; take one of 9 to 27"
                mistakes.lines.append(f"{claim}: {rule}")
            chip = str(getattr(device.settings, "gpio", ""))
            if (chip, pin) in owners:
                mistakes.lines.append(f"{claim}: the pin is already taken by {owners[chip, pin]}")
            owners.setdefault((chip, pin), claim)


def check_references(devices: list[DeviceSection], names: Mapping[str, list[str]], mistakes: Mistakes) -> None:
    """A setting called `bus`, `gpio` or `adc` names a section [bus.NAME] or [adc.NAME], also one with mistakes of its own."""
    for device in devices:
        for key, family in (("bus", "bus"), ("gpio", "bus"), ("adc", "adc")):
            target = getattr(device.settings, key, None)
            if isinstance(target, str) and target not in names[family]:
                problem = unknown(f"[{family}] section", target, names[family])
                mistakes.lines.append(f"{device.where} {key} = {shown(target)}: {problem}")


def check_display_buses(devices: list[DeviceSection], mistakes: Mistakes) -> None:
    """A display's hundreds of bytes would hold up the safety loop's conversions: it has an I2C bus of its own."""
    converters = {getattr(device.settings, "bus", ""): device for device in devices if device.family == "adc"}
    for device in devices:
        bus = getattr(device.settings, "bus", None)
        if device.family == "indicator" and bus in converters:
            rule = (
                f"the bus is that of {converters[bus].where}; give the display another (dtoverlay=i2c-gpio makes one)"
            )
            mistakes.lines.append(f"{device.where} bus = {shown(bus)}: {rule}")


def check_ports(devices: list[DeviceSection], mistakes: Mistakes) -> None:
    """Two devices share a serial port only with different bus addresses."""
    owners: dict[str, list[tuple[object, DeviceSection]]] = {}
    for device in devices:
        port = getattr(device.settings, "port", None)
        if not isinstance(port, str):
            continue
        address = getattr(device.settings, "address", None)
        for other_address, other in owners.setdefault(port, []):
            if address is None or address == other_address or other_address is None:
                problem = f"the port is already used by {other.where}"
                problem += f" with the same address {address}" if address is not None else ""
                mistakes.lines.append(f"{device.where} port = {shown(port)}: {problem}")
                break
        owners[port].append((address, device))


def check_addresses(devices: list[DeviceSection], mistakes: Mistakes) -> None:
    """Of two chips at one address of an I2C bus neither can be read."""
    owners: dict[tuple[str, int], str] = {}
    for device in devices:
        bus, address = getattr(device.settings, "bus", None), getattr(device.settings, "address", None)
        if not isinstance(bus, str) or not isinstance(address, int):
            continue
        claim = f"{device.where} address = 0x{address:02x}"
        if (bus, address) in owners:
            mistakes.lines.append(f"{claim}: on the bus {bus!r} it is already that of {owners[bus, address]}")
        owners.setdefault((bus, address), device.where)


def check_channels(devices: list[DeviceSection], mistakes: Mistakes) -> None:
    """A channel of a converter or of a PWM chip belongs to one setting. Without an `adc` it is one of the chip `device`."""
    owners: dict[tuple[str, str, object], str] = {}
    for device in devices:
        adc = getattr(device.settings, "adc", None)
        kind, chip = ("adc", adc) if adc is not None else ("pwm", getattr(device.settings, "device", None))
        if not isinstance(chip, str):
            continue
        for field in dataclasses.fields(device.settings):
            if not field.name.endswith(("channel", "_channels")):
                continue
            named = getattr(device.settings, field.name)
            for channel in named if isinstance(named, tuple) else (named,):
                claim = f"{device.where} {field.name} = {channel}"
                if (kind, chip, channel) in owners:
                    mistakes.lines.append(f"{claim}: the channel is already taken by {owners[(kind, chip, channel)]}")
                owners.setdefault((kind, chip, channel), claim)
