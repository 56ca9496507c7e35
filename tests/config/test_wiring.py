"""What the hardware does not allow although each key is right by itself: one line each, naming key, rule and way out."""

from __future__ import annotations

import random
import re
from pathlib import Path
from typing import Any

import pytest

from controller.cli.board_draw import drawn, wiring_table
from controller.cli.board_svg import header_svg
from controller.config import BoardConfig, ConfigError, DeviceSection, load_board
from controller.config.board import SOCKET_TYPES, TETHERED_TYPES, boards_directory
from controller.config.boot_lines import boot_lines
from controller.config.header import sections_of, uses_of
from controller.config.reader import Mistakes
from controller.config.wiring import CONNECTOR_A, check_wiring
from controller.config.wiring_notes import DROP_INS, wiring_notes
from controller.logic.duty import MOST_A
from controller.logic.proximity import Coding, rating_a
from drivers.bus.spi import SpidevBus
from drivers.pilot.sar_burst import SarBurst

ROOT = Path(__file__).parents[2]
RUN = Path("/run/pilotline")
REFERENCE = (boards_directory() / "reference.toml").read_text()
MAINS = '[mains]\ntype = "gpio"\npin = 13'
ESTOP = '[estop]\ntype = "gpio"\npin = 5\npull = "up"'
FREE = "GPIO9, 10, 11, 4, 6, 7, 8 are free"
UART = 'port = "/dev/serial0"'


def load(tmp_path: Path, *changes: tuple[str, str], text: str = REFERENCE) -> BoardConfig:
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    (tmp_path / "b.toml").write_text(text)
    return load_board(str(tmp_path / "b.toml"), RUN)


def mistakes_of(tmp_path: Path, *changes: tuple[str, str], text: str = REFERENCE) -> list[str]:
    try:
        load(tmp_path, *changes, text=text)
    except ConfigError as error:
        return [mistake.replace(f"{tmp_path}/", "") for mistake in error.mistakes]
    return []


def moved(line: int, *more: str) -> tuple[str, str]:
    """The mains input on another line."""
    return (MAINS, "\n".join([MAINS.replace("13", str(line)), *more]))


RULES = {
    "I2C": (
        [moved(2, 'pull = "up"', "active_low = true")],
        ["b.toml [mains] pin = 2: GPIO2 is bus i2c SDA (b.toml [bus.i2c] path); take another line: GPIO9, 10, 11, 13, 4, 6, 7, 8 are free"],
    ),
    "UART": (
        [moved(15)],
        ["b.toml [mains] pin = 15: GPIO15 is reader 1 RXD (b.toml [reader.1] port); take another line: GPIO9, 10, 11, 13, 4, 6, 7, 8 are free"],
    ),
    "UART, not used": ([moved(15), (UART, 'port = "/dev/ttyUSB1"')], []),
    "one UART by two names": (
        [('port = "/dev/ttyUSB0"', 'port = "/dev/ttyAMA0"')],
        ["b.toml [evse.1.meter] port: GPIO14 is reader 1 TXD (b.toml [reader.1] port); give one of them another port or bus"],
    ),
    "SPI": (
        [moved(10), ("[[reader]]", '[bus.spi]\ntype = "spidev"\n\n[[reader]]')],
        ["b.toml [mains] pin = 10: GPIO10 is bus spi MOSI (b.toml [bus.spi] path); take another line: GPIO13, 4, 6, 7 are free"],
    ),
    "second SPI select": ([moved(7), ("[[reader]]", '[bus.spi]\ntype = "spidev"\n\n[[reader]]')], []),
    "two selects of one SPI": (
        [("[[reader]]", '[bus.a]\ntype = "spidev"\n\n[bus.b]\ntype = "spidev"\npath = "/dev/spidev0.1"\n\n[[reader]]')],
        [],
    ),
    "PWM named": ([moved(12)], ["b.toml [evse.1.pilot_driver] pwm_pin = 12: the pin is already taken by b.toml [mains] pin = 12"]),
    "PWM not named": (
        [moved(12), ("pwm_pin = 12\n", "")],
        ["b.toml [mains] pin = 12: GPIO12 is EVSE 1 CP_PWM (b.toml [evse.1.pilot_driver] channel); take another line: GPIO9, 10, 11, 13, 4, 6, 7, 8 are free"],
    ),
    "an output is offered no line that pulls up at boot": (
        [(MAINS, MAINS + '\n\n[[indicator]]\ntype = "leds"\nred_pin = 14')],
        ["b.toml [indicator.1] red_pin = 14: GPIO14 is reader 1 TXD (b.toml [reader.1] port); take another line: GPIO9, 10, 11 are free"],
    ),
    "second header bus": (
        [("[bus.i2c]", '[bus.more]\ntype = "gpiochip"\n\n[bus.i2c]'), moved(16, 'gpio = "more"')],
        ["b.toml [mains] pin = 16: GPIO16 is EVSE 1 contactor K1 (b.toml [evse.1.contactor] pin); take another line: GPIO9, 10, 11, 13, 4, 6, 7, 8 are free"],
    ),
    "one I2C address": ([("[mains]", '[adc.more]\ntype = "ads1115"\nbus = "i2c"\naddress = 0x48\n\n[mains]')], ["b.toml [adc.more] address = 0x48: on the bus 'i2c' it is already that of b.toml [adc.one]"]),
    "another chip": ([("[bus.i2c]", '[bus.more]\ntype = "gpiochip"\nchip_label = "mcp23017"\n\n[bus.i2c]'), moved(16, 'gpio = "more"')], []),
    "free": ([moved(6)], []),
    "PWM line of another channel": (
        [("pwm_pin = 12", "pwm_pin = 13"), (MAINS, MAINS.replace("13", "6"))],
        [
            f"b.toml [evse.1.pilot_driver] pwm_pin = 13: on a {pi} GPIO13 is channel 1, not 0; take GPIO12"
            for pi in ("Pi 3 or Zero 2 W", "Pi 4", "Pi 5")
        ],
    ),
    "PWM of a Pi 5 alone": (
        [("pwm_pin = 12", "pwm_pin = 18"), ("lock_pin = 18", "lock_pin = 9")],
        ["b.toml [evse.1.pilot_driver] pwm_pin = 18: on a Pi 5 GPIO18 is channel 2, not 0; take GPIO12"],
    ),
    "PWM of a Pi 4 alone": (
        [("pwm_pin = 12", "pwm_pin = 18"), ("lock_pin = 18", "lock_pin = 9"), ("|1f00098000.pwm", "")], [],
    ),
    "no PWM line": (
        [("pwm_pin = 12", "pwm_pin = 9")],
        ["b.toml [evse.1.pilot_driver] pwm_pin = 9: GPIO9 has no hardware PWM; take GPIO12"],
    ),
    "no such channel": (
        [("channel = 0\npwm_pin = 12", "channel = 5")],
        ["b.toml [evse.1.pilot_driver] channel = 5: the header of a Pi 3 or Zero 2 W and Pi 4 and Pi 5 has no such channel"],
    ),
    "channel that only a Pi 5 has": (
        [("channel = 0\npwm_pin = 12", "channel = 2"), ("lock_pin = 18", "lock_pin = 9")],
        [
            f"b.toml [evse.1.pilot_driver] pwm_pin = 18: on a {pi} GPIO18 is channel 0, not 2; a board file for each model of Pi"
            for pi in ("Pi 3 or Zero 2 W", "Pi 4")
        ],
    ),
    "fixed pull-up": (
        [("\n[bus.i2c]\ntype = \"smbus\"\npath = \"/dev/i2c-1\"", "\n[bus.i2c]\ntype = \"smbus\"\npath = \"/dev/i2c-3\""), moved(2)],
        ['b.toml [mains] pin = 2: 1.8 kohm on the Pi hold it up, whatever pull = "down" says; take another line'],
    ),
    "broken e-stop wire": (
        [(ESTOP, ESTOP.replace('"up"', '"down"'))],
        ['b.toml [estop] pull = "down": a broken wire would read as not pressed with active_low = false; "up", and the contact wired for it'],
    ),
    "broken mains wire": (
        [moved(13, 'pull = "up"')],
        ['b.toml [mains] pull = "up": a broken wire would read as mains present with active_low = false; "down", and the contact wired for it'],
    ),
    "broken mirror wire": (
        [("mirror_pin = 22", 'mirror_pin = 22\ncontact_pull = "down"')],
        ['b.toml [evse.1.contactor] contact_pull = "down": a broken wire would read as contactor open with contact_active_low = true; "up", and the contact wired for it'],
    ),
    "broken feedback wire": (
        [("feedback_pin = 21", "feedback_pin = 21\nfeedback_active_low = false")],
        ['b.toml [evse.1.lock] feedback_pull = "up": a broken wire would read as locked with feedback_active_low = false; "down", and the contact wired for it'],
    ),
    "pulled outside": ([(ESTOP, ESTOP.replace('"up"', '"none"'))], []),
    "range of the converter": (
        [('address = 0x48', 'address = 0x48\nfull_scale_v = 2.048')],
        [
            "b.toml [evse.1.pilot_sense] scale = 8.0: the converter sees -13.2 to +3.2 V of the pilot, which goes from -13 to +13: states would overlap",
            "b.toml [evse.1.proximity] supply_v = 3.3: b.toml [adc.one] full_scale_v = 2.048 ends below it: an open contact could not be told",
            "b.toml [evse.1.temperature] supply_v = 3.3: b.toml [adc.one] full_scale_v = 2.048 ends below it: an open contact could not be told",
        ],
    ),
    "range below": (
        [("offset_v = 13.2", "offset_v = 10")],
        ["b.toml [evse.1.pilot_sense] offset_v = 10.0: the converter sees -10.0 to +22.8 V of the pilot, which goes from -13 to +13: states would overlap"],
    ),
    "period too short for the bus": (
        [('name = "reference"', 'name = "reference"\nperiod_ms = 5')],
        ['b.toml [evse.1.pilot_sense] adc = "one": 2 conversions in series take 5.2 ms of a period of 5, at most 3.8; period_ms = 7 in [board]'],
    ),
    "parity of the mini-UART": (
        [('port = "/dev/ttyUSB0"', 'port = "/dev/ttyS0"\nparity = "E"'), (UART, 'port = "/dev/ttyUSB1"')],
        ['b.toml [evse.1.meter] parity = "E": the mini-UART has no parity; dtoverlay=disable-bt and /dev/ttyAMA0, or a USB adapter'],
    ),
    "too much for the connector": (
        [("hardware_max_a = 32", "hardware_max_a = 80")],
        ["b.toml [evse.1] hardware_max_a = 80.0: a sType2 carries at most 63 A on 3 phases"],
    ),
    "phases the connector has not": (
        [("sType2", "s309-1P-16A")], ["b.toml [evse.1] phases = 3: a s309-1P-16A has one phase"],
    ),
    "over-current beyond the converter": (
        [("[evse.meter]", '[evse.phase_sense]\ntype = "rms"\nadc = "two"\ncurrent_channels = [0, 1, 2]\namps_per_volt = 10\n\n[evse.meter]'),
         ("[watchdog]", '[adc.two]\ntype = "ads1115"\naddress = 0x49\n\n[watchdog]')],
        ["b.toml [evse.1.phase_sense] amps_per_volt = 10.0: the converter ends at 41 A, and over-current is judged up to 48 A; a smaller burden"],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "mistakes"), RULES.values(), ids=RULES)
def test_what_the_hardware_does_not_allow(tmp_path: Path, changes: list[tuple[str, str]], mistakes: list[str]) -> None:
    assert mistakes_of(tmp_path, *changes) == mistakes


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    """Those of single keys and those between devices."""
    found = mistakes_of(tmp_path, moved(15), ("phases = 3", "phases = 2"), ("pwm_pin = 12", "pwm_pin = 9"))
    assert [re.search(r"\] (\w+)", line)[1] for line in found] == ["phases", "pin", "pwm_pin"]  # type: ignore[index]


def two_pilots(adc: str) -> str:
    """Two attached cables; the second one's pilot on this converter."""
    bare = re.sub(r"\[evse\.(temperature|proximity|lock|residual|meter)\]\n(?:[^\[\n]*\n)*", "", REFERENCE)
    bare = bare.replace("hardware_max_a = 32", 'cable_a = 32\nupstream_rcd = "F1"\nhardware_max_a = 32')
    bare = (
        bare.replace("tethered = false", "tethered = true").replace("sType2", "cType2").replace("pin = 13", "pin = 8")
    )
    start, end = bare.index("[[evse]]"), bare.index("[[reader]]")
    second = bare[start:end]
    for old, new in (
        ("id = 1", "id = 2"),
        ("channel = 0\npwm_pin = 12\nenable_pin = 17", "channel = 1\npwm_pin = 13\nenable_pin = 9"),
        ('adc = "one"\nhigh_channel = 0\nlow_channel = 1', f'adc = "{adc}"\nhigh_channel = 2\nlow_channel = 3'),
        (
            "pin = 16\nphase_pin = 26\nmirror_pin = 22\nauxiliary_pin = 23",
            "pin = 10\nmirror_pin = 6\nauxiliary_pin = 7",
        ),
    ):
        assert old in second, old
        second = second.replace(old, new)
    more = '[adc.two]\ntype = "ads1115"\naddress = 0x49\n\n[watchdog]' if adc == "two" else "[watchdog]"
    return (bare[:end] + second + "\n" + bare[end:]).replace("[watchdog]", more, 1)


def test_two_pilots_in_series_on_one_converter_do_not_fit_a_period(tmp_path: Path) -> None:
    rule = "3 conversions in series take 7.9 ms of a period of 10, at most 7.5; give each a converter of its own"
    assert mistakes_of(tmp_path, text=two_pilots("one")) == [f'b.toml [evse.2.pilot_sense] adc = "one": {rule}']
    slower = ('name = "reference"', 'name = "reference"\nperiod_ms = 12')
    assert mistakes_of(tmp_path, slower, text=two_pilots("one")) == []
    quicker = ('[adc.one]\ntype = "ads1115"', '[adc.one]\ntype = "ads1015"')
    assert mistakes_of(tmp_path, quicker, text=two_pilots("one")) == []


def test_two_pilots_with_a_converter_each_convert_in_parallel(tmp_path: Path) -> None:
    assert mistakes_of(tmp_path, text=two_pilots("two")) == []
    shorter = ('name = "reference"', 'name = "reference"\nperiod_ms = 8')
    rule = "its converters take 6.6 ms of a period of 8, at most 6.0; period_ms = 9 in [board]"
    assert mistakes_of(tmp_path, shorter, text=two_pilots("two")) == [f'b.toml [adc.two] bus = "i2c": {rule}']


SPI = (boards_directory() / "reference-spi.toml").read_text()
STRIP = '[[indicator]]\ntype = "ws281x"\ncount = 12\n\n[[reader]]'


def test_a_burst_leaves_room_for_what_nothing_overlaps_with(tmp_path: Path) -> None:
    assert mistakes_of(tmp_path, text=SPI) == []
    rule = "a pass reads for 9.2 ms (bursts 4.0, conversions 5.2) of a period of 10, at most 7.5; period_ms = 13 in [board]"
    slower = ('type = "ads1015"', 'type = "ads1115"')
    assert mistakes_of(tmp_path, slower, text=SPI) == [f"b.toml [evse.1.pilot_sense] samples = 95: {rule}"]
    longer = ('name = "reference-spi"', 'name = "reference-spi"\nperiod_ms = 13')
    assert mistakes_of(tmp_path, slower, longer, text=SPI) == []


def test_a_strip_does_not_share_the_pilot_s_chip_select(tmp_path: Path) -> None:
    rule = "it is that of b.toml [evse.1.pilot_sense]; give one of them a [bus] with another chip select"
    assert mistakes_of(tmp_path, ("[[reader]]", STRIP), text=SPI) == [f'b.toml [indicator.1] bus = "spi": {rule}']


@pytest.mark.parametrize(
    ("second", "mistake"),
    [
        ({"channel": 1}, []),
        ({"channel": 0}, ["[evse.2.pilot_sense] channel = 0: the channel is already taken by [evse.1.pilot_sense]"]),
        (
            {"channel": 1, "speed_hz": 2_000_000},
            ["[evse.2.pilot_sense] speed_hz = 2000000: [evse.1.pilot_sense] has 1000000 on the same bus"],
        ),
        (
            {"channel": 1, "chip": "mcp3008"},
            [
                '[evse.2.pilot_sense] bus = "spi": it is that of [evse.1.pilot_sense]; give one of them a [bus] with another '
                "chip select"
            ],
        ),
    ],
    ids=["another channel", "same channel", "another clock", "another chip"],
)
def test_two_pilots_share_a_sar_converter_by_channel(second: dict[str, Any], mistake: list[str]) -> None:
    senses = [
        DeviceSection("pilot_sense", "sar_burst", f"EVSE {n}", f"[evse.{n}.pilot_sense]", SarBurst.Settings(**keys), n)
        for n, keys in ((1, {"channel": 0}), (2, second))
    ]
    mistakes = Mistakes("b.toml")
    check_wiring([DeviceSection("bus", "spidev", "spi", "[bus.spi]", SpidevBus.Settings()), *senses], 20, mistakes)
    assert mistakes.lines == mistake


def test_a_mangled_board_is_refused_or_used_and_never_a_crash(tmp_path: Path) -> None:
    dice = random.Random(20)
    words = (
        "0",
        "2",
        "12",
        "14",
        "18",
        "99",
        '"x"',
        "true",
        "[1]",
        '"down"',
        '"/dev/serial0"',
        '"w1"',
        '"ads1015"',
        '"held"',
    )
    used = 0
    for _ in range(150):
        lines = dice.choice((REFERENCE, SPI)).splitlines()
        for _ in range(dice.randint(1, 2)):
            place = dice.randrange(len(lines))
            key, equals, _ = lines[place].partition(" = ")
            lines[place] = f"{key} = {dice.choice(words)}" if equals else ""
        (tmp_path / "b.toml").write_text("\n".join(lines))
        try:
            board = load_board(str(tmp_path / "b.toml"), RUN)
        except ConfigError:
            continue
        used += 1
        wiring_notes(board), boot_lines(board), drawn(board, is_coloured=True), wiring_table(board), header_svg(board)
    assert used > 10


def test_the_range_of_a_sar_converter_is_that_of_its_reference(tmp_path: Path) -> None:
    lower = ("offset_v = 13.2", "offset_v = 13.2\nreference_v = 2.5")
    rule = "the converter sees -13.2 to +6.8 V of the pilot, which goes from -13 to +13: states would overlap"
    assert mistakes_of(tmp_path, lower, text=SPI) == [f"b.toml [evse.1.pilot_sense] scale = 8.0: {rule}"]


def test_every_connector_has_its_rating() -> None:
    assert set(CONNECTOR_A) == {*TETHERED_TYPES, *SOCKET_TYPES}
    type_2 = tuple(rating_a(Coding.AMPS_63, phases) for phases in (1, 3))
    assert CONNECTOR_A["cType2"] == CONNECTOR_A["sType2"] == type_2
    for name in ("s309-1P-16A", "s309-1P-32A", "s309-3P-16A", "s309-3P-32A"):
        phases, amps = (int(word[:-1]) for word in name.split("-")[1:])
        assert CONNECTOR_A[name] == (amps, amps if phases == 3 else 0)
    assert CONNECTOR_A["cType1"] == CONNECTOR_A["cTesla"] == (MOST_A, 0)


# --- notes ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "note"),
    [
        ([('[watchdog]\ntype = "one_shot"\npin = 20\n', "")], "there is no [watchdog]: after a crash nothing opens"),
        ([(ESTOP, "")], "there is no [estop]: "),
        ([(MAINS, "")], "there is no [mains]: "),
        ([("auxiliary_pin = 23\n", "")], "b.toml [evse.1.contactor]: no 'auxiliary_pin': "),
        (
            [(re.search(r"\[evse\.meter\]\n(?:.+\n)+", REFERENCE)[0], "")],  # type: ignore[index]
            "EVSE 1 has no meter: no energy is told, and an EV that draws too much is not seen",
        ),
        (
            [("lock_pin = 18", "lock_pin = 14"), (UART, 'port = "/dev/ttyUSB1"')],
            "b.toml [evse.1.lock] lock_pin = 14: a serial console drives it high at boot",
        ),
        ([moved(0)], "b.toml [mains] pin = 0: the firmware looks for a HAT there at boot"),
        (
            [
                moved(4),
                (re.search(r"\[evse\.temperature\]\n(?:.+\n)+", REFERENCE)[0], '[evse.temperature]\ntype = "w1"\n'),
            ],  # type: ignore[index]
            "b.toml [mains] pin = 4: GPIO4 is the usual line of 1-Wire",
        ),
        ([], 'b.toml [reader.1] port = "/dev/serial0": on a Pi 5 it is the debug connector'),
        ([], 'b.toml [evse.1.meter] port = "/dev/ttyUSB0": adapters may change places'),
    ],
    ids=["watchdog", "e-stop", "mains", "auxiliary", "meter", "console", "ID", "1-Wire", "serial0", "ttyUSB0"],
)
def test_what_a_file_cannot_settle_is_a_note(tmp_path: Path, changes: list[tuple[str, str]], note: str) -> None:
    notes = [line.replace(f"{tmp_path}/", "") for line in wiring_notes(load(tmp_path, *changes))]
    assert [line for line in notes if line.startswith(note)] != []


def test_a_front_end_that_the_units_do_not_let_in_is_a_note() -> None:
    notes = wiring_notes(load_board("reference-spi", RUN))
    assert (
        "reference-spi.toml [evse.1.pilot_sense]: as a service it needs systemd/safety-spi.conf (the README's installation)"
        in notes
    )
    assert not [note for note in wiring_notes(load_board("reference", RUN)) if "as a service" in note]
    install = (ROOT / "README.md").read_text()
    for _, _, file in DROP_INS:
        assert (ROOT / "systemd" / file).exists() and f"systemd/{file} " in install


def test_a_simulated_board_has_no_notes() -> None:
    assert wiring_notes(load_board("mock", RUN)) == []


def test_a_bus_that_config_txt_has_to_make_is_a_note(tmp_path: Path) -> None:
    panel = '[bus.panel]\ntype = "smbus"\npath = "/dev/i2c-3"\n\n[watchdog]'
    notes = [line.replace(f"{tmp_path}/", "") for line in wiring_notes(load(tmp_path, ("[watchdog]", panel)))]
    (note,) = [line for line in notes if "/dev/i2c-3" in line]
    assert note.startswith("b.toml [bus.panel]") and "dtoverlay=i2c-gpio,bus=3,i2c_gpio_sda=6,i2c_gpio_scl=7" in note
    assert note.endswith("; its lines are not checked here")


def test_the_lines_of_the_bus_for_hats_are_known_and_checked(tmp_path: Path) -> None:
    panel = '[bus.panel]\ntype = "smbus"\npath = "/dev/i2c-0"\n\n[watchdog]'
    board = load(tmp_path, ("[watchdog]", panel))
    assert {use.line for use in uses_of(sections_of(board)) if use.owner == "/dev/i2c-0"} == {0, 1}
    (note,) = [line for line in wiring_notes(board) if "/dev/i2c-0" in line]
    assert "dtparam=i2c_vc=on; on GPIO0 and GPIO1 the firmware looks for a HAT at boot" in note
    assert "not checked" not in note
    assert {"dtparam=i2c_vc=on", "force_eeprom_read=0"} <= set(boot_lines(board))
    with pytest.raises(ConfigError, match="GPIO0 is bus panel SDA"):
        load(tmp_path, ("[watchdog]", panel), moved(0))
