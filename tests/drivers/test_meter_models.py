"""Every shipped register map reads its meter: raw words in, a reading out. The addresses here are typed anew, not taken from the maps."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import replace

import pytest

from controller.hal import ImplausibleReading
from controller.logic.values import MeterReading
from drivers.meter.modbus import reading_of
from drivers.meter.model import Label, known_models, load_model

VOLTS, AMPS, WATTS = (230.5, 231.25, 229.75), (16.0, 15.5, 0.25), (3688.0, 3584.5, -57.5)
TOTAL_W, IMPORT_WH, EXPORT_WH, HZ, PF = 7215.0, 1_234_567_800, 4_300, 50.0, 0.99

WHOLE = MeterReading(
    taken_at_s=5.0,
    voltage_v=VOLTS,
    current_a=AMPS,
    power_w=TOTAL_W,
    energy_import_wh=IMPORT_WH,
    energy_export_wh=EXPORT_WH,
    phase_power_w=WATTS,
    frequency_hz=HZ,
    power_factor=PF,
)

Image = dict[int, int]


def words(kind: str, value: float, *, low_first: bool = False) -> list[int]:
    data = struct.pack(
        {"f": ">f", "i16": ">h", "u16": ">H", "i32": ">i", "u32": ">I", "i64": ">q", "u64": ">Q"}[kind], value
    )
    listed = [int.from_bytes(data[i : i + 2], "big") for i in range(0, len(data), 2)]
    return listed[::-1] if low_first else listed


def put(image: Image, kind: str, at: int | tuple[int, ...], values: float | tuple[float, ...], **order: bool) -> None:
    places = at if isinstance(at, tuple) else (at,)
    listed = values if isinstance(values, tuple) else (values,)
    for place, value in zip(places, listed, strict=True):
        image.update(enumerate(words(kind, value, **order), start=place))


def floats(places: Mapping[int | tuple[int, ...], float | tuple[float, ...]]) -> Image:
    image: Image = {}
    for at, values in places.items():
        put(image, "f", at, values)
    return image


def scaled(values: tuple[float, ...], factor: float) -> tuple[float, ...]:
    return tuple(value * factor for value in values)


def whole(values: tuple[float, ...], factor: float) -> tuple[float, ...]:
    return tuple(round(value * factor) for value in values)


def sdm630() -> Image:
    return floats(
        {
            (0x00, 0x02, 0x04): VOLTS,
            (0x06, 0x08, 0x0A): AMPS,
            (0x0C, 0x0E, 0x10): WATTS,
            0x34: TOTAL_W,
            0x3E: PF,
            0x46: HZ,
            0x48: 1_234.5,
            0x4A: EXPORT_WH / 1000,
        }
    )


def gavazzi(power_factor: int, hertz: int, energy_in: int, energy_out: int | None) -> Image:
    image: Image = {}
    put(image, "i32", (0x00, 0x02, 0x04), whole(VOLTS, 10), low_first=True)
    put(image, "i32", (0x0C, 0x0E, 0x10), whole(AMPS, 1000), low_first=True)
    put(image, "i32", (0x12, 0x14, 0x16), whole(WATTS, 10), low_first=True)
    put(image, "i32", 0x28, round(TOTAL_W * 10), low_first=True)
    put(image, "i16", power_factor, 990)
    put(image, "i16", hertz, 500)
    put(image, "i32", energy_in, IMPORT_WH // 100, low_first=True)
    if energy_out is not None:
        put(image, "i32", energy_out, EXPORT_WH // 100, low_first=True)
    return image


def abb() -> Image:
    image: Image = {}
    put(image, "u32", (0x5B00, 0x5B02, 0x5B04), whole(VOLTS, 10))
    put(image, "u32", (0x5B0C, 0x5B0E, 0x5B10), whole(AMPS, 100))
    put(image, "i32", (0x5B16, 0x5B18, 0x5B1A), whole(WATTS, 100))
    put(image, "i32", 0x5B14, round(TOTAL_W * 100))
    put(image, "u16", 0x5B2C, 5000)
    put(image, "i16", 0x5B3A, 990)
    put(image, "u64", 0x5000, IMPORT_WH // 10)
    put(image, "u64", 0x5004, EXPORT_WH // 10)
    return image


def schneider() -> Image:
    image = floats(
        {
            (0x0BD3, 0x0BD5, 0x0BD7): VOLTS,
            (0x0BB7, 0x0BB9, 0x0BBB): AMPS,
            (0x0BED, 0x0BEF, 0x0BF1): scaled(WATTS, 0.001),
            0x0BF3: TOTAL_W / 1000,
            0x0C25: HZ,
        }
    )
    put(image, "i64", 0x0C83, IMPORT_WH)
    put(image, "i64", 0x0C87, EXPORT_WH)
    return image


def single_phase() -> Image:
    return floats({0x00: 230.5, 0x06: 16.0, 0x0C: 3688.0, 0x1E: 0.99, 0x46: HZ, 0x48: 1_234.5, 0x4A: 4.3})


FLOAT_WH = 1_234_500  # what 1234.5 kWh are; an f32 cannot hold IMPORT_WH to the Wh
FLOATS = replace(WHOLE, energy_import_wh=FLOAT_WH)
TENTHS = tuple(round(volts * 10) / 10 for volts in VOLTS)

VECTORS: dict[str, tuple[Image, MeterReading]] = {
    "sdm630": (sdm630(), FLOATS),
    "sdm72dm_v2": (sdm630(), replace(FLOATS, power_factor=None)),
    "sdm120": (
        single_phase(),
        replace(FLOATS, voltage_v=(230.5,), current_a=(16.0,), phase_power_w=(3688.0,), power_w=3688.0),
    ),
    "em24": (gavazzi(0x35, 0x37, 0x42, None), replace(WHOLE, voltage_v=TENTHS, energy_export_wh=None)),
    "em340": (gavazzi(0x31, 0x33, 0x34, 0x4E), replace(WHOLE, voltage_v=TENTHS)),
    "abb_b23": (abb(), replace(WHOLE, voltage_v=TENTHS)),
    "iem3155": (schneider(), replace(WHOLE, power_factor=None)),
    "orno_we516": (
        floats(
            {
                (0x0E, 0x10, 0x12): VOLTS,
                (0x16, 0x18, 0x1A): AMPS,
                (0x1E, 0x20, 0x22): scaled(WATTS, 0.001),
                0x1C: TOTAL_W / 1000,
                0x14: HZ,
                0x34: PF,
                0x0108: 1_234.5,
                0x0110: 4.3,
            }
        ),
        FLOATS,
    ),
    "finder_7m38": (
        floats(
            {
                (2500, 2502, 2504): VOLTS,
                (2516, 2518, 2520): AMPS,
                (2530, 2532, 2534): WATTS,
                2536: TOTAL_W,
                2560: PF,
                2584: HZ,
                2752: 1_234_500.0,
                2756: 4300.0,
            }
        ),
        FLOATS,
    ),
    "pro380": (
        floats(
            {
                (0x5002, 0x5004, 0x5006): VOLTS,
                (0x500C, 0x500E, 0x5010): AMPS,
                (0x5014, 0x5016, 0x5018): scaled(WATTS, 0.001),
                0x5012: TOTAL_W / 1000,
                0x5008: HZ,
                0x502A: PF,
                0x600C: 1_234.5,
                0x6018: 4.3,
            }
        ),
        FLOATS,
    ),
    "janitza_b23": (
        floats(
            {
                (0x4A38, 0x4A3A, 0x4A3C): VOLTS,
                (0x4A44, 0x4A46, 0x4A48): AMPS,
                (0x4A4C, 0x4A4E, 0x4A50): WATTS,
                0x4A52: TOTAL_W,
                0x4A6A: HZ,
                0x4A7C: 1_234_500.0,
                0x4A84: 4300.0,
            }
        ),
        replace(FLOATS, power_factor=None),
    ),
    "dtsu666": (
        floats(
            {
                (0x2006, 0x2008, 0x200A): scaled(VOLTS, 10),
                (0x200C, 0x200E, 0x2010): scaled(AMPS, 1000),
                (0x2014, 0x2016, 0x2018): scaled(WATTS, 10),
                0x2012: TOTAL_W * 10,
                0x202A: PF * 1000,
                0x2044: HZ * 100,
                0x101E: 1_234.5,
                0x1028: 4.3,
            }
        ),
        FLOATS,
    ),
}


def phoenix() -> Image:
    image: Image = {}
    put(image, "i32", (0x00, 0x02, 0x04), whole(VOLTS, 10), low_first=True)
    put(image, "i32", (0x0C, 0x0E, 0x10), whole(AMPS, 1000), low_first=True)
    put(image, "i32", 0x28, round(TOTAL_W * 10), low_first=True)
    put(image, "i32", 0x3E, IMPORT_WH // 100, low_first=True)
    return image


def gavazzi_single_phase() -> Image:
    image: Image = {}
    for at, value in ((0x00, 2305), (0x02, 16_000), (0x04, 36_880), (0x10, IMPORT_WH // 100), (0x20, EXPORT_WH // 100)):
        put(image, "i32", at, value, low_first=True)
    put(image, "i16", 0x0E, 990)
    put(image, "i16", 0x0F, 500)
    return image


VECTORS |= {
    "sdm72d_v1": (
        floats({0x34: TOTAL_W, 0x48: 1_234.5, 0x4A: EXPORT_WH / 1000}),
        replace(FLOATS, voltage_v=(), current_a=(), phase_power_w=(), frequency_hz=None, power_factor=None),
    ),
    "em111": (
        gavazzi_single_phase(),
        replace(WHOLE, voltage_v=(230.5,), current_a=(16.0,), phase_power_w=(3688.0,), power_w=3688.0),
    ),
    "eem350": (
        phoenix(),
        replace(WHOLE, voltage_v=TENTHS, phase_power_w=(), energy_export_wh=None, frequency_hz=None, power_factor=None),
    ),
}

FUNCTIONS = {
    "sdm72d_v1": 4,
    "em111": 4,
    "eem350": 4,
    "sdm630": 4,
    "sdm72dm_v2": 4,
    "sdm120": 4,
    "em24": 4,
    "em340": 4,
    "finder_7m38": 4,
}


def read(name: str, image: Image, phases: int = 3) -> MeterReading:
    """Read the image as the meter would be read: only what the blocks fetch is there."""
    model = load_model(name)
    fetched = {r: image.get(r, 0xDEAD) for block in model.blocks for r in range(block.start, block.start + block.count)}
    return reading_of(model, fetched, min(phases, model.phases), 5.0)


def test_every_shipped_map_has_a_vector() -> None:
    assert set(known_models()) == set(VECTORS)


@pytest.mark.parametrize("name", VECTORS)
def test_the_map_reads_its_meter(name: str) -> None:
    image, expected = VECTORS[name]
    reading = read(name, image)
    assert reading.energy_import_wh == expected.energy_import_wh
    assert reading.energy_export_wh == expected.energy_export_wh
    assert reading.voltage_v == pytest.approx(expected.voltage_v, rel=1e-6)
    assert reading.current_a == pytest.approx(expected.current_a, rel=1e-6)
    assert reading.phase_power_w == pytest.approx(expected.phase_power_w, rel=1e-6)
    assert reading.power_w == pytest.approx(expected.power_w, rel=1e-6)
    assert reading.frequency_hz == pytest.approx(expected.frequency_hz)
    assert reading.power_factor == pytest.approx(expected.power_factor)


@pytest.mark.parametrize("name", VECTORS)
def test_the_map_asks_with_the_meters_function_code(name: str) -> None:
    assert load_model(name).function == FUNCTIONS.get(name, 3)


@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("sdm630", 80),
        ("sdm72dm_v2", 10),
        ("em24", 11),
        ("em340", 11),
        ("em111", 11),
        ("eem350", 11),
        ("sdm72d_v1", 10),
        ("orno_we516", 48),
        ("abb_b23", 64),
    ],
)
def test_no_request_asks_for_more_than_the_meter_gives(name: str, most: int) -> None:
    assert max(block.count for block in load_model(name).blocks) <= most


def test_the_sdm630_words_of_a_known_voltage() -> None:
    """230.2 V on L1, as the manual's example of a float in two registers: 43 66 33 34."""
    image = sdm630() | {0x00: 0x4366, 0x01: 0x3334}
    assert read("sdm630", image).voltage_v[0] == pytest.approx(230.2, abs=0.001)


def test_a_three_phase_meter_with_one_phase_wired_reads_l1_only() -> None:
    reading = read("sdm630", sdm630(), phases=1)
    assert (reading.voltage_v, reading.current_a, reading.phase_power_w) == (VOLTS[:1], AMPS[:1], WATTS[:1])
    assert reading.power_w == TOTAL_W


@pytest.mark.parametrize("nan", [[0x7FC0, 0x0000], [0xFFC0, 0x0001], [0xFFFF, 0xFFFF]])
def test_a_float_that_is_no_number_is_refused(nan: list[int]) -> None:
    image = sdm630() | {0x34: nan[0], 0x35: nan[1]}
    with pytest.raises(ImplausibleReading, match="power_w is not a number"):
        read("sdm630", image)


@pytest.mark.parametrize("mark", [0xFFFF, 0x7FFF])
def test_abbs_marks_for_not_measured_are_no_values(mark: int) -> None:
    image = abb() | {0x5B02: mark, 0x5B03: 0xFFFF}
    with pytest.raises(ImplausibleReading, match=r"voltage_v is not a number .*phases = 1"):
        read("abb_b23", image)
    assert read("abb_b23", image, phases=1).voltage_v == TENTHS[:1]


def test_a_quantity_that_may_be_missing_is_none() -> None:
    image = abb() | {0x5B2C: 0xFFFF} | dict.fromkeys(range(0x5004, 0x5008), 0xFFFF)
    reading = read("abb_b23", image)
    assert (reading.frequency_hz, reading.energy_export_wh) == (None, None)


@pytest.mark.parametrize(
    ("label", "words", "text"),
    [
        (Label(0, 2, "u32", 3), [0x0001, 0x0002], "65538"),
        (Label(0, 3, "text", 3), [0x4142, 0x4320, 0x0000], "ABC"),
        (Label(0, 2, "text", 3), [0xFFFF, 0xFFFF], ""),
        (Label(0, 2, "f32", 3), [0x3FC0, 0x0000], "1.5"),
    ],
)
def test_what_a_meter_says_of_itself_is_written_as_people_write_it(label: Label, words: list[int], text: str) -> None:
    assert label.text_of(words) == text
