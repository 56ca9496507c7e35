"""What sits on which pin of the header, as text, as a table, as a drawing, and as lines of config.txt."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from controller.cli.board_draw import drawn, wiring_table
from controller.cli.board_svg import header_svg
from controller.config import BoardConfig, board_names, load_board
from controller.config.board import boards_directory
from controller.config.boot_lines import boot_lines
from controller.config.header import LINES, SUPPLIES, sections_of, uses_of

RUN = Path("/run/pilotline")
REAL = tuple(name for name in board_names() if name != "mock")
REFERENCE = (boards_directory() / "reference.toml").read_text()
SVG = "{http://www.w3.org/2000/svg}"


def changed(tmp_path: Path, *changes: tuple[str, str]) -> BoardConfig:
    text = REFERENCE
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    (tmp_path / "b.toml").write_text(text)
    return load_board(str(tmp_path / "b.toml"), RUN)


def test_the_header_has_forty_pins_and_every_line_once() -> None:
    assert sorted([*LINES, *SUPPLIES]) == list(range(1, 41))
    assert sorted(LINES.values()) == list(range(28))
    # Corners and neighbours, counted on a Pi: a shifted table would still have every line once.
    assert (LINES[3], LINES[7], LINES[8], LINES[32], LINES[37], LINES[40]) == (2, 4, 14, 12, 26, 21)


@pytest.mark.parametrize("name", board_names())
def test_every_shipped_board_is_without_mistake_and_described(name: str) -> None:
    board = load_board(name, RUN)
    assert board.name == name and board.evses
    assert "description" in (boards_directory() / f"{name}.toml").read_text().partition("[bus")[0]


@pytest.mark.parametrize("name", REAL)
def test_no_line_of_a_shipped_board_has_two_uses_and_outputs_rest_low_at_boot(name: str) -> None:
    uses = uses_of(sections_of(load_board(name, RUN)))
    assert all(use.on_header for use in uses)
    assert len({use.line for use in uses}) == len(uses)
    assert all(use.line >= 9 for use in uses if use.is_output and use.chip)


@pytest.mark.parametrize("name", board_names())
def test_a_drawing_shows_every_use_in_80_columns(name: str) -> None:
    board = load_board(name, RUN)
    text = drawn(board, is_coloured=False)
    assert max(map(len, text.splitlines())) <= 80
    for use in uses_of(sections_of(board)):
        assert use.what in text
    assert "\033" not in text
    assert "\033" in drawn(board, is_coloured=True)


def test_pins_are_where_they_are_on_the_pi(tmp_path: Path) -> None:
    rows = drawn(load_board("reference", RUN), is_coloured=False).splitlines()
    assert rows[1].split() == ["3.3", "V", "1", "|", "2", "5", "V"]
    assert re.fullmatch(r" *EVSE 1 CP_EN > GPIO17 11 \| 12 GPIO18 > EVSE 1 lock", rows[6])
    assert re.fullmatch(r" *EVSE 1 unlock > GPIO19 35 \| 36 GPIO16 > EVSE 1 contactor K1", rows[18])


def test_what_is_not_on_known_pins_is_told_below(tmp_path: Path) -> None:
    panel = '[bus.panel]\ntype = "smbus"\npath = "/dev/i2c-3"\n\n[[reader]]'
    text = drawn(changed(tmp_path, ("[[reader]]", panel)), is_coloured=False)
    assert "elsewhere: panel: /dev/i2c-3" in text and "elsewhere: EVSE 1 meter: /dev/ttyUSB0" in text


@pytest.mark.parametrize("name", board_names())
def test_the_svg_has_every_pin_and_use_and_needs_no_colour(name: str) -> None:
    board = load_board(name, RUN)
    drawing = ElementTree.fromstring(header_svg(board))
    texts = [each.text or "" for each in drawing.iter(f"{SVG}text")]
    assert [text for text in texts if text.isdigit()] == [str(pin) for pin in range(1, 41)]
    for use in uses_of(sections_of(board)):
        assert any(
            use.what in text and (use.line == 1 or "→" in text or "←" in text or "elsewhere" in text) for text in texts
        )
    ground = next(drawing.iter(f"{SVG}rect"))
    assert ground.get("fill") == "#ffffff" and ground.get("width") == drawing.get("width")


def test_the_svg_s_arrows_point_away_from_the_pi_for_what_it_drives() -> None:
    texts = [each.text for each in ElementTree.fromstring(header_svg(load_board("reference", RUN))).iter(f"{SVG}text")]
    assert "EVSE 1 CP_EN ← GPIO17" in texts and "GPIO18 → EVSE 1 lock" in texts
    assert "EVSE 1 RCD error → GPIO27" in texts and "GPIO24 ← EVSE 1 RCD trip" in texts


def test_a_name_that_is_markup_stays_a_name(tmp_path: Path) -> None:
    board = changed(tmp_path, ('name = "reference"', 'name = "<a & b>"'))
    ElementTree.fromstring(header_svg(board))


def test_the_lines_of_config_txt_of_the_reference_board() -> None:
    lines = boot_lines(load_board("reference", RUN))
    assert lines[2:7] == [
        "gpio=12,16,17,18,19,20,25,26=op,dl",
        "dtparam=i2c_arm=on,i2c_arm_baudrate=100000",
        "dtoverlay=pwm,pin=12,func=4",
        "dtparam=strict_gpiod",
        "dtparam=watchdog=on",
    ]
    filters = [line for line in lines if line.startswith("[")]
    assert filters == ["[all]", "[pi3]", "[pi02]", "[pi4]", "[pi5]", "[all]"]
    assert lines[lines.index("[pi5]") + 1 : -2] == ["dtparam=uart0_console"]


@pytest.mark.parametrize(
    ("changes", "there", "absent"),
    [
        ([("3f20c000.pwm|fe20c000.pwm|1f00098000.pwm", "fe20c000.pwm")], ["[pi4]"], ["[pi3]", "[pi02]", "[pi5]"]),
        ([('port = "/dev/serial0"', 'port = "/dev/ttyUSB1"')], ["dtparam=audio=off"], ["dtoverlay=disable-bt"]),
        ([("error_pin = 27", "error_pin = 27\ntest_active_low = true")], ["gpio=12,16,17,18,19,20,26=op,dl", "gpio=25=op,dh"], []),
        ([("pin = 5\n", "pin = 0\n")], ["force_eeprom_read=0"], []),
        ([("[[reader]]", '[bus.spi]\ntype = "spidev"\n\n[[reader]]')], ["dtoverlay=spi0-1cs"], ["dtparam=spi=on"]),
        ([("[[reader]]", '[bus.spi]\ntype = "spidev"\npath = "/dev/spidev0.1"\n\n[[reader]]')], ["dtparam=spi=on"], []),
        (
            [('[evse.temperature]\ntype = "ntc"\nadc = "one"\nchannel = 3\npull_up_ohm = 10000\nsupply_v = 3.3',
              '[evse.temperature]\ntype = "w1"')],
            ["dtoverlay=w1-gpio"],
            [],
        ),
    ],
    ids=["one Pi", "no UART", "test input active low", "ID line", "SPI CE0", "SPI CE1", "1-Wire"],
)  # fmt: skip
def test_config_txt_follows_the_board(
    tmp_path: Path, changes: list[tuple[str, str]], there: list[str], absent: list[str]
) -> None:
    lines = boot_lines(changed(tmp_path, *changes))
    assert all(line in lines for line in there) and not set(absent) & set(lines)


def test_a_simulated_board_needs_no_lines() -> None:
    assert boot_lines(load_board("mock", RUN)) == []


# --- the command ----------------------------------------------------------------------------------------------------------


def board(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-m", "controller", "board", *words], capture_output=True, text=True, check=False
    )


@pytest.mark.wire
def test_the_command_lists_checks_and_draws(tmp_path: Path) -> None:
    assert re.search("^single-tethered +One attached Type 2 cable", board("list").stdout, re.MULTILINE)
    checked = board("check", "reference").stdout.splitlines()
    assert "OK: reference: reference, 1 EVSE, 1 reader" in checked and any(
        line.startswith("note: ") for line in checked
    )
    rows = json.loads(board("draw", "reference", "--json").stdout)
    assert {key: next(row for row in rows if row["line"] == 16)[key] for key in ("pin", "line", "what", "output")} == {
        "pin": 36,
        "line": 16,
        "what": "EVSE 1 contactor K1",
        "output": True,
    }
    drawing = tmp_path / "o.svg"
    assert board("draw", "reference", "--svg", str(drawing)).returncode == 0
    ElementTree.parse(drawing)
    assert board("config-txt", "reference").stdout.splitlines() == boot_lines(load_board("reference", RUN))


@pytest.mark.wire
def test_the_command_fails_in_one_line_for_each_mistake(tmp_path: Path) -> None:
    failed = board("draw", "reference", "--svg", "/no/such/o.svg")
    assert failed.returncode == 5 and failed.stderr == "pilotline: /no/such/o.svg: no such file or directory\n"
    bad = tmp_path / "b.toml"
    bad.write_text(REFERENCE.replace("pin = 13", "pin = 2").replace("phases = 3", "phases = 2"))
    wrong = board("check", str(bad))
    assert wrong.returncode == 3 and "Traceback" not in wrong.stderr
    assert [re.search(r"\] (\w+) = 2: ", line)[1] for line in wrong.stderr.splitlines()] == ["phases", "pin", "pin"]  # type: ignore[index]
    assert board("config-txt", "mock").returncode == 2


@pytest.mark.wire
def test_a_board_that_the_mock_bench_cannot_play_is_refused_and_what_it_leaves_alone_is_a_note(tmp_path: Path) -> None:
    wired = tmp_path / "wired.toml"
    wired.write_text(REFERENCE.replace("[board]\n", "[board]\nbench = true\n"))
    failed = board("check", str(wired))
    rule = "the mock bench needs exactly one bus of type 'gpio_page', not 0; the bench plays copies of mock.toml"
    assert (failed.returncode, failed.stderr) == (3, f"pilotline: {wired} [board] bench = true: {rule}\n")
    other_meter = tmp_path / "mock.toml"
    other_meter.write_text((boards_directory() / "mock.toml").read_text().replace('"sdm630"', '"sdm120"', 1))
    passed = board("check", str(other_meter))
    assert passed.returncode == 0 and "the mock bench plays no meter 'sdm120'" in passed.stdout.splitlines()[0]
    assert board("check", "mock").stdout.startswith("OK: mock")


def test_the_table_of_wires_is_in_the_order_of_the_pins() -> None:
    rows = wiring_table(load_board("reference", RUN)).splitlines()[2:]
    pins = [int(row.split("|")[1]) for row in rows if row.split("|")[1].strip() != "-"]
    assert pins == sorted(pins) and len(pins) == 19
    assert rows[-1] == "| - | - | - | EVSE 1 meter | `/dev/ttyUSB0` |"
