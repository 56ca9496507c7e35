"""What sits on which pin: shipped boards, their documentation, and every collision that only shows beside buses, PWM and serial ports."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from controller.cli.board import rendered, wiring_table
from controller.cli.board_svg import header_svg
from controller.config import ConfigError, load_board
from controller.config.board import board_names, boards_directory
from controller.config.header import LINES, SUPPLIES, uses_of
from controller.logic import plateau, proximity
from controller.logic.evse import PilotState

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "hw" / "docs"
REAL = tuple(name for name in board_names() if name != "mock")
REFERENCE = (boards_directory() / "reference.toml").read_text()


def test_the_header_has_forty_pins_and_every_line_once() -> None:
    assert sorted([*LINES, *SUPPLIES]) == list(range(1, 41))
    assert sorted(LINES.values()) == list(range(28))


@pytest.mark.parametrize("name", board_names())
def test_every_shipped_board_is_without_mistake_and_described(name: str) -> None:
    board = load_board(name, Path("/run"))
    assert board.name == name and board.evses
    lines = [use.line for use in uses_of(board)]
    assert board.bench or len(lines) == len(set(lines))


@pytest.mark.parametrize("name", REAL)
def test_the_wiring_tables_are_those_of_the_board_files(name: str) -> None:
    text = (DOCS / "wiring.md").read_text()
    table = wiring_table(uses_of(load_board(name, Path("/run"))))
    assert f"## {name}\n\n{table}\n" in text, f"renew it: pilotline board draw {name} --markdown"
    assert set(re.findall(r"^## (\S+)$", text, re.MULTILINE)) == set(REAL)


@pytest.mark.parametrize("name", REAL)
def test_a_drawing_shows_every_use_in_80_columns_and_as_svg(name: str) -> None:
    board = load_board(name, Path("/run"))
    uses = uses_of(board)
    text = rendered(board, uses, is_coloured=False)
    assert max(map(len, text.splitlines())) <= 80 and len(text.splitlines()) == 21
    assert all(
        f"GPIO{use.line} {'>' if use.is_output else '<'}" in text
        or f"{'>' if use.is_output else '<'} GPIO{use.line}" in text
        for use in uses
    )
    drawing = ElementTree.fromstring(header_svg(board, uses))
    texts = [each.text for each in drawing.iter("{http://www.w3.org/2000/svg}text")]
    assert all(f"{use.what} (GPIO{use.line})" in texts for use in uses)


def mistakes_of(tmp_path: Path, *changes: tuple[str, str]) -> list[str]:
    text = REFERENCE
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    path = tmp_path / "b.toml"
    path.write_text(text)
    try:
        load_board(str(path), Path("/run"))
    except ConfigError as error:
        return [mistake.replace(f"{tmp_path}/", "") for mistake in error.mistakes]
    return []


@pytest.mark.parametrize(
    ("changes", "mistakes"),
    [
        (
            [('[mains]\ntype = "gpio"\npin = 13', '[mains]\ntype = "gpio"\npin = 2')],
            ["GPIO2: b.toml [bus.i2c] has it, and b.toml [mains] pin too: move one of them to another line"],
        ),
        (
            [('[mains]\ntype = "gpio"\npin = 13', '[mains]\ntype = "gpio"\npin = 15')],
            ["GPIO15: b.toml [reader.1] has it, and b.toml [mains] pin too: move one of them to another line"],
        ),
        (
            [('[mains]\ntype = "gpio"\npin = 13', '[mains]\ntype = "gpio"\npin = 12')],
            [
                "b.toml [evse.1.pilot_driver] channel = 0: its lines GPIO12 and GPIO18 are taken; the pilot's PWM needs one "
                "of them"
            ],
        ),
        ([('[mains]\ntype = "gpio"\npin = 13', '[mains]\ntype = "gpio"\npin = 6')], []),
    ],
    ids=["I2C", "UART", "PWM", "free"],
)
def test_a_line_that_a_bus_has_is_nobody_elses(
    tmp_path: Path, changes: list[tuple[str, str]], mistakes: list[str]
) -> None:
    assert mistakes_of(tmp_path, *changes) == mistakes


def test_two_pilots_on_one_converter_are_refused(tmp_path: Path) -> None:
    second = REFERENCE[REFERENCE.index("[[evse]]") : REFERENCE.index("[[reader]]")]
    for section in ("proximity", "lock", "temperature"):
        second = re.sub(rf"\[evse\.{section}\]\n(?:[^\[\n]*\n)*", "", second)
    second = second.replace("id = 1", "id = 2").replace("tethered = false", "tethered = true\ncable_a = 32")
    second = second.replace("sType2", "cType2").replace("channel = 0\nenable_pin = 17", "channel = 1\nenable_pin = 9")
    second = second.replace("high_channel = 0", "high_channel = 3").replace("low_channel = 1", "low_channel = 2")
    second = re.sub(r"\[evse\.(residual|meter)\]\n(?:[^\[\n]*\n)*", "", second)
    second = second.replace("hardware_max_a = 32", 'hardware_max_a = 32\nupstream_rcd = "F1"')
    second = second.replace(
        "pin = 16\nphase_pin = 26\nmirror_pin = 22\nauxiliary_pin = 23", "pin = 10\nmirror_pin = 6\nauxiliary_pin = 7"
    )
    first = re.sub(r"\[evse\.(temperature|proximity|lock)\]\n(?:[^\[\n]*\n)*", "", REFERENCE)
    first = first.replace("tethered = false", "tethered = true\ncable_a = 32").replace("sType2", "cType2")
    (tmp_path / "b.toml").write_text(first.replace("[[reader]]", f"{second}\n[[reader]]", 1))
    with pytest.raises(ConfigError) as caught:
        load_board(str(tmp_path / "b.toml"), Path("/run"))
    assert any("two pilots in series take longer than a period" in mistake for mistake in caught.value.mistakes)


# --- the documents --------------------------------------------------------------------------------------------------------


def test_the_pilot_s_bands_and_the_divider_are_those_of_the_code() -> None:
    text = (DOCS / "pilot-driver.md").read_text()
    for state, told in (
        (PilotState.A, "11 to 13 V"),
        (PilotState.B, "8 to 10 V"),
        (PilotState.C, "5 to 7 V"),
        (PilotState.D, "2 to 4 V"),
    ):
        low, high = plateau.STRICT_V[state]
        assert told == f"{low:.0f} to {high:.0f} V" and told in text
    sense = load_board("reference", Path("/run")).evses[0].pilot_sense.settings
    assert f"scale = {sense.scale}, offset_v = {sense.offset_v}" in text
    volts = re.search(r"^\| V_adc \|(.*)\|$", text, re.MULTILINE)
    assert volts is not None
    told_v = [float(cell) for cell in volts.group(1).split("|")]
    assert told_v == [pytest.approx((cp + sense.offset_v) / sense.scale) for cp in (12, 9, 6, 3, 0, -12)]


def test_the_cable_codings_are_those_of_the_code() -> None:
    rows = (DOCS / "pilot-driver.md").read_text().split("## Proximity")[1]
    ohms = re.search(r"^\| PP to PE \|(.*)\|$", rows, re.MULTILINE)
    assert ohms is not None
    found = [proximity.coding_of(float(cell.split()[0])).value for cell in ohms.group(1).split("|")[:4]]
    assert found == [13, 20, 32, 63]


@pytest.mark.parametrize("path", sorted(DOCS.glob("*.md")), ids=lambda path: path.name)
def test_every_link_and_drawing_of_a_document_is_there(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", path.read_text()):
        assert (path.parent / target).exists(), target
        if target.endswith(".svg"):
            ElementTree.parse(path.parent / target)


def test_the_lines_that_config_txt_presets_are_the_boards_outputs() -> None:
    preset = re.search(r"gpio=([\d,]+)=op,dl", (DOCS / "raspberry-pi.md").read_text())
    assert preset is not None
    outputs = {use.line for use in uses_of(load_board("reference", Path("/run"))) if use.is_output}
    driven = outputs - {3, 14, 12, 25}  # buses, the PWM (a pull-down makes it F), and the RCD's test input
    assert {int(line) for line in preset.group(1).split(",")} == driven


# --- the command ----------------------------------------------------------------------------------------------------------


def board(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-m", "controller", "board", *words], capture_output=True, text=True, check=False
    )


@pytest.mark.wire
def test_the_command_lists_checks_and_draws(tmp_path: Path) -> None:
    assert re.search("^single-tethered +One attached Type 2 cable", board("list").stdout, re.MULTILINE)
    assert board("check", "reference").stdout.startswith("OK: reference")
    assert json.loads(board("draw", "reference", "--json").stdout)["16"]["what"] == "EVSE 1 contactor"
    drawing = tmp_path / "o.svg"
    assert board("draw", "reference", "--svg", str(drawing)).returncode == 0
    ElementTree.parse(drawing)
    failed = board("draw", "reference", "--svg", "/no/such/o.svg")
    assert failed.returncode == 5 and failed.stderr == "pilotline: /no/such/o.svg: no such file or directory\n"
    bad = tmp_path / "b.toml"
    bad.write_text(REFERENCE.replace("pin = 13", "pin = 99").replace("phases = 3", "phases = 2"))
    wrong = board("check", str(bad))
    assert wrong.returncode == 3 and len(wrong.stderr.splitlines()) == 2 and "Traceback" not in wrong.stderr
