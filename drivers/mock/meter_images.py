"""What real meters hold in their registers, from their makers' documents: the images that `drivers.mock.modbus_peer` serves.

Typed from the documents named at each meter, never from our own register maps: a mistake there must show against these. Where a
document was only read second-hand, through public drivers that cite it, its title says "unverified". Addresses are zero-based, as
they go over the wire.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field

from drivers.mock.modbus_peer import READ_HOLDING, READ_INPUT, RegisterBank, Slave, answer_from

_PACKED = {"i16": ">h", "u16": ">H", "i32": ">i", "u32": ">I", "i64": ">q", "u64": ">Q", "f32": ">f"}
_NO_LIMIT = 125  # what the protocol allows


@dataclass(frozen=True, slots=True)
class Shown:
    """What the meter measures, three phases always; a meter with one shows L1."""

    volts: tuple[float, float, float]
    amps: tuple[float, float, float]
    watts: tuple[float, float, float]
    import_wh: float
    export_wh: float = 0.0
    hertz: float = 50.0
    power_factor: float = 1.0

    def of(self, what: str) -> float:
        """what: `volts1`, `amps2`, `watts`, `kW` of all, `kWh in`, `Wh out`, `Hz`, `PF`…"""
        if what[-1] in "123":
            name, phase = what[:-1], int(what[-1]) - 1
            return self.watts[phase] / 1000 if name == "kW" else float(getattr(self, name)[phase])
        wholes = {
            "watts": sum(self.watts),
            "kW": sum(self.watts) / 1000,
            "Wh in": self.import_wh,
            "Wh out": self.export_wh,
            "kWh in": self.import_wh / 1000,
            "kWh out": self.export_wh / 1000,
            "Hz": self.hertz,
            "PF": self.power_factor,
        }
        return wholes[what]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a manual's table. per_unit: counts for one unit of `what`."""

    at: int
    what: str
    kind: str
    per_unit: float = 1


@dataclass(frozen=True, slots=True)
class Manual:
    """One meter's document. most: registers one request may ask for. step_wh: resolution of the import register.

    phases: 0 for a meter that shows neither voltages nor currents. low_first: word order. extra: fixed words by function, such as
    a serial number.
    """

    title: str
    function: int
    rows: tuple[Row, ...]
    phases: int = 3
    most: int = _NO_LIMIT
    low_first: bool = False
    rest_s: float = 0.0
    step_wh: float = 1.0
    extra: Mapping[int, Mapping[int, int]] = field(default_factory=dict)

    def words(self, shown: Shown) -> dict[int, int]:
        found: dict[int, int] = {}
        for row in self.rows:
            raw = shown.of(row.what) * row.per_unit
            counts = math.floor(raw + 1e-6) if "Wh" in row.what else round(raw)  # a register counts what is complete
            data = struct.pack(_PACKED[row.kind], raw if row.kind == "f32" else counts)
            words = [int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2)]
            found.update(enumerate(reversed(words) if self.low_first else words, start=row.at))
        return found

    def slave(self, address: int, shown: Shown | None, *, answers_after_s: float = 0.03) -> Slave:
        """Return the meter as it is now. shown None: silent."""
        if shown is None:
            return Slave(address, None)
        banks = {function: RegisterBank(_NO_LIMIT, words) for function, words in self.extra.items()}
        own = {**self.extra.get(self.function, {}), **self.words(shown)}
        banks[self.function] = RegisterBank(self.most, own)
        return Slave(
            address, lambda request: answer_from(banks, request), answers_after_s=answers_after_s, rest_s=self.rest_s
        )


def _phases(at: tuple[int, ...], name: str, kind: str, per_unit: float = 1) -> tuple[Row, ...]:
    return tuple(Row(place, f"{name}{number}", kind, per_unit) for number, place in enumerate(at, 1))


def _eastron(phases: int) -> tuple[Row, ...]:
    lines = (
        _phases((0x00, 0x02, 0x04)[:phases], "volts", "f32")
        + _phases((0x06, 0x08, 0x0A)[:phases], "amps", "f32")
        + _phases((0x0C, 0x0E, 0x10)[:phases], "watts", "f32")
    )
    power_factor = Row(0x3E, "PF", "f32") if phases == 3 else Row(0x1E, "PF", "f32")
    total = (Row(0x34, "watts", "f32"),) if phases == 3 else ()
    rest = (Row(0x46, "Hz", "f32"), Row(0x48, "kWh in", "f32"), Row(0x4A, "kWh out", "f32"))
    return (*lines, *total, power_factor, *rest)


def _gavazzi(hertz: int, energy_in: int, energy_out: int | None, power_factor: int | None) -> tuple[Row, ...]:
    return (
        *_phases((0x00, 0x02, 0x04), "volts", "i32", 10),
        *_phases((0x0C, 0x0E, 0x10), "amps", "i32", 1000),
        *_phases((0x12, 0x14, 0x16), "watts", "i32", 10),
        Row(0x28, "watts", "i32", 10),
        *(() if power_factor is None else (Row(power_factor, "PF", "i16", 1000),)),
        Row(hertz, "Hz", "i16", 10),
        Row(energy_in, "kWh in", "i32", 10),
        *(() if energy_out is None else (Row(energy_out, "kWh out", "i32", 10),)),
    )


_SERIAL_1234567 = {
    0xFC00: 0x0012,
    0xFC01: 0xD687,
    0xFC03: 0x0116,
}  # serial number 1234567, software 01.22 (bytes 1 and 22)
_TEXT_BQ12345 = (0x4251, 0x3132, 0x3334, 0x3500, 0, 0, 0)

MANUALS: Mapping[str, Manual] = {
    "sdm630": Manual(
        "Eastron SDM630-Modbus V2 user manual, 1.2 input registers, 1.3 holding registers (serial number: unverified)",
        READ_INPUT, _eastron(3), most=80, rest_s=0.05, extra={READ_HOLDING: _SERIAL_1234567},
    ),
    "sdm72dm_v2": Manual(
        "Eastron SDM72D-M-2 Modbus protocol, 1.2; public reports of at most 10 registers (unverified)",
        READ_INPUT, _eastron(3), most=10, rest_s=0.05, extra={READ_HOLDING: _SERIAL_1234567},
    ),
    "sdm72d_v1": Manual(
        "Eastron SDM72D-M Modbus protocol, 1.2 (unverified)",
        READ_INPUT, (Row(0x34, "watts", "f32"), Row(0x48, "kWh in", "f32"), Row(0x4A, "kWh out", "f32")),
        phases=0, most=10, rest_s=0.05,
    ),
    "sdm120": Manual(
        "Eastron SDM120/SDM220/SDM230-Modbus protocol implementation, 1.2 (serial number: unverified)",
        READ_INPUT, _eastron(1), phases=1, most=80, rest_s=0.05, extra={READ_HOLDING: _SERIAL_1234567},
    ),
    "em24": Manual(
        "Carlo Gavazzi EM24-DIN communication protocol V3 (unverified)",
        READ_INPUT, _gavazzi(0x37, 0x42, None, 0x35), most=11, low_first=True, step_wh=100,
        extra={READ_INPUT: dict(zip(range(0x1300, 0x1307), _TEXT_BQ12345, strict=True))},
    ),
    "em340": Manual(
        "Carlo Gavazzi EM300/ET300 series communication protocol V2 rev 11 (unverified)",
        READ_INPUT, _gavazzi(0x33, 0x34, 0x4E, 0x31), most=50, low_first=True, step_wh=100,
        extra={READ_INPUT: dict(zip(range(0x5000, 0x5007), _TEXT_BQ12345, strict=True))},
    ),
    "em111": Manual(
        "Carlo Gavazzi EM100/ET100 series communication protocol (unverified)",
        READ_INPUT,
        (
            Row(0x00, "volts1", "i32", 10), Row(0x02, "amps1", "i32", 1000), Row(0x04, "watts1", "i32", 10),
            Row(0x0E, "PF", "i16", 1000), Row(0x0F, "Hz", "i16", 10),
            Row(0x10, "kWh in", "i32", 10), Row(0x20, "kWh out", "i32", 10),
        ),
        phases=1, most=50, low_first=True, step_wh=100,
        extra={READ_INPUT: dict(zip(range(0x5000, 0x5007), _TEXT_BQ12345, strict=True))},
    ),
    "abb_b23": Manual(
        "ABB A43/A44 user manual 2CMC48001M0201, 9.3 Modbus mapping tables; B23/B24 the same (unverified)",
        READ_HOLDING,
        (
            Row(0x5000, "Wh in", "u64", 0.1), Row(0x5004, "Wh out", "u64", 0.1),
            *_phases((0x5B00, 0x5B02, 0x5B04), "volts", "u32", 10),
            *_phases((0x5B0C, 0x5B0E, 0x5B10), "amps", "u32", 100),
            Row(0x5B14, "watts", "i32", 100), *_phases((0x5B16, 0x5B18, 0x5B1A), "watts", "i32", 100),
            Row(0x5B2C, "Hz", "u16", 100), Row(0x5B3A, "PF", "i16", 1000),
        ),
        step_wh=10,
        extra={
            READ_HOLDING: {
                0x8900: 0x0012, 0x8901: 0xD687,
                **dict(zip(range(0x8908, 0x8910), (0x312E, 0x322E, 0x3300, 0, 0, 0, 0, 0), strict=True)),
            }
        },
    ),
    "iem3155": Manual(
        "Schneider Electric iEM3000 series user manual DOCA0005EN, register list (its numbers are one higher)",
        READ_HOLDING,
        (
            *_phases((0x0BB7, 0x0BB9, 0x0BBB), "amps", "f32"), *_phases((0x0BD3, 0x0BD5, 0x0BD7), "volts", "f32"),
            *_phases((0x0BED, 0x0BEF, 0x0BF1), "kW", "f32"), Row(0x0BF3, "kW", "f32"), Row(0x0C25, "Hz", "f32"),
            Row(0x0C83, "Wh in", "i64"), Row(0x0C87, "Wh out", "i64"),
        ),
        extra={READ_HOLDING: {0x0081: 0x0012, 0x0082: 0xD687, 0x0664: 0x0458}},
    ),
    "orno_we516": Manual(
        "Orno OR-WE-516 Modbus registers list (unverified)",
        READ_HOLDING,
        (
            *_phases((0x0E, 0x10, 0x12), "volts", "f32"), Row(0x14, "Hz", "f32"),
            *_phases((0x16, 0x18, 0x1A), "amps", "f32"), Row(0x1C, "kW", "f32"),
            *_phases((0x1E, 0x20, 0x22), "kW", "f32"), Row(0x34, "PF", "f32"),
            Row(0x0108, "kWh in", "f32"), Row(0x0110, "kWh out", "f32"),
        ),
        extra={READ_HOLDING: {0x0004: 0x3FA0, 0x0005: 0x0000}},
    ),
    "finder_7m38": Manual(
        "Finder Modbus 7M.24/7M.38 v2 of 30 June 2021 (unverified); its addresses are decimal",
        READ_INPUT,
        (
            *_phases((2500, 2502, 2504), "volts", "f32"), *_phases((2516, 2518, 2520), "amps", "f32"),
            *_phases((2530, 2532, 2534), "watts", "f32"), Row(2536, "watts", "f32"), Row(2560, "PF", "f32"),
            Row(2584, "Hz", "f32"), Row(2752, "Wh in", "f32"), Row(2756, "Wh out", "f32"),
        ),
    ),
    "pro380": Manual(
        "Inepro PRO380 user manual V2.18, Modbus register map (unverified)",
        READ_HOLDING,
        (
            *_phases((0x5002, 0x5004, 0x5006), "volts", "f32"), Row(0x5008, "Hz", "f32"),
            *_phases((0x500C, 0x500E, 0x5010), "amps", "f32"), Row(0x5012, "kW", "f32"),
            *_phases((0x5014, 0x5016, 0x5018), "kW", "f32"), Row(0x502A, "PF", "f32"),
            Row(0x600C, "kWh in", "f32"), Row(0x6018, "kWh out", "f32"),
        ),
        extra={READ_HOLDING: {0x4000: 0x0012, 0x4001: 0xD687}},
    ),
    "janitza_b23": Manual(
        "Janitza B series MID energy meters product manual, Modbus mapping (unverified)",
        READ_HOLDING,
        (
            *_phases((0x4A38, 0x4A3A, 0x4A3C), "volts", "f32"), *_phases((0x4A44, 0x4A46, 0x4A48), "amps", "f32"),
            *_phases((0x4A4C, 0x4A4E, 0x4A50), "watts", "f32"), Row(0x4A52, "watts", "f32"), Row(0x4A6A, "Hz", "f32"),
            Row(0x4A7C, "Wh in", "f32"), Row(0x4A84, "Wh out", "f32"),
        ),
    ),
    "eem350": Manual(
        "Phoenix Contact EEM-350-D-MCB, register table (unverified)",
        READ_INPUT,
        (
            *_phases((0x00, 0x02, 0x04), "volts", "i32", 10), *_phases((0x0C, 0x0E, 0x10), "amps", "i32", 1000),
            Row(0x28, "watts", "i32", 10), Row(0x3E, "kWh in", "i32", 10),
        ),
        most=11, low_first=True, step_wh=100,
    ),
    "dtsu666": Manual(
        "Chint DTSU666 user manual, Modbus registers; transformer ratios 1 (unverified)",
        READ_HOLDING,
        (
            Row(0x101E, "kWh in", "f32"), Row(0x1028, "kWh out", "f32"),
            *_phases((0x2006, 0x2008, 0x200A), "volts", "f32", 10), *_phases((0x200C, 0x200E, 0x2010), "amps", "f32", 1000),
            Row(0x2012, "watts", "f32", 10), *_phases((0x2014, 0x2016, 0x2018), "watts", "f32", 10),
            Row(0x202A, "PF", "f32", 1000), Row(0x2044, "Hz", "f32", 100),
        ),
        extra={READ_HOLDING: {0x0000: 0x00CB}},
    ),
}  # fmt: skip
