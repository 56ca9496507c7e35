"""Find meters on a serial line: at which speed and parity, at which address, and which register map fits.

Every line format of a shipped map is tried, the commonest first; at each address one short question of each function. Whatever
answers, also with an exception, is a device; a map fits when all it must have reads as a living meter.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass

from controller.hal import DeviceGone, DeviceSilent, ImplausibleReading
from controller.logic.values import MeterReading
from drivers.meter.modbus import reading_of
from drivers.meter.modbus_line import LineFormat, ModbusLine, Request, Unit
from drivers.meter.model import MeterModel, known_models, load_model
from drivers.meter.plausibility import complaint_about

ANSWERS_S = 0.12  # a meter that is there answers this soon
_PROBE = 8 + 9  # characters of a question for two registers and its answer
_LATE_S = 0.03
LIVING_V = (80.0, 300.0)
LIVING_HZ = (45.0, 65.0)

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True)
class FoundMeter:
    """models: the maps that fit, the best first; empty for a device that is none of them. serial_number: where one tells it."""

    format: LineFormat
    address: int
    models: tuple[str, ...]
    reading: MeterReading | None
    serial_number: str


def formats_of(models: Iterable[MeterModel]) -> tuple[LineFormat, ...]:
    """Return the line formats of the maps, the commonest first."""
    listed = [LineFormat(model.baud, model.parity, model.stop_bits) for model in models]
    return tuple(sorted(dict.fromkeys(listed), key=lambda each: (-listed.count(each), -each.baud, each.parity)))


async def scan(
    port: str, addresses: Sequence[int], formats: Sequence[LineFormat] | None, progress: Progress
) -> AsyncIterator[FoundMeter]:
    """Yield what is found, as it is found. formats None: those of the maps. progress: done, of how many, where.

    Raises DeviceGone when the port is not there or another program has it.
    """
    models = {name: load_model(name) for name in known_models()}
    chosen = tuple(formats) if formats is not None else formats_of(models.values())
    known: set[int] = set()
    for number, line_format in enumerate(chosen):
        probe = ModbusLine(port, line_format, "meter scan", ANSWERS_S, longest=_PROBE, late_s=_LATE_S)
        line = ModbusLine(port, line_format, "meter scan", 2 * ANSWERS_S)
        try:
            for place, address in enumerate(addresses):
                progress(
                    number * len(addresses) + place, len(chosen) * len(addresses), f"{line_format}, address {address}"
                )
                if address in known:
                    continue
                functions = await _answers(probe, address)
                if functions:
                    known.add(address)
                    probe.drop()  # one at a time has the port
                    yield await _identify(line, address, models, functions)
                    line.drop()
        finally:
            probe.drop()
            line.drop()


async def _answers(line: ModbusLine, address: int) -> frozenset[int]:
    """Return the functions to which something at the address answers, be it with an exception."""
    found: set[int] = set()
    for function in (4, 3):
        unit = Unit(f"address {address}", "meter scan", address, 0.0)
        try:
            await line.read(unit, Request(function, 0, 2))
        except DeviceSilent:
            if not found:
                return frozenset()
            continue
        except ImplausibleReading:
            pass
        found.add(function)
    return frozenset(found)


async def _identify(
    line: ModbusLine, address: int, models: dict[str, MeterModel], functions: frozenset[int]
) -> FoundMeter:
    fitting: list[tuple[str, MeterReading]] = []
    for name, model in models.items():
        if model.function not in functions:
            continue
        reading = await read_once(line, address, model)
        if reading is not None and is_living(reading):
            fitting.append((name, reading))
    fitting.sort(key=lambda each: (*_emptiness(each[1]), -len(models[each[0]].quantities), each[0]))
    serial = ""
    for name, _ in fitting:
        serial = serial or await label_of(line, address, models[name], "serial_number")
    reading = fitting[0][1] if fitting else None
    return FoundMeter(line.format, address, tuple(name for name, _ in fitting), reading, serial)


def _emptiness(reading: MeterReading) -> tuple[int, int]:
    """Rank maps that fit: the more living phases the better, then the fewer dead ones."""
    living = sum(1 for volts in reading.voltage_v if volts)
    return -living, len(reading.voltage_v) - living


async def read_once(line: ModbusLine, address: int, model: MeterModel) -> MeterReading | None:
    """Return one poll by a map; None where the device refuses, falls silent, or says what the map cannot mean."""
    unit = Unit(f"{model.name} address {address}", "meter scan", address, model.pause_s)
    words: dict[int, int] = {}
    try:
        for block in model.blocks:
            answer = await line.read(unit, Request(model.function, block.start, block.count))
            words.update(enumerate(answer, start=block.start))
        return reading_of(model, words, model.phases, 0.0)
    except DeviceGone:
        raise
    except (DeviceSilent, ImplausibleReading):
        return None


async def label_of(line: ModbusLine, address: int, model: MeterModel, name: str) -> str:
    """Return what the meter says of itself; empty where the map or the meter knows nothing of it."""
    label = model.labels.get(name)
    if label is None:
        return ""
    unit = Unit(f"{model.name} address {address}", "meter scan", address, model.pause_s)
    try:
        return label.text_of(await line.read(unit, Request(label.function, label.register, label.words)))
    except DeviceGone:
        raise
    except (DeviceSilent, ImplausibleReading):
        return ""


def is_living(reading: MeterReading) -> bool:
    """Whether a reading looks like a meter on the mains, and not like another map's registers."""
    if complaint_about(reading) is not None or reading.energy_import_wh < 0:
        return False
    lowest, highest = LIVING_V
    if reading.voltage_v and not any(lowest <= volts <= highest for volts in reading.voltage_v):
        return False
    if any(0 < volts < lowest or volts > highest for volts in reading.voltage_v):
        return False
    if reading.frequency_hz is not None and not LIVING_HZ[0] <= reading.frequency_hz <= LIVING_HZ[1]:
        return False
    return bool(reading.voltage_v) or reading.energy_import_wh > 0
