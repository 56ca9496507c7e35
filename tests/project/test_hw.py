"""What hw/docs and hw/overlays tell a hardware maker is what the board files and the code do. Numbers drift; these do not."""

from __future__ import annotations

import dataclasses
import importlib.util
import math
import re
import shutil
import struct
import subprocess
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree

import pytest

from controller.bringup import judge
from controller.bringup.walk import DROPS_S, LOCK_PULSE_S, TEST_DUTY_PCT
from controller.cli.board_draw import wiring_table
from controller.cli.board_svg import header_svg
from controller.cli.main import main
from controller.config import board_names, load_board
from controller.config.board import boards_directory
from controller.config.boot_lines import boot_lines
from controller.config.calibration import GAIN_OFF, GENERATOR_OFF_V, ZERO_OFF_V
from controller.config.header import FIXED_PULL_UPS, PIN_OF, PWM_CHIPS, SUPPLIES, sections_of, uses_of
from controller.config.pass_time import CONVERSION_MS, TRANSFER_MS, burst_time_ms
from controller.config.wiring_notes import DROP_INS
from controller.hal import LowPlateau
from controller.logic import contactor, lock, pilot, plateau, proximity, rcd, thermal
from controller.logic.duty import duty_for_current
from controller.logic.evse import PilotState
from drivers.pilot.coprocessor import FrameParser
from drivers.rfid.evdev import KeyboardReader
from drivers.watchdog.one_shot import OneShot
from hil.plant.one_shot import HOLD_S
from hil.plant.wiring import HOLD_TAU_S, REST_V, PeakHold

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "hw" / "docs"
OVERLAYS = ROOT / "hw" / "overlays"
RUN = Path("/run/pilotline")
REAL = tuple(name for name in board_names() if name != "mock")
REFERENCE = load_board("reference", RUN)


def text_of(name: str) -> str:
    return (DOCS / name).read_text()


def numbers(row: str, text: str) -> list[float]:
    """The numbers of a table's row that begins with this cell, one a cell."""
    found = re.search(rf"^\| {re.escape(row)} \|(.*)\|$", text, re.MULTILINE)
    assert found is not None, row
    return [float(number[0]) for cell in found[1].split("|") if (number := re.search(r"-?[\d.]+", cell))]


# --- wiring ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", REAL)
def test_a_wiring_table_is_that_of_its_board_file(name: str) -> None:
    table = wiring_table(load_board(name, RUN))
    assert f"## {name}\n\n{table}\n" in text_of("wiring.md"), f"renew it: pilotline board draw {name} --markdown"


def test_every_shipped_board_has_a_wiring_table() -> None:
    assert re.findall(r"^## (\S+)$", text_of("wiring.md"), re.MULTILINE) == list(REAL)


def test_config_txt_is_what_the_command_prints() -> None:
    assert "\n".join(["```", *boot_lines(REFERENCE), "```"]) in text_of("raspberry-pi.md")


@pytest.mark.parametrize("path", sorted(DOCS.glob("*.md")), ids=lambda path: path.name)
def test_a_pin_beside_its_line_is_the_right_one(path: Path) -> None:
    """Wherever a page says `GPIO17, pin 11` or `GPIO20 (pin 38)`."""
    for line, pin in re.findall(r"GPIO(\d+)[ ,(]+pin (\d+)", path.read_text()):
        assert PIN_OF[int(line)] == int(pin), f"GPIO{line} is pin {PIN_OF[int(line)]}"


def test_the_lines_that_the_gate_and_the_pilot_name_are_those_of_the_reference_board() -> None:
    lines = {use.what.removeprefix("EVSE 1 "): use.line for use in uses_of(sections_of(REFERENCE))}
    told = text_of("safety-gate.md") + text_of("pilot-driver.md") + text_of("gate.svg")
    for what, said in (
        ("contactor K1", "Enable, interposing relay, emergency stop\n\n* GPIO{}"),
        ("watchdog kick", "rising edge of GPIO{} "),
        ("CP_EN", "**CP_EN** (GPIO{}, "),
        ("CP_PWM", "`CP_PWM` (GPIO{}, "),
        ("RCD trip", "and to GPIO{} "),
        ("RCD test", "RCD_TEST (GPIO{}, "),
        ("RCD error", "RCD_ERR is GPIO{} "),
        ("mirror contact", "from GPIO{} (pin 15)"),
        ("auxiliary contact", "from GPIO{} (pin 16)"),
        ("phases K2", "(phases, GPIO{}, "),
        ("mains", "Mains present (GPIO{}, "),
        ("estop", "to GPIO{} (pin 29)"),
    ):
        assert said.format(lines[what]) in told, what


def test_the_lines_of_the_gpio_rules_are_those_of_the_checks() -> None:
    text = text_of("raspberry-pi.md")
    assert "**GPIO9 to GPIO27 pull down, GPIO0 to GPIO8 pull up**" in text
    assert all(f"GPIO{line}" in text for line in FIXED_PULL_UPS)
    for line in (12, 13, 18, 19):
        assert numbers(f"channel of GPIO{line}", text) == [channels[line] for _, channels in PWM_CHIPS.values()]
    assert re.findall(r"`([0-9a-f]+\.pwm)`", text) == list(PWM_CHIPS)


# --- the pilot ------------------------------------------------------------------------------------------------------------


def test_the_bands_are_those_of_the_machine() -> None:
    text = text_of("pilot-driver.md")
    for state in (PilotState.A, PilotState.B, PilotState.C, PilotState.D, PilotState.E, PilotState.F):
        low, high = plateau.STRICT_V[state]
        assert re.search(rf"^\| {state}\b.*\| {low:g} to {high:g} V \|$", text, re.MULTILINE), state
    low, high = plateau.LOW_PLATEAU_V
    assert f"low plateau must be {low:g} to {high:g} V" in text


def test_the_divider_is_that_of_the_boards() -> None:
    text = text_of("pilot-driver.md")
    cp_v = numbers("V_cp", text)
    for name in REAL:
        sense = load_board(name, RUN).evses[0].pilot_sense.settings
        assert f"scale = {sense.scale}, offset_v = {sense.offset_v}" in text
        assert numbers("V_adc", text) == [pytest.approx((volts + sense.offset_v) / sense.scale) for volts in cp_v]


def test_the_resistors_named_make_that_divider() -> None:
    text, sense = text_of("pilot-driver.md"), REFERENCE.evses[0].pilot_sense.settings
    found = re.search(r"([\d.]+) kΩ from CP, ([\d.]+) kΩ to 3\.3 V, ([\d.]+) kΩ to ground", text)
    assert found is not None
    cp, up, down = (1 / float(ohms) for ohms in found.groups())
    errors = [
        abs((volts * cp + 3.3 * up) / (cp + up + down) * sense.scale - sense.offset_v - volts) for volts in (-12, 12)
    ]
    told = re.search(r"at most ([\d.]+) V off", text)
    assert told is not None and max(errors) <= float(told[1]) < 0.1


def test_the_hold_circuit_has_the_time_constant_of_the_plant() -> None:
    text = text_of("pilot-driver.md")
    found = re.search(r"\*\*(\d+) nF, (\d+) kΩ\*\*: τ = (\d+) ms", text)
    assert found is not None
    farad, ohm, tau_ms = (float(group) for group in found.groups())
    assert farad * 1e-9 * ohm * 1e3 == pytest.approx(HOLD_TAU_S) == pytest.approx(tau_ms / 1000)
    drawn = text_of("hold.svg")
    assert (
        drawn.count(f">{farad:g} nF film<") == drawn.count(f">{ohm:g} k<") == 2 and f"constant {tau_ms:g} ms" in drawn
    )


def test_the_hold_circuit_rests_at_0_v_of_pilot() -> None:
    text, sense = text_of("pilot-driver.md"), REFERENCE.evses[0].pilot_sense.settings
    found = re.search(r"both 100 kΩ go to ([\d.]+) V, which is 0 V of pilot: (\d+) kΩ and (\d+) kΩ", text)
    assert found is not None
    rest_v, up, down = (float(group) for group in found.groups())
    assert rest_v == pytest.approx(3.3 * down / (up + down)) == pytest.approx((REST_V + sense.offset_v) / sense.scale)
    assert f">{rest_v:g} V: 0 V of pilot,<" in text_of("hold.svg")
    off_v = max(abs(3.3 / (1 + 0.99 / 1.01) - rest_v), abs(3.3 / (1 + 1.01 / 0.99) - rest_v)) * sense.scale
    assert "0 V (±0.15 V)" in text and off_v < 0.15


def test_each_held_channel_shows_its_own_half_of_the_pilot() -> None:
    """As the mock bench's do."""
    text = text_of("pilot-driver.md")
    plateaus = {
        "steady +12 V (X1) in A, B, C": ("12, 9, 6 V", (12.0,)),
        "steady -12 V (F)": ("", (-12.0,)),
        "PWM in A, B, C": ("12, 9, 6 V", (12.0, -12.0)),
        "CP_EN off, or CP at PE": ("", (0.0,)),
    }
    for driven, (told, volts) in plateaus.items():
        high, low = PeakHold(True, REST_V, 0.0), PeakHold(False, REST_V, 0.0)
        high.drive(max(volts), 0.0)
        low.drive(min(volts), 0.0)
        high_v, low_v = high.curve.value(1.0), low.curve.value(1.0)
        assert f"| {driven} | {told or f'{high_v:g} V'} | {low_v:g} V |" in text


def test_the_times_of_the_hold_circuit_are_those_of_its_time_constant() -> None:
    text = text_of("pilot-driver.md")

    def falls_ms(from_v: float, to_v: float) -> float:
        return HOLD_TAU_S * 1000 * math.log(from_v / to_v)

    assert f"B → C (9 → 6 V) takes\n  {falls_ms(9, 6):.0f} ms, C → E (6 → 1 V) {falls_ms(6, 1):.0f} ms" in text
    assert f"leaves its band {falls_ms(12, 11):.0f} ms later" in text


def test_rails_and_driver_together_keep_the_generator_s_tolerance() -> None:
    text = text_of("pilot-driver.md")
    found = re.search(r"Rails of ([\d.]+) to ([\d.]+) V, and a driver that loses at most ([\d.]+) V", text)
    assert found is not None
    low_v, high_v, lost_v = (float(group) for group in found.groups())
    assert (low_v - lost_v, high_v) == pytest.approx((12 - GENERATOR_OFF_V, 12 + GENERATOR_OFF_V))
    for page in ("bom.md", "bring-up.md"):
        assert f"{low_v} to {high_v} V each" in text_of(page), page


def test_what_calibration_refuses_is_what_the_page_says() -> None:
    text = " ".join(text_of("pilot-driver.md").split())
    told = (
        f"a pilot more than {GENERATOR_OFF_V} V from ±12 V (mend the supply); a scale more than {GAIN_OFF * 100:.0f} %"
    )
    assert f"{told}, or a zero more than {ZERO_OFF_V:g} V, from the board file's" in text


def test_the_thermistor_s_volts_are_those_of_the_driver() -> None:
    text = text_of("pilot-driver.md").split("## Temperature")[1]
    section = REFERENCE.evses[0].temperature
    assert section is not None
    settings = section.settings
    told = f"of {settings.nominal_ohm / 1000:.0f} kΩ (B {settings.beta_k:.0f}) to ground at channel {settings.channel}"
    assert f"{told}, **{settings.pull_up_ohm / 1000:.0f} kΩ 1 %** from {settings.supply_v} V" in text
    celsius = numbers("°C", text)
    assert celsius[2:] == [thermal.DERATE_C, thermal.STOP_C]
    ohms = [settings.nominal_ohm * math.exp(settings.beta_k * (1 / (each + 273.15) - 1 / 298.15)) for each in celsius]
    volts = [settings.supply_v * each / (each + settings.pull_up_ohm) for each in ohms]
    assert numbers("V at the NTC", text) == [pytest.approx(each, abs=0.001) for each in volts]


def test_conversions_in_series_are_those_of_the_rule() -> None:
    needed_ms = 3 * (CONVERSION_MS["ads1115"] + TRANSFER_MS)
    assert f"Three conversions in series on one take {needed_ms:.1f} ms" in text_of("pilot-driver.md")


def test_a_burst_takes_as_long_as_is_said() -> None:
    sense = load_board("reference-spi", RUN).evses[0].pilot_sense
    told = f"a burst of {sense.settings.samples} samples, about {burst_time_ms(sense):.0f} ms"
    assert told in text_of("pilot-driver.md")


def test_the_channels_of_the_spi_board_are_those_that_are_told() -> None:
    text, evse = text_of("pilot-driver.md"), load_board("reference-spi", RUN).evses[0]
    assert evse.proximity is not None and evse.temperature is not None
    sense = evse.pilot_sense.settings
    assert f"pilot at CH{sense.channel} (`channel = {sense.channel}`)" in text
    assert f"the regulator's {sense.reference_v} V (`reference_v = {sense.reference_v}`)" in text
    assert (
        f"ADS1015: {evse.proximity.settings.channel} proximity, {evse.temperature.settings.channel} temperature" in text
    )


def test_the_keyboard_reader_s_keys_and_drop_in_are_those_there_are() -> None:
    row = next(line for line in text_of("wiring.md").splitlines() if line.startswith("| USB: keyboard reader"))
    keys = {field.name for field in dataclasses.fields(KeyboardReader.Settings)}
    assert {"device", "content", "radix"} <= keys and all(f"`{key}`" in row for key in ("device", "content", "radix"))
    assert ("reader", "keyboard", "station-keyboard.conf") in DROP_INS and "systemd/station-keyboard.conf" in row


def test_the_cable_codings_are_those_of_the_machine() -> None:
    text = text_of("pilot-driver.md")
    ohms, volts = numbers("PP to PE", text), numbers("V", text.split("## Proximity")[1])
    assert [proximity.coding_of(each).value for each in ohms] == [13, 20, 32, 63]
    divider = REFERENCE.evses[0].proximity
    assert divider is not None
    settings = divider.settings
    share = [each / (each + settings.pull_up_ohm) for each in (*ohms, proximity.EMPTY_ABOVE_OHM)]
    assert volts == [pytest.approx(settings.supply_v * each, abs=0.002) for each in share]


# --- gate and bring-up ----------------------------------------------------------------------------------------------------


def test_the_one_shot_s_parts_give_a_time_that_the_promise_allows() -> None:
    text = text_of("safety-gate.md")
    found = re.search(r"\*\*(\d+) kΩ and (\d+) µF film, 5 %\*\*: 0\.45·R·C = (\d+) ms", text)
    assert found is not None
    kilohm, microfarad, told_ms = (float(group) for group in found.groups())
    assert told_ms == pytest.approx(0.45 * kilohm * microfarad, abs=1)
    window = re.search(r"\*\*(\d+) to (\d+) ms\*\*", text)
    assert window is not None
    low_ms, high_ms = (float(group) for group in window.groups())
    assert low_ms < told_ms < high_ms <= HOLD_S * 1000
    assert "one edge that counts" in (OneShot.kick.__doc__ or "") and "rising edge every 20 ms" in text
    assert f"{low_ms:.0f} to {high_ms:.0f} ms" in text_of("bom.md")
    assert f"on for {low_ms:.0f} to {high_ms:.0f} ms" in text_of("bring-up.md")


def test_times_of_the_gate_are_those_of_the_machine() -> None:
    text = text_of("safety-gate.md")
    for told in (
        f"for {rcd.PULSE_S * 1000:.0f} ms with the contactor",
        f"by {rcd.TRIPPED_BY_S} s and be gone by {rcd.RELEASED_BY_S} s",
        f"more than {rcd.GOOD_FOR_S / 3600:.0f} h old",
        f"for {contactor.MISMATCH_S * 1000:.0f} ms after {contactor.SETTLE_S * 1000:.0f} ms to settle",
        f"{pilot.RECLOSE_S:.0f} s between two closes, at most {pilot.CLOSES} in {pilot.CLOSES_PER_S / 60:.0f} minutes",
        f"one stroke of the lock ({lock.PULSE_MOST_S} s)",
    ):
        assert told in text, told


def test_parts_have_the_limits_of_the_machine() -> None:
    text = text_of("bom.md")
    assert f"derates at {thermal.DERATE_C:.0f} °C, stops at {thermal.STOP_C:.0f} °C" in text
    assert f"pulse {lock.PULSE_LEAST_S * 1000:.0f}–{lock.PULSE_MOST_S * 1000:.0f} ms" in text
    assert lock.PULSE_LEAST_S <= LOCK_PULSE_S <= lock.PULSE_MOST_S


def test_what_bring_up_expects_is_what_the_command_judges() -> None:
    text = text_of("bring-up.md")
    low, high = plateau.STRICT_V[PilotState.A]
    assert f"{low:.1f} to {high:.1f} V" in text
    low, high = plateau.STRICT_V[PilotState.F]
    assert f'"pilot -12 V" | {low:.1f} to {high:.1f} V' in text
    assert f"{judge.MAINS_V[0]:.0f} to {judge.MAINS_V[1]:.0f} V each" in text
    assert (
        f"trips by {rcd.TRIPPED_BY_S} s (of two outputs the first by {rcd.FIRST_BY_S:.2f} s), releases by {rcd.RELEASED_BY_S} s"
        in text
    )
    assert f"opens within {DROPS_S * 1000:.0f} ms" in text and f"open within {DROPS_S:g} s, as in step 10" in text
    for state in ("B", "C"):
        low, high = plateau.STRICT_V[PilotState(state)]
        assert f"{low:g} to {high:g} V" in next(line for line in text.splitlines() if f'"pilot in {state}"' in line)


def test_every_step_that_bring_up_quotes_is_one_of_the_command() -> None:
    quoted = set(re.findall(r'"(pilot [^"]+)"', text_of("bring-up.md")))
    board = REFERENCE.evses[0]
    steps = set(re.findall(r'"(pilot [+-]12 V)", self\._steady', (ROOT / "controller/bringup/walk.py").read_text()))
    steps |= {judge.pulsed(board, PilotState(each), judge.Line(0.0)).step for each in "AB"}
    steps |= {judge.with_vehicle(board, PilotState(each), 0.0).step for each in "BC"}
    duty = judge.duty(board, TEST_DUTY_PCT, judge.Line(0.0))
    assert quoted == steps | {duty.step}
    assert f'"{duty.step}" | {TEST_DUTY_PCT:g} ±{pilot.DUTY_OFF_PCT:g} % where the front end measures it' in text_of(
        "bring-up.md"
    )
    assert f"`{duty.verdict}` is right with a hold circuit" in text_of("bring-up.md")


def test_the_times_from_the_last_kick_to_the_open_contact_add_up_on_every_page() -> None:
    gate, bring_up = text_of("safety-gate.md"), text_of("bring-up.md")
    found = re.search(r"(\d+) ms, the relay's (\d+) and the contactor's (\d+) make \*\*(\d+) ms\*\*", gate)
    assert found is not None
    hold_ms, relay_ms, contactor_ms, open_ms = (int(group) for group in found.groups())
    assert hold_ms == HOLD_S * 1000 and hold_ms + relay_ms + contactor_ms == open_ms < DROPS_S * 1000
    assert f"K1 has let go by {hold_ms + relay_ms} ms: the 250 ms" in gate and hold_ms + relay_ms <= 250
    assert "no kick ⇒ open ≤ 250 ms" in (ROOT / "docs" / "safety-case.md").read_text()
    assert f"relay {relay_ms}, contactor 20 to {contactor_ms}." in gate and f"{relay_ms} ms is the budget" in gate
    assert f"within {DROPS_S * 1000:.0f} ms: {open_ms} and the looking" in bring_up
    assert f"releases within {relay_ms} ms" in text_of("bom.md") and f"within {contactor_ms} ms" in text_of("bom.md")


def test_the_pins_to_look_at_before_a_program_runs_are_the_outputs_of_the_reference_board() -> None:
    [levels] = [line for line in boot_lines(REFERENCE) if line.startswith("gpio=")]
    lines = levels.removeprefix("gpio=").removesuffix("=op,dl").split(",")
    pins = ", ".join(str(pin) for pin in sorted(PIN_OF[int(line)] for line in lines))
    assert f"| pins {pins}, as far as wired | < 0.4 V" in text_of("bring-up.md")


def test_the_gate_has_a_supply_that_is_not_the_pi_s() -> None:
    """Steps 3 and 4 try it without a Pi."""
    assert [pin for pin, volts in SUPPLIES.items() if volts.startswith("3.3")] == [1, 17]
    assert "pins 1 and 17, stay unconnected" in text_of("safety-gate.md")
    assert "pins 1 and 17 open" in text_of("bring-up.md") and "Pins 1 and 17 stay free" in text_of("wiring.md")
    assert "| Regulator 3.3 V 1 %" in text_of("bom.md") and "3.27 to 3.33 V" in text_of("bring-up.md")


def test_the_lines_of_two_trip_outputs_are_those_of_the_reference_file_s_end() -> None:
    end = (boards_directory() / "reference.toml").read_text()
    lines = [int(each) for each in re.findall(r"^# trip_(?:6|30)ma_pin = (\d+)$", end, re.MULTILINE)]
    gate = text_of("safety-gate.md")
    assert f"GPIO{lines[0]} (pin {PIN_OF[lines[0]]})\n  and GPIO{lines[1]} (pin {PIN_OF[lines[1]]})" in gate
    assert f"Two trip outputs: pins {PIN_OF[lines[0]]} and {PIN_OF[lines[1]]}" in text_of("wiring.md")
    assert f"the first must show by {rcd.FIRST_BY_S:.2f} s, both by {rcd.TRIPPED_BY_S} s" in gate
    leds = [PIN_OF[int(each)] for each in re.findall(r"^# (?:red|green|blue)_pin = (\d+)$", end, re.MULTILINE)]
    assert "pins {} (red), {} (green), {} (blue)".format(*leds) in text_of("wiring.md")


def test_the_co_processor_s_example_is_a_whole_frame() -> None:
    found = re.search(r"in hex: `([0-9A-F ]+)`", text_of("coprocessor.md"))
    assert found is not None
    [frame] = FrameParser().feed(bytes.fromhex(found[1]))
    assert (frame.sequence, frame.state, frame.low, frame.duty_pct) == (7, PilotState.B, LowPlateau.NEGATIVE, 26.5)


@pytest.mark.parametrize("page", ["hw/docs/bring-up.md", "hw/docs/pilot-driver.md", "README.md"])
def test_a_command_that_a_page_shows_has_the_options_that_it_shows(
    page: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (ROOT / page).read_text()
    shown = re.findall(r"pilotline ((?:board|config) [a-z-]+|bringup)([^`|\n]*)", text)
    assert shown
    for words, rest in shown:
        assert main([*words.split(), "--help"]) == 0, words
        help_text = capsys.readouterr().out
        assert all(option in help_text for option in re.findall(r"--[a-z]+", rest)), (words, rest)


def test_what_a_multimeter_shows_is_the_mean_of_the_pwm() -> None:
    text = text_of("bring-up.md")
    amps, duty = numbers("Current", text), numbers("Duty", text)
    assert duty == [pytest.approx(duty_for_current(each), abs=0.05) for each in amps] and TEST_DUTY_PCT in duty
    for row, high_v in (("in A", 12), ("in B", 9), ("in C", 6)):
        shown = numbers(row, text)
        assert shown == [pytest.approx(share / 100 * (high_v + 12) - 12, abs=0.06) for share in duty]


# --- drawings, links, overlays --------------------------------------------------------------------------------------------


def diagrams() -> ModuleType:
    spec = importlib.util.spec_from_file_location("diagrams", DOCS / "diagrams.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_drawings_are_what_the_script_draws() -> None:
    drawn = {f"{name}.svg": draw().svg() for name, draw in diagrams().ALL.items()}
    drawn |= {
        f"header-{name}.svg": header_svg(load_board(name, RUN)) for name in REAL
    }  # pilotline board draw NAME --svg FILE
    assert {path.name: path.read_text() for path in DOCS.glob("*.svg")} == drawn, "python hw/docs/diagrams.py"
    for svg in drawn.values():
        ElementTree.fromstring(svg)


@pytest.mark.parametrize("path", [*sorted(DOCS.glob("*.md")), OVERLAYS / "README.md"], ids=lambda path: path.name)
def test_every_link_of_a_page_leads_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", path.read_text()):
        assert (path.parent / target).exists(), target


def test_the_readme_leads_to_the_pages_and_they_to_each_other() -> None:
    readme = (ROOT / "README.md").read_text()
    assert readme.count("hw/docs") >= 2
    for path in DOCS.glob("*.md"):
        assert path.name == "README.md" or f"]({path.name})" in text_of("README.md"), path.name


def cells(source: str, key: str) -> list[int]:
    found = re.search(rf"{key} = <([\d ]+)>", source)
    assert found is not None, key
    return [int(each) for each in found[1].split()]


def test_the_overlays_lines_are_those_of_the_reference_board() -> None:
    uses = [use for use in uses_of(sections_of(REFERENCE)) if use.is_output and use.chip]
    pwm = next(use.line for use in uses if use.what.endswith("CP_PWM"))
    older = (OVERLAYS / "pilotline-reference.dts").read_text()
    outputs, switch = older.split("pilotline_pwm: ")[:2]
    lines = cells(outputs, "brcm,pins")
    assert set(lines) == {use.line for use in uses} - {pwm}
    assert cells(outputs, "brcm,function") == cells(outputs, "brcm,pull") == [1] * len(lines)  # output; pulled down
    assert (cells(switch, "brcm,pins"), cells(switch, "brcm,function"), cells(switch, "brcm,pull")) == ([pwm], [4], [1])
    assert f'pins = "gpio{pwm}"' in (OVERLAYS / "pilotline-reference-pi5.dts").read_text()


@pytest.mark.parametrize("source", sorted(OVERLAYS.glob("*.dts")), ids=lambda path: path.stem)
def test_an_overlay_compiles(source: Path, tmp_path: Path) -> None:
    dtc = shutil.which("dtc")
    if dtc is None:
        pytest.skip("dtc is not installed: apt install device-tree-compiler")
    blob = tmp_path / "x.dtbo"
    done = subprocess.run(
        [dtc, "-@", "-I", "dts", "-O", "dtb", "-o", blob, source], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    magic, size = struct.unpack(">II", blob.read_bytes()[:8])
    assert (magic, size) == (0xD00DFEED, blob.stat().st_size)
