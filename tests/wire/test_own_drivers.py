"""Drivers of somebody else's on real processes: the page's own, and some that do what no driver may."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from controller.config.board import boards_directory
from hil.csms.csms import Csms
from hil.csms.schemas import Version
from hil.processes import RigSettings, station_toml
from tests.project.drivers_page import BLOCKS, install, write_package
from tests.safety.lone_rig import LoneRig
from tests.wire.rigs import WatchedRig, judged, serving, settings_for, together

pytestmark = [pytest.mark.wire, pytest.mark.timeout(150)]

ROOT = Path(__file__).parents[2]
CHARGES_S = 30.0
METERS = [
    f'type = "modbus"\nmodel = "sdm630"\nport = "{{run}}/bench/meter{number}"\naddress = {number}\nbaud = 9600'
    for number in (1, 2)
]
MAINS = '[mains]\ntype = "gpio"\npin = 13'
HELD = 'type = "held"\nadc = "one"\nhigh_channel = 0\nlow_channel = 1\nscale = 8.0\noffset_v = 13.2'
PWM = 'type = "sysfs_pwm"\nroot = "{run}/bench/pwm"\ndevice = "bench.pwm"\nchannel = 0\nenable_pin = 17'
PN532 = 'type = "pn532"\nport = "{run}/bench/pn532"'
LEDS = '[[indicator]]\ntype = "leds"\nevse = 2\ngpio = "panel"\nred_pin = 22\ngreen_pin = 26\nblue_pin = 27'


def write_board(path: Path, changes: Mapping[str, str]) -> Path:
    """Write the mock bench's board with texts of its file replaced."""
    text = (boards_directory() / "mock.toml").read_text()
    for old, new in changes.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    path.write_text(text)
    return path


def made(directory: Path, name: str = "", text: str = "") -> Path:
    """Make a package's directory, with a module in it."""
    directory.mkdir(exist_ok=True)
    if name:
        (directory / name).write_text(text)
    return directory


def environment(package: Path) -> dict[str, str]:
    return {"PYTHONPATH": f"{package}{os.pathsep}{ROOT}"}


def rig(directory: Path, package: Path, port: int, changes: Mapping[str, str]) -> WatchedRig:
    board = write_board(package / "board.toml", changes)
    station = {"board": str(board), "authorization_required": False}
    settings = replace(settings_for(port, "2.0.1"), station=station)
    return WatchedRig(directory / "rig", settings, environment(package))


def test_a_session_on_the_mock_bench_with_drivers_of_one_s_own() -> None:
    together(_a_meter_and_an_input, _a_pilot_sense_on_a_bus_of_its_own, _strangers_that_do_what_they_may_not)


async def _a_meter_and_an_input(directory: Path) -> None:
    """The page's meter and input, each with its far end, as the page tells it."""
    package = write_package(made(directory))
    port = directory / "meter"
    state = directory / "mains"
    state.write_text("online\n")
    changes = {
        MAINS: BLOCKS["section.toml"].replace("/run/acme/state", str(state)),
        METERS[0]: BLOCKS["meter.toml"].replace("/tmp/acme-meter", str(port)).replace("[evse.meter]\n", ""),
    }
    async with (
        serving(Csms(subprotocols=(Version.V201,))) as csms_port,
        judged(rig(directory, package, csms_port, changes)) as station,
    ):
        assert len(station.said(r"bench +.*board\.toml \[mains\]: the mock bench plays no input of type")) == 1
        assert len(station.said(r"bench +.*\[evse\.1\.meter\]: the mock bench plays no meter of type 'acme'")) == 1
        with far_end(package, port, station):
            await station.bench.verb_async("plug_in", evse=1)
            await station.until(lambda: station.evse(1)["contact"] == "closed", CHARGES_S, "it charges")
            await station.until(lambda: _shown_w(station) > 1000, CHARGES_S, "its own meter shows what flows")
            state.write_text("battery\n")
            await station.until(lambda: station.evse(1)["contact"] == "open", CHARGES_S, "its own input opens")


@contextlib.contextmanager
def far_end(package: Path, port: Path, station: WatchedRig) -> Iterator[None]:
    process = subprocess.Popen(
        [sys.executable, str(package / "acme_far_end.py"), str(port), str(station.run_dir / "bench.sock")],
        env={**os.environ, **environment(package)},
    )
    try:
        yield
    finally:
        process.kill()
        process.wait()


def _shown_w(station: WatchedRig) -> float:
    return float(station.ask("status")["status"]["evses"][0].get("power_w") or 0.0)


# --- a pilot front end ------------------------------------------------------------------------------------------------------

FRONT_END = """
from dataclasses import dataclass

from controller.hal import DeviceGone, PilotReading, setting
from hil.bench.client import Bench, BenchUnreachable


class Chip:
    '''The far end: tenths of a volt, from -20 V, of what the bench's pilot is.'''

    def __init__(self, path):
        self._bench = Bench(path)

    def read_word_data(self, i2c_addr, register):
        try:
            volts = self._bench.evse(1)[("pilot_high_v", "pilot_low_v")[register]]
        except BenchUnreachable as error:
            raise OSError(5, str(error)) from error
        return round((volts + 20) * 10)

    def close(self):
        pass


class ChipBus:
    '''A bus with a simulated chip.'''

    @dataclass(frozen=True)
    class Settings:
        path: str = setting("The bench's socket.", default="{run}/bench.sock")

    def __init__(self, settings, where):
        self._path = settings.path

    def bus(self):
        return Chip(self._path)


class FrontEnd:
    '''A pilot front end on I2C.'''

    @dataclass(frozen=True)
    class Settings:
        bus: str = setting("Its bus.")

    def __init__(self, settings, buses, where):
        self._bus = buses.i2c(settings.bus, where)
        self._monotonic = buses.monotonic
        self._where = where

    def begin(self):
        self._at_s = self._monotonic()

    def collect(self):
        try:
            high, low = (self._bus.read_word_data(0x4C, each) / 10 - 20 for each in (0, 1))
        except OSError as error:
            raise DeviceGone(self._where, str(error)) from error
        return PilotReading(high, self._at_s, low, self._at_s)
"""


async def _a_pilot_sense_on_a_bus_of_its_own(directory: Path) -> None:
    install(
        made(directory, "front_end.py", FRONT_END),
        "front-end",
        "1.0",
        {"pilot_sense.far": "front_end:FrontEnd", "bus.far": "front_end:ChipBus"},
    )
    changes = {"[adc.one]": '[bus.far]\ntype = "far"\n\n[adc.one]', HELD: 'type = "far"\nbus = "far"'}
    async with (
        serving(Csms(subprotocols=(Version.V201,))) as csms_port,
        judged(rig(directory, directory, csms_port, changes)) as station,
    ):
        await station.bench.verb_async("plug_in", evse=1)
        await station.until(lambda: station.evse(1)["contact"] == "closed", CHARGES_S, "it charges")


# --- what no driver may do --------------------------------------------------------------------------------------------------

STRANGERS = """
from dataclasses import dataclass
from pathlib import Path

from controller.hal import setting


class Stranger:
    @dataclass(frozen=True)
    class Settings:
        path: str = setting("While it is there, this raises.", default="")

    def __init__(self, settings, buses, where):
        self._settings = settings

    async def read(self):
        raise ValueError("garbled")

    async def show(self, shown, now):
        raise KeyError("colour")

    async def close(self):
        raise RuntimeError("stuck")


class Input(Stranger):
    def is_active(self):
        if Path(self._settings.path).exists():
            raise KeyError("oops")
        return True


class Meter(Stranger):
    def read(self):
        return 5


class Pilot(Stranger):
    def steady_high(self):
        raise KeyError("volts")

    steady_low = disconnect = pulse = steady_high


class Slow(Stranger):
    def is_active(self):
        import time

        if Path(self._settings.path).exists():
            time.sleep(0.25)
        return True
"""


async def _strangers_that_do_what_they_may_not(directory: Path) -> None:
    """One meter, reader and indicator of a station fail in every way: the other EVSE charges, and each is told once."""
    points = {f"{family}.stranger": "strange:Stranger" for family in ("reader", "indicator")}
    install(made(directory, "strange.py", STRANGERS), "strange", "1.0", points | {"meter.stranger": "strange:Meter"})
    changes = {
        METERS[1]: 'type = "stranger"',
        PN532: 'type = "stranger"',
        LEDS: '[[indicator]]\ntype = "stranger"',
    }
    async with (
        serving(Csms(subprotocols=(Version.V201,))) as csms_port,
        judged(rig(directory, directory, csms_port, changes)) as station,
    ):
        station.expect(r"station ERROR EVSE 2: meter lost: .*\[evse\.2\.meter\]")
        await station.bench.verb_async("plug_in", evse=1)
        await station.until(lambda: station.evse(1)["contact"] == "closed", CHARGES_S, "it charges")
        await station.hears(r"meter lost")
        named = r"driver 'stranger' \(entry point {}\.stranger = strange:{}\) failed: {}"
        meter = named.format("meter", "Meter", "TypeError: ")
        assert len(station.said(rf"station WARNING EVSE 2: .*\[evse\.2\.meter\]: meter {meter}")) == 1
        reader = named.format("reader", "Stranger", r"ValueError: garbled at strange\.py line 17 \(tell its author\)")
        assert len(station.said(rf"station WARNING .*\[reader\.1\]: reader {reader}")) == 1
        indicator = named.format("indicator", "Stranger", "KeyError: 'colour'")
        assert len(station.said(rf"station WARNING .*\[indicator\.2\]: indicator {indicator}")) == 1
        assert station.pid("station") is not None


def test_a_stranger_in_the_safety_process_opens_everything_and_is_named_last(tmp_path: Path) -> None:
    install(made(tmp_path, "strange.py", STRANGERS), "strange", "1.0", {"input.stranger": "strange:Input"})
    raises = tmp_path / "raises"
    write_board(tmp_path / "board.toml", {MAINS: f'[mains]\ntype = "stranger"\npath = "{raises}"'})
    rig = LoneRig(tmp_path, environment(tmp_path), board="./board.toml")
    try:
        safety = rig.start("safety")
        rig.bench("plug_in", evse=1)
        rig.connect()
        rig.renew(20.0, lambda facts: facts.contactor == "closed")
        raises.touch()
        assert safety.wait(5) == 1
        rig.await_plant(1.0, lambda evse: evse["contact"] == "open" and not evse["advertising"])
    finally:
        rig.stop()
    last = (tmp_path / "safety.log").read_text().splitlines()[-1]
    assert (
        "board.toml [mains]: Input, input driver 'stranger' (entry point input.stranger = strange:Input) failed: "
        in last
    )
    assert "KeyError: 'oops' at strange.py line 29 - the details are in " in last
    assert last.endswith("crash-safety.log; tell its author") and "internal error" not in last
    assert "KeyError: 'oops'" in (tmp_path / "run" / "crash-safety.log").read_text()


def test_a_stranger_that_holds_the_safety_loop_up_is_named_with_its_time(tmp_path: Path) -> None:
    install(made(tmp_path, "strange.py", STRANGERS), "strange", "1.0", {"input.stranger": "strange:Slow"})
    slow = tmp_path / "slow"
    write_board(tmp_path / "board.toml", {MAINS: f'[mains]\ntype = "stranger"\npath = "{slow}"'})
    rig = LoneRig(tmp_path, environment(tmp_path), board="./board.toml")
    try:
        safety = rig.start("safety")
        rig.bench("plug_in", evse=1)
        rig.connect()
        rig.renew(20.0, lambda facts: facts.contactor == "closed")
        slow.touch()
        rig.await_plant(2.0, lambda evse: evse["contact"] == "open")
        time.sleep(1.0)
        safety.terminate()
        assert safety.wait(5) == 0
    finally:
        rig.stop()
    (told,) = [line for line in (tmp_path / "safety.log").read_text().splitlines() if "stood still" in line]
    assert re.search(
        r"WARNING the safety loop stood still for \d{3} ms: .*board\.toml \[mains\]: input driver 'stranger' "
        r"\(entry point input\.stranger = strange:Slow\) took 25\d ms$",
        told,
    ), told


def test_a_stranger_that_a_command_meets_is_named(tmp_path: Path) -> None:
    install(made(tmp_path, "strange.py", STRANGERS), "strange", "1.0", {"pilot_driver.stranger": "strange:Pilot"})
    write_board(tmp_path / "board.toml", {PWM: 'type = "stranger"'})
    settings = RigSettings("ws://127.0.0.1:1/", station={"board": "./board.toml"})
    (tmp_path / "pilotline.toml").write_text(station_toml(settings, tmp_path / "state", tmp_path / "run"))
    words = ("board", "calibrate", "--play", "--evse", "1", "--config", "pilotline.toml")
    result = subprocess.run(
        [sys.executable, "-m", "controller", *words],
        cwd=tmp_path,
        env={**os.environ, **environment(tmp_path), "XDG_STATE_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    last = result.stderr.splitlines()[-1]
    assert result.returncode == 1
    assert (
        "[evse.1.pilot_driver]: Pilot, pilot_driver driver 'stranger' (entry point pilot_driver.stranger = strange:Pilot) failed: KeyError: 'volts'"
        in last
    )
    assert last.endswith("crash-cli.log; tell its author")
