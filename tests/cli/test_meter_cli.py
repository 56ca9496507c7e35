"""What `pilotline meter` prints, and where it looks for ports."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.cli.meter import rendered
from controller.logic.values import MeterReading
from controller.wiring_meter import FoundMeter, LineFormat, check_model, serial_ports

READING = MeterReading(0.0, (230.0,), (0.5,), 115.0, 1_234_560, None, (), 50.0, 0.99)


def test_a_found_meter_comes_with_the_lines_for_the_board_file() -> None:
    found = FoundMeter(LineFormat(2400, "E", 1), 7, ("sdm120", "sdm72d_v1"), READING, "1234567")
    assert rendered(found, "/dev/ttyUSB0").splitlines() == [
        "/dev/ttyUSB0 address 7 at 2400 baud 8E1: sdm120, serial number 1234567 (also fits: sdm72d_v1)",
        "  voltage      230.0 V",
        "  current      0.50 A",
        "  power        115 W",
        "  energy       1234.560 kWh",
        "  frequency    50.00 Hz",
        "  power factor 0.990",
        "  for the board file:",
        "    [evse.meter]",
        '    type = "modbus"',
        '    model = "sdm120"',
        '    port = "/dev/ttyUSB0"',
        "    address = 7",
        "    baud = 2400",
        '    parity = "E"',
    ]


def test_something_unknown_is_told_as_such() -> None:
    found = FoundMeter(LineFormat(9600, "N", 1), 3, (), None, "")
    assert rendered(found, "/dev/x") == (
        "/dev/x address 3 at 9600 baud 8N1: something answers, but no shipped register map fits"
    )


@pytest.mark.parametrize(
    ("there", "found"),
    [
        ((), ()),
        (("ttyS0", "tty1"), ()),
        (("ttyUSB1", "ttyUSB0", "ttyAMA0"), ("ttyAMA0", "ttyUSB0", "ttyUSB1")),
        (("ttyUSB0", "serial0", "serial/by-path/usb-1"), ("serial/by-path/usb-1", "serial0")),
    ],
)
def test_ports_are_named_as_a_board_file_should_name_them(
    tmp_path: Path, there: tuple[str, ...], found: tuple[str, ...]
) -> None:
    for name in there:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert serial_ports(tmp_path) == tuple(str(tmp_path / name) for name in found)


def test_a_checked_map_tells_what_it_will_not_watch() -> None:
    told = check_model(Path(__file__).parents[2] / "drivers" / "meter" / "models" / "sdm72d_v1.toml")
    assert told.splitlines() == [
        "Eastron SDM72D-M",
        "  2 requests a poll, about 0.3 s at 9600 baud 8N1",
        "  no currents: over-current is not watched by this meter",
        "  no voltages: over- and under-voltage are not watched by this meter",
    ]
