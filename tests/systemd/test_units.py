"""The units as systemd itself judges them, where it is installed; what they must say, everywhere."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from controller.config import BoardConfig, board_names, load_board, load_station
from controller.config.board import boards_directory
from controller.config.header import sections_of

ROOT = Path(__file__).parents[2]
SYSTEMD = ROOT / "systemd"
UNITS = sorted(SYSTEMD.glob("*.service"))
ANALYZE = shutil.which("systemd-analyze")
NEEDS_SYSTEMD = pytest.mark.skipif(ANALYZE is None, reason="systemd-analyze is not installed")
PROGRAM = "/opt/pilotline/bin/pilotline"

# Overall exposure as `systemd-analyze security` counts it, 0 (none) to 10. Raise only with a reason.
EXPOSURE = {"pilotline-safety.service": 1.5, "pilotline-station.service": 2.2}

DROP_INS = sorted(path for path in SYSTEMD.glob("*.conf") if path.name != "watchdog.conf")
SAFETY, STATION = SYSTEMD / "pilotline-safety.service", SYSTEMD / "pilotline-station.service"
# What a device's driver opens, as /proc/devices names it: the process, the names, and the drop-in where the unit alone is not enough.
SERIAL = ("ttyAMA", "ttyS", "ttyUSB", "ttyACM")
OPENS = {
    ("bus", "gpiochip"): (SAFETY, ("gpiochip",), None),
    ("bus", "smbus"): (SAFETY, ("i2c",), None),
    ("bus", "spidev"): (SAFETY, ("spi",), "safety-spi.conf"),
    ("pilot_sense", "coprocessor"): (SAFETY, SERIAL, "safety-serial.conf"),
    ("meter", "modbus"): (STATION, SERIAL, None),
    ("meter", "pulse"): (STATION, ("gpiochip",), "station-pulse.conf"),
    ("reader", "pn532"): (STATION, SERIAL, None),
    ("reader", "keyboard"): (STATION, ("input",), "station-keyboard.conf"),
    ("indicator", "leds"): (STATION, ("gpiochip",), "station-panel.conf"),
    ("indicator", "ssd1306"): (STATION, ("i2c",), "station-panel.conf"),
    ("indicator", "ws281x"): (STATION, ("spi",), "station-panel.conf"),
}
GROUPS = {"gpiochip": "gpio", "i2c": "i2c", "spi": "spi", "input": "input", **dict.fromkeys(SERIAL, "dialout")}
COPROCESSOR = '[evse.pilot_sense]\ntype = "coprocessor"\nport = "/dev/ttyACM0"\n'
PULSE = (
    '[evse.meter]\ntype = "pulse"\npin = 6\npulses_per_kwh = 1000\nregister = "/var/lib/pilotline/meter1.register"\n'
)


def settings(unit: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in unit.read_text().splitlines():
        if re.match(r"[A-Z]\w+=", line):
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


@NEEDS_SYSTEMD
def test_systemd_finds_nothing_wrong_with_the_units(tmp_path: Path) -> None:
    program = tmp_path / "pilotline"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    for unit in UNITS:
        (tmp_path / unit.name).write_text(unit.read_text().replace(PROGRAM, str(program)))
    units = [str(tmp_path / unit.name) for unit in UNITS]
    result = subprocess.run([str(ANALYZE), "verify", "--man=no", *units], capture_output=True, text=True, check=False)
    ours = [line for line in result.stderr.splitlines() if str(tmp_path) in line or "pilotline" in line]
    assert (result.returncode, ours) == (0, [])


@NEEDS_SYSTEMD
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_the_exposure_stays_small(unit: Path) -> None:
    command = [str(ANALYZE), "security", "--offline=true", "--no-pager", str(unit)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    told = re.search(r"Overall exposure level for \S+: ([\d.]+)", result.stdout)
    assert told is not None, result.stderr
    assert float(told[1]) <= EXPOSURE[unit.name]


def test_the_safety_unit_is_watched_restarted_and_followed_by_safe_outputs() -> None:
    unit = settings(SYSTEMD / "pilotline-safety.service")
    assert unit["Type"] == ["notify"]
    assert unit["WatchdogSec"] == ["2"]
    assert unit["Restart"] == ["always"]
    assert unit["ExecStopPost"] == [f"{PROGRAM} safe-outputs --config /etc/pilotline/pilotline.toml"]
    assert unit["PrivateNetwork"] == ["yes"] and unit["RestrictAddressFamilies"] == ["AF_UNIX"]


def test_the_station_starts_after_safety_and_survives_it() -> None:
    unit = settings(SYSTEMD / "pilotline-station.service")
    assert "pilotline-safety.service" in unit["After"][0]
    assert unit["Wants"] == ["pilotline-safety.service"]
    assert "Requires" not in unit and "BindsTo" not in unit


def test_no_unit_hides_the_boot_id_that_the_clock_reads() -> None:
    for unit in UNITS:
        assert settings(unit).get("ProcSubset", ["all"]) == ["all"]


def test_the_example_file_is_accepted_and_fits_the_units() -> None:
    config = load_station(SYSTEMD / "pilotline.toml")
    board = load_board(config.board, config.run_dir)
    assert not board.bench
    assert config.run_dir == Path("/run/pilotline") and config.state_dir == Path("/var/lib/pilotline")


def test_the_users_of_the_units_are_made() -> None:
    users = (SYSTEMD / "pilotline.sysusers").read_text()
    for unit in UNITS:
        [user] = settings(unit)["User"]
        assert re.search(rf"^u {user} ", users, re.MULTILINE)


# --- devices --------------------------------------------------------------------------------------------------------------


def shipped_and_more(tmp_path: Path) -> list[BoardConfig]:
    """The shipped boards, and the reference board with each front end and meter that no shipped one has."""
    boards = [load_board(name, Path("/run/pilotline")) for name in board_names()]
    reference = (boards_directory() / "reference.toml").read_text()
    for name, section in (("pilot_sense", COPROCESSOR), ("meter", PULSE)):
        changed = re.sub(rf"^\[evse\.{name}\]\n(?:(?!\[).*\n)+", section, reference, flags=re.MULTILINE)
        assert section in changed
        (tmp_path / f"{name}.toml").write_text(changed)
        boards.append(load_board(str(tmp_path / f"{name}.toml"), Path("/run/pilotline")))
    return [board for board in boards if not board.bench]


def test_what_a_board_s_drivers_open_the_units_and_their_drop_ins_allow(tmp_path: Path) -> None:
    met = set()
    for board in shipped_and_more(tmp_path):
        for section in sections_of(board):
            if (kind := (section.family, section.type)) in OPENS:
                met.add(kind)
            else:
                assert not hasattr(section.settings, "port") and section.family not in ("bus", "meter", "reader"), kind
    assert met >= {("bus", "spidev"), ("pilot_sense", "coprocessor"), ("meter", "pulse")}


@pytest.mark.parametrize("kind", OPENS, ids="-".join)
def test_a_unit_with_its_drop_in_may_open_the_devices_of_a_driver(kind: tuple[str, str]) -> None:
    unit, names, drop_in = OPENS[kind]
    files = [unit, *([SYSTEMD / drop_in] if drop_in else [])]
    allowed = {line for file in files for line in settings(file)["DeviceAllow"]}
    groups = {group for file in files for line in settings(file)["SupplementaryGroups"] for group in line.split()}
    for name in names:
        assert allowed & {f"char-{name} rw", f"char-{name} r"} and GROUPS[name] in groups, name
    if drop_in:
        assert not {f"char-{name} rw" for name in names} <= set(settings(unit)["DeviceAllow"]), "no drop-in is needed"


@NEEDS_SYSTEMD
@pytest.mark.parametrize("drop_in", DROP_INS, ids=lambda path: path.name)
def test_systemd_finds_nothing_wrong_with_a_drop_in(drop_in: Path, tmp_path: Path) -> None:
    unit = STATION if drop_in.name.startswith("station-") else SAFETY
    program = tmp_path / "pilotline"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    (tmp_path / unit.name).write_text(unit.read_text().replace(PROGRAM, str(program)))
    (tmp_path / f"{unit.name}.d").mkdir()
    shutil.copy(drop_in, tmp_path / f"{unit.name}.d")
    command = [str(ANALYZE), "verify", "--man=no", str(tmp_path / unit.name)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert [line for line in result.stderr.splitlines() if str(tmp_path) in line or "pilotline" in line] == []


def test_the_readme_installs_every_file_where_it_says_it_belongs() -> None:
    readme = (ROOT / "README.md").read_text()
    for path in sorted(SYSTEMD.iterdir()):
        if path.suffix == ".service":
            continue
        target = re.match(r"# (/\S+)", path.read_text())
        assert target is not None, path.name
        directory = str(Path(target[1]).parent)
        assert re.search(
            rf"install .*systemd/{re.escape(path.name)} ({re.escape(target[1])}|{directory}/)$", readme, re.M
        ), path.name


def test_the_module_that_makes_i2c_devices_is_loaded_at_boot() -> None:
    lines = (SYSTEMD / "pilotline.modules-load").read_text().splitlines()
    assert [line for line in lines if not line.startswith("#")] == ["i2c-dev"]
