"""Which line, channel and port of the board is what at the plant: the bench reads the same board file as the drivers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from controller.config.board import EVSE_DEVICES, BoardConfig, DeviceSection, EvseBoard
from controller.exits import ExitCode
from drivers.mock.curve import Curve
from drivers.mock.pages import AnalogPage
from hil.plant import Plant, PlantEvse, PlantReader

_SERVED = {
    "bus": ("gpio_page", "i2c_page"),
    "adc": ("ads1115",),
    "watchdog": ("one_shot",),
    "input": ("gpio",),
    "pilot_driver": ("sysfs_pwm",),
    "pilot_sense": ("held",),
    "proximity": ("divider",),
    "contactor": ("gpio",),
    "lock": ("motor", "solenoid"),
    "residual": ("gpio", "rdc_dd"),
    "temperature": ("ntc",),
    "phase_sense": ("rms",),
    "meter": ("modbus",),
    "reader": ("pn532", "ascii_line"),
    "indicator": ("leds",),
}
_METER_MODELS = ("sdm630",)


class BenchError(Exception):
    """The bench cannot play this board, or cannot set itself up. One line that names the thing.

    code: what the process ends with when it cannot start.
    """

    def __init__(self, message: str, code: ExitCode = ExitCode.CONFIG) -> None:
        self.code = code
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class OutputLine:
    """A line that the controller drives. role: kick, cp_enable, contactor, phase_relay, lock, unlock or rcd_test.

    lock, unlock: the bolt moves there while the line is high, of a motor as of a solenoid. active_low: it acts while low.
    """

    pin: int
    role: str
    evse: int
    active_low: bool = False


@dataclass(frozen=True, slots=True)
class InputLine:
    """A line that the plant drives. role: mirror_open, auxiliary, locked, rcd_trip, rcd_30ma, rcd_error, ground, mains, estop or limit."""

    pin: int
    role: str
    evse: int
    active_low: bool

    def level(self, holds: bool) -> bool:
        """Return the level while the named contact is closed or the named condition holds."""
        return holds is not self.active_low


@dataclass(frozen=True, slots=True)
class AnalogInput:
    """A converter's channel. role: pilot_high, pilot_low, proximity, temperature, current or voltage.

    thermistor: ohms at 25 degC and B value. scale, offset_v: value = converter volts x scale - offset_v. phase: 0 is L1.
    """

    chip: int
    channel: int
    role: str
    evse: int
    scale: float = 1.0
    offset_v: float = 0.0
    pull_up_ohm: float = 1000.0
    supply_v: float = 3.3
    thermistor: tuple[float, float] = (10000.0, 3950.0)
    phase: int = 0

    def write(self, page: AnalogPage, plant: Plant) -> None:
        page.write_channel(self.chip, self.channel, self._curve(plant))

    def _curve(self, plant: Plant) -> Curve:
        if self.role in ("proximity", "temperature"):
            model = plant.evses[self.evse]
            ohms = model.proximity_ohm() if self.role == "proximity" else self._thermistor_ohm(model.temperature_c())
            share = 1.0 if math.isinf(ohms) else ohms / (ohms + self.pull_up_ohm)
            return Curve.steady(self.supply_v * share)
        if self.role in ("current", "voltage"):
            currents, voltages = plant.phase_values(self.evse)
            value = (currents if self.role == "current" else voltages)[self.phase]
            return Curve.steady((value + self.offset_v) / self.scale)
        high, low = plant.pilot_curves(self.evse)
        curve = high if self.role == "pilot_high" else low
        return curve.scaled(1 / self.scale, self.offset_v / self.scale)

    def _thermistor_ohm(self, temperature_c: float) -> float:
        nominal_ohm, beta_k = self.thermistor
        return nominal_ohm * math.exp(beta_k * (1 / (temperature_c + 273.15) - 1 / 298.15))


@dataclass(frozen=True, slots=True)
class PwmChannel:
    root: Path
    device: str
    channel: int
    evse: int


@dataclass(frozen=True, slots=True)
class MeterPort:
    port: Path
    address: int
    baud: int
    evse: int


@dataclass(frozen=True, slots=True)
class ReaderPort:
    port: Path
    type: str
    baud: int
    name: str
    evse: int | None


@dataclass(frozen=True, slots=True)
class Layout:
    """Everything of a board that the bench plays. gpio_page: of the safety process' lines; panel_page: of the station's, if any.

    leds: lines of the panel that the station drives. left_alone: what it does not play and why, a line for each section.
    """

    gpio_page: Path
    panel_page: Path | None
    analog_page: Path
    adc_addresses: tuple[int, ...]
    outputs: tuple[OutputLine, ...]
    leds: tuple[OutputLine, ...]
    inputs: tuple[InputLine, ...]
    analog: tuple[AnalogInput, ...]
    pwm: tuple[PwmChannel, ...]
    meters: tuple[MeterPort, ...]
    readers: tuple[ReaderPort, ...]
    evses: tuple[PlantEvse, ...]
    left_alone: tuple[str, ...]

    @classmethod
    def of(cls, board: BoardConfig) -> Layout:
        """Devices that the bench has no counterpart of are left alone. Raises BenchError where it lacks what it cannot do without."""
        board, left_alone = _played(board)
        adcs = {section.name: chip for chip, section in enumerate(board.adcs)}
        return cls(
            gpio_page=_page(board, "gpio_page", _gpio_names(board)),
            panel_page=_page(board, "gpio_page", _panel_names(board)) if board.indicators else None,
            analog_page=_page(board, "i2c_page"),
            adc_addresses=tuple(section.settings.address for section in board.adcs),
            outputs=tuple(_outputs(board)),
            leds=tuple(_leds(board)),
            inputs=tuple(_inputs(board)),
            analog=tuple(each for evse in board.evses for each in _analog(evse, adcs)),
            pwm=tuple(_pwm(evse) for evse in board.evses if evse.pilot_driver is not None),
            meters=tuple(_meter(evse.id, evse.meter) for evse in board.evses if evse.meter is not None),
            readers=tuple(_reader(section) for section in board.readers),
            evses=tuple(_plant_evse(evse) for evse in board.evses),
            left_alone=left_alone,
        )

    def plant_readers(self) -> tuple[PlantReader, ...]:
        return tuple(
            PlantReader(reader.name, "uid" if reader.type == "pn532" else "line", reader.evse)
            for reader in self.readers
        )


def _sections(board: BoardConfig) -> list[DeviceSection]:
    limit = board.limit.contact if board.limit is not None else None
    found = [*board.buses, *board.adcs, *board.readers, *board.indicators]
    found += [section for section in (board.watchdog, board.mains, board.estop, limit) if section is not None]
    for evse in board.evses:
        devices = (getattr(evse, name) for name in EVSE_DEVICES)
        found += [section for section in devices if section is not None]
    return found


def _played(board: BoardConfig) -> tuple[BoardConfig, tuple[str, ...]]:
    """Return the board with the devices that the bench plays, and a line for each section that it leaves alone.

    Of an EVSE whatever is left alone is None, also what a charger cannot be without.
    """
    left_alone: list[str] = []
    places = {"bus": {"gpio", "bus"}, "adc": {"adc"}}  # family -> settings that name one of it
    lost: dict[str, set[str]] = {key: set() for keys in places.values() for key in keys}

    def kept(section: DeviceSection | None) -> DeviceSection | None:
        if section is None:
            return None
        why = _unplayed(section, lost)
        if not why:
            return section
        left_alone.append(f"{section.where}: the mock bench plays no {why}; it is left alone")
        for key in places.get(section.family, ()):
            lost[key].add(section.name)
        return None

    def all_kept(sections: tuple[DeviceSection, ...]) -> tuple[DeviceSection, ...]:
        return tuple(section for section in sections if kept(section) is not None)

    def evse_kept(evse: EvseBoard) -> EvseBoard:
        devices: dict[str, Any] = {name: kept(getattr(evse, name)) for name in EVSE_DEVICES}
        return replace(evse, **devices)

    buses, adcs = all_kept(board.buses), all_kept(board.adcs)
    limit = board.limit if board.limit is not None and kept(board.limit.contact) is not None else None
    played = replace(
        board,
        buses=buses,
        adcs=adcs,
        watchdog=kept(board.watchdog),
        mains=kept(board.mains),
        estop=kept(board.estop),
        limit=limit,
        evses=tuple(evse_kept(evse) for evse in board.evses),
        readers=all_kept(board.readers),
        indicators=all_kept(board.indicators),
    )
    return played, tuple(left_alone)


def _unplayed(section: DeviceSection, lost: Mapping[str, set[str]]) -> str:
    """Return what the bench does not play of it; empty when it plays it. lost: names left alone, by the setting that names them."""
    served = _SERVED.get(section.family, ())
    if section.type not in served:
        return f"{section.family} of type {section.type!r} (but: {', '.join(served) or 'none'})"
    if section.family == "meter" and section.settings.model not in _METER_MODELS:
        return f"meter {section.settings.model!r} (but: {', '.join(_METER_MODELS)})"
    for key, names in lost.items():
        name = getattr(section.settings, key, None)
        if name in names:
            return f"{section.family} on {name!r}, which it does not play either"
    return ""


def _page(board: BoardConfig, kind: str, names: set[str] | None = None) -> Path:
    """names: of the buses it is about; None: of all."""
    buses = [section for section in board.buses if section.type == kind and (names is None or section.name in names)]
    if len(buses) != 1:
        raise BenchError(f"{board.name}: the mock bench needs exactly one bus of type {kind!r}, not {len(buses)}")
    return Path(buses[0].settings.page)


def _panel_names(board: BoardConfig) -> set[str]:
    """Buses of the station's lines. Raises BenchError where the safety process has lines there too."""
    names = {section.settings.gpio for section in board.indicators}
    shared = names & _gpio_names(board)
    if shared:
        name = min(shared)
        raise BenchError(f"{board.name}: the LEDs need a gpio_page of their own: [bus.{name}] is the safety process'")
    return names


def _gpio_names(board: BoardConfig) -> set[str]:
    ours = [section for section in _sections(board) if section.family != "indicator"]
    return {section.settings.gpio for section in ours if hasattr(section.settings, "gpio")}


def _leds(board: BoardConfig) -> list[OutputLine]:
    return [
        OutputLine(pin, f"led_{colour}", section.evse or 0)
        for section in board.indicators
        for colour in ("red", "green", "blue")
        if (pin := getattr(section.settings, f"{colour}_pin")) is not None
    ]


def _outputs(board: BoardConfig) -> list[OutputLine]:
    lines = [OutputLine(board.watchdog.settings.pin, "kick", 0)] if board.watchdog is not None else []
    for evse in board.evses:
        if evse.pilot_driver is not None:
            lines.append(OutputLine(evse.pilot_driver.settings.enable_pin, "cp_enable", evse.id))
        if evse.contactor is not None:
            lines.append(OutputLine(evse.contactor.settings.pin, "contactor", evse.id))
            if evse.contactor.settings.phase_pin is not None:
                lines.append(OutputLine(evse.contactor.settings.phase_pin, "phase_relay", evse.id))
        if evse.lock is not None:
            lines += _lock_outputs(evse.lock, evse.id)
        if evse.residual is not None and evse.residual.settings.test_pin is not None:
            residual = evse.residual.settings
            lines.append(OutputLine(residual.test_pin, "rcd_test", evse.id, residual.test_active_low))
    return lines


def _lock_outputs(lock: DeviceSection, evse: int) -> list[OutputLine]:
    if lock.type == "solenoid":
        return [OutputLine(lock.settings.pin, "lock" if lock.settings.energised == "locked" else "unlock", evse)]
    return [OutputLine(lock.settings.lock_pin, "lock", evse), OutputLine(lock.settings.unlock_pin, "unlock", evse)]


def _residual_inputs(section: DeviceSection, evse: int) -> list[InputLine]:
    residual = section.settings
    low, error_low = residual.active_low, residual.error_active_low
    if section.type == "rdc_dd":
        lines = [InputLine(residual.trip_6ma_pin, "rcd_trip", evse, low)]
        lines.append(InputLine(residual.trip_30ma_pin, "rcd_30ma", evse, low))
    else:
        lines = [InputLine(residual.trip_pin, "rcd_trip", evse, low)]
    if residual.error_pin is not None:
        lines.append(InputLine(residual.error_pin, "rcd_error", evse, low if error_low is None else error_low))
    return lines


def _inputs(board: BoardConfig) -> list[InputLine]:
    lines = []
    limit = board.limit.contact if board.limit is not None else None
    for role, section in (("mains", board.mains), ("estop", board.estop), ("limit", limit)):
        if section is not None:
            lines.append(InputLine(section.settings.pin, role, 0, section.settings.active_low))
    for evse in board.evses:
        if evse.contactor is not None:
            contactor = evse.contactor.settings
            lines.append(InputLine(contactor.mirror_pin, "mirror_open", evse.id, contactor.contact_active_low))
            if contactor.auxiliary_pin is not None:
                lines.append(InputLine(contactor.auxiliary_pin, "auxiliary", evse.id, contactor.contact_active_low))
        if evse.lock is not None:
            lock = evse.lock.settings
            lines.append(InputLine(lock.feedback_pin, "locked", evse.id, lock.feedback_active_low))
        if evse.residual is not None:
            lines += _residual_inputs(evse.residual, evse.id)
        if evse.ground is not None:
            lines.append(InputLine(evse.ground.settings.pin, "ground", evse.id, evse.ground.settings.active_low))
    return lines


def _analog(evse: EvseBoard, adcs: dict[str, int]) -> list[AnalogInput]:
    found: list[AnalogInput] = []
    if evse.pilot_sense is not None:
        sense = evse.pilot_sense.settings
        for role, channel in (("pilot_high", sense.high_channel), ("pilot_low", sense.low_channel)):
            found.append(AnalogInput(adcs[sense.adc], channel, role, evse.id, sense.scale, sense.offset_v))
    if evse.proximity is not None:
        divider = evse.proximity.settings
        found.append(
            AnalogInput(
                adcs[divider.adc],
                divider.channel,
                "proximity",
                evse.id,
                pull_up_ohm=divider.pull_up_ohm,
                supply_v=divider.supply_v,
            )
        )
    if evse.temperature is not None:
        ntc = evse.temperature.settings
        found.append(
            AnalogInput(
                adcs[ntc.adc],
                ntc.channel,
                "temperature",
                evse.id,
                pull_up_ohm=ntc.pull_up_ohm,
                supply_v=ntc.supply_v,
                thermistor=(ntc.nominal_ohm, ntc.beta_k),
            )
        )
    if evse.phase_sense is not None:
        sense = evse.phase_sense.settings
        chip, per_volt = adcs[sense.adc], sense.amps_per_volt
        for phase, channel in enumerate(sense.current_channels):
            offset = sense.zero_v * per_volt
            found.append(AnalogInput(chip, channel, "current", evse.id, per_volt, offset, phase=phase))
        for phase, channel in enumerate(sense.voltage_channels):
            found.append(AnalogInput(chip, channel, "voltage", evse.id, sense.volts_per_volt, phase=phase))
    return found


def _pwm(evse: EvseBoard) -> PwmChannel:
    settings = evse.pilot_driver.settings
    return PwmChannel(Path(settings.root), settings.device.split("|")[0].strip(), settings.channel, evse.id)


def _meter(evse: int, section: DeviceSection) -> MeterPort:
    return MeterPort(Path(section.settings.port), section.settings.address, section.settings.baud or 9600, evse)


def _reader(section: DeviceSection) -> ReaderPort:
    port = Path(section.settings.port)
    return ReaderPort(port, section.type, section.settings.baud, port.name, section.evse)


def _plant_evse(evse: EvseBoard) -> PlantEvse:
    return PlantEvse(
        id=evse.id,
        tethered=evse.tethered,
        phases=evse.phases,
        has_phase_relay=evse.contactor is not None and evse.contactor.settings.phase_pin is not None,
        cable_a=evse.cable_a,
        meter_start_wh=1_000_000.0 * evse.id,
        bolt_rests=_bolt_rests(evse.lock),
        rcd_outputs=2 if evse.residual is not None and evse.residual.type == "rdc_dd" else 1,
    )


def _bolt_rests(lock: DeviceSection | None) -> int:
    if lock is None or lock.type != "solenoid":
        return 0
    return -1 if lock.settings.energised == "locked" else 1
