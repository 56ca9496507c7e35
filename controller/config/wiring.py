"""What the hardware does not allow, although each key of a board file is right by itself. Nothing is opened.

Sources: `controller/config/header.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from controller.config.header import FIXED_PULL_UPS, PWM_CHIPS, Use, is_header, pwm_chips, pwm_line, uses_of
from controller.config.pass_time import CONVERSION_MS, check_pass_time
from controller.config.reader import Mistakes, shown
from controller.logic.evse import PilotState
from controller.logic.plateau import STRICT_V
from controller.logic.protection import FAR_ABOVE

if TYPE_CHECKING:
    from controller.config.board import DeviceSection

# A line that a broken wire leaves to its pull -> whether it may then read as active (True: it must, False: it must not).
_BROKEN = {"mirror_pin": False, "feedback_pin": False}
_BROKEN_SECTIONS = {"estop": True, "mains": False, "ground": False}
_MEANING = {
    "mirror_pin": "contactor open",
    "feedback_pin": "locked",
    "estop": "not pressed",
    "mains": "mains present",
    "ground": "earth connected",
}
_KEY_STEMS = {"mirror_pin": "contact_", "auxiliary_pin": "contact_", "feedback_pin": "feedback_"}
_NO_PARITY_PORT = "/dev/ttyS0"
# Of a connector: most amperes on one phase and on three, 0 where it has no such contacts. IEC 62196-2, IEC 60309-2 and SAE J1772,
# unverified; 63 A three-phase and 70 A single-phase of a Type 2: the codings of its cables.
CONNECTOR_A: Mapping[str, tuple[int, int]] = {
    "cType1": (80, 0),
    "cType2": (70, 63),
    "cTesla": (80, 0),
    "sType2": (70, 63),
    "sType3": (32, 32),
    "s309-1P-16A": (16, 0),
    "s309-1P-32A": (32, 0),
    "s309-3P-16A": (16, 16),
    "s309-3P-32A": (32, 32),
}


def check_wiring(devices: list[DeviceSection], period_ms: int, mistakes: Mistakes) -> None:
    """Note every mistake between these devices and the hardware they are on."""
    rules = (_shared_lines, _pwm_channels, _fixed_pull_ups, _broken_wires, _ranges, _selects, _parities)
    for rule in rules:
        mistakes.lines += rule(devices)
    mistakes.lines += check_pass_time(devices, period_ms)


def connector_problem(connector_type: str, phases: int, hardware_max_a: float) -> tuple[str, object, str] | None:
    """Return key, value and rule where a connector cannot have the phases or carry the current."""
    single_a, three_a = CONNECTOR_A[connector_type]
    most_a = three_a if phases == 3 else single_a
    if most_a == 0:
        return "phases", phases, f"a {connector_type} has one phase"
    if hardware_max_a > most_a:
        return (
            "hardware_max_a",
            hardware_max_a,
            f"a {connector_type} carries at most {most_a} A on {phases} phase{'s' * (phases != 1)}",
        )
    return None


def check_phase_sense(
    sense: DeviceSection, devices: list[DeviceSection], hardware_max_a: float, mistakes: Mistakes
) -> None:
    """Note where an EVSE's over-current is beyond what its converter can see."""
    adcs = {each.name: each for each in devices if each.family == "adc" and each.type in CONVERSION_MS}
    adc = adcs.get(getattr(sense.settings, "adc", ""))
    if adc is None or sense.type != "rms":
        return
    most_a = sense.settings.amps_per_volt * (adc.settings.full_scale_v - sense.settings.zero_v)
    needed_a = FAR_ABOVE * hardware_max_a
    if most_a < needed_a:
        rule = (
            f"the converter ends at {most_a:.0f} A, and over-current is judged up to {needed_a:.0f} A; a smaller burden"
        )
        mistakes.lines.append(f"{sense.where} amps_per_volt = {sense.settings.amps_per_volt}: {rule}")


# --- lines ----------------------------------------------------------------------------------------------------------------


def _shared_lines(devices: list[DeviceSection]) -> Iterator[str]:
    owners: dict[int, Use] = {}
    told: set[tuple[str, str]] = set()  # a port has two lines: told once
    uses = uses_of(devices)
    for use in uses:
        if not use.on_header or use.owner == "1-Wire":
            continue
        other = owners.setdefault(use.line, use)
        is_told = (
            use.chip == other.chip != "" or (other.owner, use.owner) in told
        )  # pins of one chip: crosscheck tells it
        if other.owner != use.owner and not is_told:
            told.add((other.owner, use.owner))
            value = f" = {other.line}" if other.chip else ""
            hint = (
                f"take another line: {_free(uses, other.is_output)}"
                if other.chip
                else "give one of them another port or bus"
            )
            yield f"{other.where}{value}: GPIO{use.line} is {use.what} ({use.where}); {hint}"


def _free(uses: list[Use], is_output: bool) -> str:
    """Return the lines that nothing has. is_output: only those that may drive something."""
    taken = {use.line for use in uses}
    free = [line for line in (*range(9, 28), *(() if is_output else range(4, 9))) if line not in taken]
    return f"GPIO{', '.join(map(str, free))} are free" if free else "the header is full"


def _pwm_channels(devices: list[DeviceSection]) -> Iterator[str]:
    for device in devices:
        chips = pwm_chips(device.settings) if device.type == "sysfs_pwm" else []
        if not chips:
            continue
        channel, line = device.settings.channel, pwm_line(device.settings)
        fitting = [each for each in (12, 13, 18, 19) if all(PWM_CHIPS[chip][1][each] == channel for chip in chips)]
        hint = f"take GPIO{' or GPIO'.join(map(str, fitting))}" if fitting else "a board file for each model of Pi"
        if line is None:
            pis = " and ".join(PWM_CHIPS[chip][0] for chip in chips)
            yield f"{device.where} channel = {channel}: the header of a {pis} has no such channel"
            continue
        key = f"{device.where} pwm_pin = {line}"
        for chip in chips:
            pi, channels = PWM_CHIPS[chip]
            if line not in channels:
                yield f"{key}: GPIO{line} has no hardware PWM; {hint}"
                break
            if channels[line] != channel:
                yield f"{key}: on a {pi} GPIO{line} is channel {channels[line]}, not {channel}; {hint}"


def _fixed_pull_ups(devices: list[DeviceSection]) -> Iterator[str]:
    for device, key, line in _header_inputs(devices):
        pull = _level(device, key)[1]
        if line in FIXED_PULL_UPS and pull != "up":
            rule = f'1.8 kohm on the Pi hold it up, whatever pull = "{pull}" says; take another line'
            yield f"{device.where} {key} = {line}: {rule}"


def _broken_wires(devices: list[DeviceSection]) -> Iterator[str]:
    """A wire that falls off must not read as the dangerous of the two."""
    for device, key, line in _header_inputs(devices):
        section = device.where.rpartition("[")[2].rstrip("]").rpartition(".")[2]
        name = key if key in _BROKEN else section
        wanted = _BROKEN.get(key, _BROKEN_SECTIONS.get(section) if device.family == "input" else None)
        active_low, pull = _level(device, key)
        if line in FIXED_PULL_UPS or wanted is None or pull == "none":
            continue
        if ((pull == "up") is not active_low) is not wanted:
            stem, other = _KEY_STEMS.get(key, ""), "down" if pull == "up" else "up"
            rule = (
                f'a broken wire would read as {_MEANING[name]} with {stem}active_low = {shown(active_low)}; "{other}"'
            )
            yield f"{device.where} {stem}pull = {shown(pull)}: {rule}, and the contact wired for it"


def _header_inputs(devices: list[DeviceSection]) -> Iterator[tuple[DeviceSection, str, int]]:
    buses = {each.name: each for each in devices if each.family == "bus"}
    for device in devices:
        if not is_header(buses.get(getattr(device.settings, "gpio", ""))):
            continue
        for key, field in type(device.settings).__dataclass_fields__.items():
            line = getattr(device.settings, key)
            if field.metadata.get("pin") == "in" and line is not None:
                yield device, key, line


def _level(device: DeviceSection, key: str) -> tuple[bool, str]:
    """Return whether an input is active low, and its pull."""
    stem = _KEY_STEMS.get(key, "")
    pull = str(getattr(device.settings, f"{stem}pull", "none"))
    return bool(getattr(device.settings, f"{stem}active_low", False)), pull


# --- the converter --------------------------------------------------------------------------------------------------------


def _ranges(devices: list[DeviceSection]) -> Iterator[str]:
    """What a converter cannot tell apart: everything beyond its range reads the same."""
    adcs = {each.name: each for each in devices if each.family == "adc" and each.type in CONVERSION_MS}
    for device in devices:
        adc = adcs.get(getattr(device.settings, "adc", ""))
        if adc is None:
            if device.family == "pilot_sense" and device.type == "sar_burst":
                yield from _pilot_range(device, device.settings.reference_v)
            continue
        full_v = adc.settings.full_scale_v
        if device.family == "pilot_sense" and hasattr(device.settings, "scale"):
            yield from _pilot_range(device, full_v)
        supply_v = getattr(device.settings, "supply_v", None)
        if supply_v is not None and supply_v > full_v:
            rule = f"{adc.where} full_scale_v = {full_v} ends below it: an open contact could not be told"
            yield f"{device.where} supply_v = {supply_v}: {rule}"


def _pilot_range(device: DeviceSection, full_v: float) -> Iterator[str]:
    scale, offset_v = device.settings.scale, device.settings.offset_v
    lowest_v, highest_v = STRICT_V[PilotState.F][0], STRICT_V[PilotState.A][1]
    seen_v = -offset_v, full_v * scale - offset_v
    if seen_v[0] > lowest_v or seen_v[1] < highest_v:
        rule = f"the converter sees {seen_v[0]:+.1f} to {seen_v[1]:+.1f} V of the pilot, which goes from {lowest_v:+.0f} to {highest_v:+.0f}"
        key = "offset_v" if seen_v[0] > lowest_v else "scale"
        yield f"{device.where} {key} = {offset_v if key == 'offset_v' else scale}: {rule}: states would overlap"


def _selects(devices: list[DeviceSection]) -> Iterator[str]:
    """A chip select is one chip: one converter, whose pilots each have a channel, or one strip."""
    buses = {each.name for each in devices if each.family == "bus" and each.type == "spidev"}
    owners: dict[str, DeviceSection] = {}
    for device in devices:
        name = getattr(device.settings, "bus", None)
        if name not in buses or device.family == "bus":
            continue
        other = owners.setdefault(name, device)
        if other is device:
            continue
        key = f"{device.where} bus = {shown(name)}"
        if other.type != device.type or getattr(device.settings, "chip", "") != getattr(other.settings, "chip", ""):
            yield f"{key}: it is that of {other.where}; give one of them a [bus] with another chip select"
        elif (speed_hz := getattr(device.settings, "speed_hz", 0)) != (
            others := getattr(other.settings, "speed_hz", 0)
        ):
            yield f"{device.where} speed_hz = {speed_hz}: {other.where} has {others} on the same bus"
        elif (channel := getattr(device.settings, "channel", None)) == getattr(other.settings, "channel", None):
            yield f"{device.where} channel = {channel}: the channel is already taken by {other.where}"


def _parities(devices: list[DeviceSection]) -> Iterator[str]:
    for device in devices:
        parity = getattr(device.settings, "parity", None)
        if getattr(device.settings, "port", "") == _NO_PARITY_PORT and parity not in (None, "N"):
            rule = "the mini-UART has no parity; dtoverlay=disable-bt and /dev/ttyAMA0, or a USB adapter"
            yield f"{device.where} parity = {shown(parity)}: {rule}"
