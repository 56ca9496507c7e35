"""Every shipped board of real lines, with the bench in place of its hardware: a station starts on it and charges a vehicle.

Its pins, channels, levels and devices are those of the file; only what opens the hardware is exchanged for what opens the bench.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from controller.config import BoardConfig, board_names, load_board
from controller.config.board import boards_directory
from hil.bench.layout import Layout
from hil.csms.csms import Csms
from hil.csms.schemas import Version
from tests.wire.rigs import WatchedRig, judged, serving, settings_for, together

REAL = tuple(name for name in board_names() if name != "mock")
CHARGES_S = 30.0
# What opens hardware -> what opens the bench in its place.
ON_THE_BENCH = (
    (r'^name = .*$', r"\g<0>\nbench = true"),
    (r'^type = "gpiochip"\nchip_label = .*$', 'type = "gpio_page"\npage = "{run}/bench/gpio.page"'),
    (r'^type = "smbus"\npath = .*$', 'type = "i2c_page"\npage = "{run}/bench/analog.page"'),
    (r"^device = .*$", 'device = "bench.pwm"\nroot = "{run}/bench/pwm"'),
    (r'^model = .*\n(#.*\n)*port = .*$', 'model = "sdm630"\nport = "{run}/bench/meter1"'),
    (r'^baud = 2400$', "baud = 9600"),
    (r'^type = "pn532"\nport = .*$', 'type = "pn532"\nport = "{run}/bench/pn532"'),
    # It plays no converter on SPI, and no ADS1015: such a pilot is held instead.
    (r'^\[bus\.spi\]\n(.+\n)+', ""),
    (r'^type = "ads1015"$', 'type = "ads1115"'),
    (r'^type = "sar_burst"\nchip = .*\nchannel = .*$', 'type = "held"\nadc = "one"\nhigh_channel = 0\nlow_channel = 1'),
)  # fmt: skip


def bench_text(name: str) -> str:
    text = (boards_directory() / f"{name}.toml").read_text()
    for pattern, new in ON_THE_BENCH:
        text = re.sub(pattern, new, text, flags=re.MULTILINE)
    return text


def lines_of(board: BoardConfig) -> dict[str, object]:
    """Every pin, channel and level, by section and key; of the pilot's converter, its divider."""
    found = {}
    for evse in board.evses:
        for section in (evse.pilot_driver, evse.pilot_sense, evse.proximity, evse.contactor, evse.lock, evse.residual):
            for key in type(section.settings).__dataclass_fields__ if section is not None else ():
                if section.family == "pilot_sense" and "channel" in key:  # type: ignore[union-attr]
                    continue
                if key.endswith(("pin", "channel", "active_low", "pull", "scale", "offset_v")):
                    found[f"{evse.id} {section.family} {key}"] = getattr(section.settings, key)  # type: ignore[union-attr]
    return found


@pytest.mark.parametrize("name", REAL)
def test_the_bench_plays_every_line_of_a_shipped_board(name: str, tmp_path: Path) -> None:
    (tmp_path / "b.toml").write_text(bench_text(name))
    simulated = load_board(str(tmp_path / "b.toml"), tmp_path)
    assert lines_of(simulated) == lines_of(load_board(name, tmp_path))
    layout = Layout.of(simulated)
    roles = {line.role for line in (*layout.outputs, *layout.inputs)}
    assert {
        "kick",
        "cp_enable",
        "contactor",
        "mirror_open",
        "auxiliary",
        "rcd_trip",
        "rcd_test",
        "mains",
        "estop",
    } <= roles


@pytest.mark.wire
@pytest.mark.timeout(120)
def test_a_station_starts_on_every_shipped_board_and_charges() -> None:
    together(*(partial(_charges, name) for name in REAL))


def _written(name: str, directory: Path) -> Path:
    directory.mkdir()
    (directory / "b.toml").write_text(bench_text(name))
    return directory / "b.toml"


async def _charges(name: str, directory: Path) -> None:
    board = _written(name, directory)
    async with serving(Csms(subprotocols=(Version.V201,))) as port:
        station = {"board": str(board), "authorization_required": False}
        settings = replace(settings_for(port, "2.0.1"), station=station)
        async with judged(WatchedRig(directory / "rig", settings)) as rig:
            await rig.bench.verb_async("plug_in", evse=1)
            await rig.until(lambda: rig.evse(1)["contact"] == "closed", CHARGES_S, f"{name} charges")
