"""Board files: those we ship load; every mistake a board file can have is told in one line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from controller.config import BoardConfig, ConfigError, board_names, load_board
from controller.config.board import boards_directory
from controller.hal import setting
from tests.drivers.driver_rig import install_entry_points

RUN = Path("/run/pilotline")
REFERENCE = (boards_directory() / "reference.toml").read_text()


def changed(*changes: tuple[str, str]) -> str:
    text = REFERENCE
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    return text


def load(tmp_path: Path, text: str) -> BoardConfig:
    path = tmp_path / "b.toml"
    path.write_text(text)
    return load_board(str(path), RUN)


def mistakes_of(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    return [line.replace(f"{tmp_path}/", "") for line in caught.value.mistakes]


def test_the_shipped_boards_are_known_by_name() -> None:
    assert board_names() == ("mock", "reference", "reference-spi", "single-tethered", "three-phase-switching")


def test_the_mock_board_has_two_sockets_and_two_readers_on_the_bench() -> None:
    board = load_board("mock", RUN)
    assert board.bench
    assert [evse.id for evse in board.evses] == [1, 2]
    assert [reader.type for reader in board.readers] == ["pn532", "ascii_line"]
    assert board.evses[0].meter is not None
    assert board.evses[0].meter.settings.port == "/run/pilotline/bench/meter1"
    assert board.evses[0].meter.where == "mock.toml [evse.1.meter]"
    assert board.evses[1].lock is not None and board.evses[1].lock.where == "mock.toml [evse.2.lock]"


def test_the_reference_board_is_wired_as_the_wiring_table_says() -> None:
    board = load_board("reference", RUN)
    assert not board.bench
    evse = board.evses[0]
    assert evse.proximity and evse.lock and evse.residual and board.watchdog and board.mains
    assert (evse.contactor.settings.pin, evse.contactor.settings.phase_pin) == (16, 26)
    assert (evse.contactor.settings.mirror_pin, evse.contactor.settings.auxiliary_pin) == (22, 23)
    assert evse.pilot_driver.settings.enable_pin == 17
    assert (evse.lock.settings.lock_pin, evse.lock.settings.unlock_pin, evse.lock.settings.feedback_pin) == (18, 19, 21)
    residual = evse.residual.settings
    assert (residual.trip_pin, residual.test_pin, residual.error_pin) == (24, 25, 27)
    assert (board.watchdog.settings.pin, board.mains.settings.pin) == (20, 13)


def test_left_out_families_are_not_read(tmp_path: Path) -> None:
    text = changed(('type = "modbus"', 'type = "no such driver"'))
    path = tmp_path / "b.toml"
    path.write_text(text)
    board = load_board(str(path), RUN, without=("meter", "reader"))
    assert board.evses[0].meter is None and board.readers == ()


def test_a_tethered_board_needs_no_proximity_and_no_lock(tmp_path: Path) -> None:
    start, end = REFERENCE.index("[evse.proximity]"), REFERENCE.index("[evse.contactor]")
    text = REFERENCE[:start] + REFERENCE[end:]
    start, end = text.index("[evse.lock]"), text.index("[evse.residual]")
    text = text[:start] + text[end:]
    text = text.replace("tethered = false", "tethered = true\ncable_a = 20").replace("sType2", "cType2")
    board = load(tmp_path, text)
    assert board.evses[0].tethered and board.evses[0].cable_a == 20


@pytest.mark.parametrize(
    ("changes", "lines"),
    [
        (
            [("pin = 20", "pin = 16")],
            [
                "b.toml [evse.1.contactor] pin = 16: the pin is already taken by b.toml [watchdog] pin = 16",
            ],
        ),
        (
            [("pin = 20", "pin = 7")],
            ["b.toml [watchdog] pin = 7: GPIO0-8 pull up at boot and must not drive an output; take one of 9 to 27"],
        ),
        ([("pin = 20", "pin = 28")], ["b.toml [watchdog] pin = 28: must be a GPIO line 0 to 27 (BCM numbers)"]),
        (
            [("pin = 20\n", "")],
            ["b.toml [watchdog]: 'pin' is missing: Line of the kick; the one-shot is triggered by its rising edge."],
        ),
        ([("pin = 20", 'pin = "20"')], ['b.toml [watchdog] pin = "20": must be a whole number']),
        ([("pin = 20", "pni = 20\npin = 20")], ["b.toml [watchdog]: unknown key 'pni' - did you mean 'pin'?"]),
        (
            [('type = "one_shot"', 'type = "oneshot"')],
            ["b.toml [watchdog] type = \"oneshot\": no watchdog driver of type 'oneshot'; known types: one_shot"],
        ),
        ([('type = "one_shot"\n', "")], ["b.toml [watchdog]: 'type' is missing: it picks the driver"]),
        ([('type = "one_shot"', "type = 3")], ["b.toml [watchdog] type = 3: must be a text in quotes"]),
        ([("[watchdog]", "[wachdog]")], ["b.toml: unknown section 'wachdog' - did you mean 'watchdog'?"]),
        ([("[evse.meter]", "[evse.metre]")], ["b.toml [evse.1]: unknown key 'metre' - did you mean 'meter'?"]),
        ([("phases = 3", "phases = 2")], ["b.toml [evse.1] phases = 2: must be one of 1, 3"]),
        (
            [("hardware_max_a = 32", "hardware_max_a = 100")],
            ["b.toml [evse.1] hardware_max_a = 100: must be 6 to 80 A"],
        ),
        (
            [('adc = "one"', 'adc = "two"')],
            ["b.toml [evse.1.pilot_sense] adc = \"two\": unknown [adc] section 'two' (known: one)"],
        ),
        (
            [('bus = "i2c"', 'bus = "i2x"')],
            ["b.toml [adc.one] bus = \"i2x\": unknown [bus] section 'i2x' - did you mean 'i2c'?"],
        ),
        (
            [("[[evse]]\nid = 1", "[[evse]]\nid = 2")],
            ["b.toml [evse]: the ids are [2]: they must be 1, 2, 3 … without gap or double"],
        ),
        (
            [('port = "/dev/serial0"', 'port = "/dev/serial0"\nevse = 3')],
            ["b.toml [reader.1] evse = 3: must be the id of an [[evse]]: [1]"],
        ),
        (
            [('port = "/dev/serial0"', 'port = "/dev/ttyUSB0"')],
            ['b.toml [reader.1] port = "/dev/ttyUSB0": the port is already used by b.toml [evse.1.meter]'],
        ),
        (
            [("[watchdog]", '[adc.two]\ntype = "ads1015"\nbus = "i2c"\naddress = 0x48\n\n[watchdog]')],
            ["b.toml [adc.two] address = 0x48: on the bus 'i2c' it is already that of b.toml [adc.one]"],
        ),
        (
            [("low_channel = 1", "low_channel = 0")],
            [
                "b.toml [evse.1.pilot_sense] low_channel = 0: the channel is already taken by b.toml [evse.1.pilot_sense] "
                "high_channel = 0"
            ],
        ),
        (
            [("channel = 2", "channel = 1")],
            [
                "b.toml [evse.1.proximity] channel = 1: the channel is already taken by b.toml [evse.1.pilot_sense] "
                "low_channel = 1"
            ],
        ),
        (
            [('model = "sdm630"', 'model = "/no/map.toml"')],
            ["b.toml [evse.1.meter]: model = '/no/map.toml': /no/map.toml: No such file or directory"],
        ),
        (
            [("tethered = false", "tethered = true\ncable_a = 32"), ("sType2", "cType2")],
            [
                "b.toml [evse.1]: tethered = true: an attached cable has no [evse.proximity]; remove it",
                "b.toml [evse.1]: tethered = true: an attached cable has no [evse.lock]; remove it",
            ],
        ),
        (
            [("sType2", "cType2")],
            [
                'b.toml [evse.1] connector_type = "cType2": with tethered = false it must be one of '
                "sType2, sType3, s309-1P-16A, s309-1P-32A, s309-3P-16A, s309-3P-32A"
            ],
        ),
        (
            [("tethered = false", "tethered = false\nphase_switching = true"), ("phase_pin = 26\n", "")],
            [
                "b.toml [evse.1] phase_switching = true: needs phases = 3 and a phase relay: 'phase_pin' in "
                "[evse.contactor]"
            ],
        ),
        (
            [("tethered = false", 'tethered = false\nwake_up = "B"\nphase_wait_s = 5')],
            [
                'b.toml [evse.1] wake_up = "B": must be one of "off", "E", "F"',
                "b.toml [evse.1] phase_wait_s = 5: must be 10 to 600 s",
            ],
        ),
        (
            [
                (
                    '[evse.temperature]\ntype = "ntc"\nadc = "one"\nchannel = 3',
                    '[evse.temperature]\ntype = "ntc"\nadc = "one"\nchannel = 2',
                )
            ],
            [
                "b.toml [evse.1.temperature] channel = 2: the channel is already taken by b.toml [evse.1.proximity] channel = 2"
            ],
        ),
        (
            [
                (
                    '[evse.temperature]\ntype = "ntc"\nadc = "one"\nchannel = 3\npull_up_ohm = 10000\nsupply_v = 3.3',
                    '[evse.phase_sense]\ntype = "rms"\nadc = "one"\ncurrent_channels = [3, 2]\namps_per_volt = 16',
                )
            ],
            [
                "b.toml [evse.1.phase_sense] current_channels = [3, 2]: must name one channel a phase: 3",
                "b.toml [evse.1.phase_sense] current_channels = 2: the channel is already taken by b.toml [evse.1.proximity] "
                "channel = 2",
            ],
        ),
        (
            [("tethered = false", "tethered = false\ncable_a = 32")],
            ["b.toml [evse.1] cable_a = 32: only an attached cable has it; a socket reads PP"],
        ),
        (
            [("[board]\n", "[boarb]\n")],
            [
                "b.toml: unknown section 'boarb' - did you mean 'board'?",
                "b.toml: the section [board] with at least a name is missing",
                "b.toml [board]: 'name' is missing: The board's name.",
            ],
        ),
    ],
)
def test_a_mistake_is_told_in_one_line(tmp_path: Path, changes: list[tuple[str, str]], lines: list[str]) -> None:
    assert mistakes_of(tmp_path, changed(*changes)) == lines


def test_a_missing_residual_section_asks_for_the_upstream_device(tmp_path: Path) -> None:
    start, end = REFERENCE.index("[evse.residual]"), REFERENCE.index("[evse.meter]")
    text = REFERENCE[:start] + REFERENCE[end:]
    assert mistakes_of(tmp_path, text) == [
        "b.toml [evse.1]: no [evse.residual] is fitted: 'upstream_rcd' must name the residual-current device upstream"
    ]
    board = load(tmp_path, text.replace("phases = 3", 'phases = 3\nupstream_rcd = "F1, type B 30 mA"'))
    assert board.evses[0].residual is None


def test_missing_pilot_and_contactor_are_named(tmp_path: Path) -> None:
    assert mistakes_of(tmp_path, '[board]\nname = "x"\n[[evse]]\nid = 1\n') == [
        "b.toml [evse.1]: 'connector_type' is missing: ConnectorEnumType of OCPP 2.0.1.",
        "b.toml [evse.1]: 'tethered' is missing: Whether the cable is attached.",
        "b.toml [evse.1]: 'hardware_max_a' is missing: The most the wiring and contactor may carry.",
        "b.toml [evse.1]: 'phases' is missing: Phases wired to the connector.",
        "b.toml [evse.1]: the section [evse.pilot_driver] is missing",
        "b.toml [evse.1]: the section [evse.pilot_sense] is missing",
        "b.toml [evse.1]: the section [evse.contactor] is missing",
    ]


def test_a_mistake_in_a_bus_is_told_once_and_not_for_each_of_its_users(tmp_path: Path) -> None:
    assert mistakes_of(tmp_path, changed(("chip_label", "chip_lable"))) == [
        "b.toml [bus.gpio]: unknown key 'chip_lable' - did you mean 'chip_label'?"
    ]


def test_a_board_without_evse_is_refused(tmp_path: Path) -> None:
    assert mistakes_of(tmp_path, '[board]\nname = "x"\n') == ["b.toml: a board needs at least one [[evse]]"]


@pytest.mark.parametrize(
    ("name", "says"),
    [
        (
            "mokc",
            "board: unknown board 'mokc' - did you mean 'mock'?; a file of your own is given as a path ending in .toml",
        ),
        ("/no/such/board.toml", "/no/such/board.toml: cannot be read: no such file or directory"),
    ],
)
def test_a_board_that_cannot_be_found_is_named(name: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_board(name, RUN)
    assert caught.value.mistakes == (says,)


def test_two_evses_do_not_share_a_pwm_channel(tmp_path: Path) -> None:
    text = (boards_directory() / "mock.toml").read_text().replace("channel = 1\nenable_pin", "channel = 0\nenable_pin")
    assert mistakes_of(tmp_path, text) == [
        "b.toml [evse.2.pilot_driver] channel = 0: the channel is already taken by b.toml [evse.1.pilot_driver] channel = 0"
    ]


LIMIT = '[limit]\ntype = "gpio"\npin = 6\npull = "up"\n'
SPARE_BUS = '[bus.panel]\ntype = "smbus"\npath = "/dev/i2c-3"\n'


def test_a_limit_is_an_input_with_what_it_allows(tmp_path: Path) -> None:
    board = load(tmp_path, REFERENCE + LIMIT + "watts = 4200\n")
    assert board.limit is not None and (board.limit.amps, board.limit.watts) == (None, 4200.0)
    assert board.limit.contact.family == "input" and board.limit.contact.settings.pin == 6
    assert load_board("reference", RUN).limit is None


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (LIMIT, "b.toml [limit]: give either 'amps' or 'watts': what is allowed while the contact is active"),
        (
            LIMIT + "amps = 6\nwatts = 4200\n",
            "b.toml [limit]: give either 'amps' or 'watts': what is allowed while the contact is active",
        ),
        (LIMIT + "amps = -1\n", "b.toml [limit] amps = -1: must be 0 to 1000 A"),
        (LIMIT + "ams = 6\namps = 6\n", "b.toml [limit]: unknown key 'ams' (known: active_low, gpio, pin, pull)"),
        (
            LIMIT.replace("pin = 6", "pin = 13") + "amps = 6\n",
            "b.toml [limit] pin = 13: the pin is already taken by b.toml [mains] pin = 13",
        ),
    ],
)
def test_a_wrong_limit_is_told(tmp_path: Path, text: str, line: str) -> None:
    assert mistakes_of(tmp_path, REFERENCE + text) == [line]


def test_a_cable_is_let_go_without_mains_only_where_somebody_sees_the_mains(tmp_path: Path) -> None:
    allowed = ("id = 1\n", "id = 1\nunlock_on_mains_loss = true\n")
    assert load(tmp_path, changed(allowed)).evses[0].unlock_on_mains_loss
    assert not load_board("reference", RUN).evses[0].unlock_on_mains_loss
    [line] = mistakes_of(tmp_path, changed(allowed, ('[mains]\ntype = "gpio"\npin = 13\n', "")))
    assert line == (
        "b.toml [evse.1] unlock_on_mains_loss = true: needs the section [mains]: without it nobody knows when mains is absent"
    )


LEDS = '[[indicator]]\ntype = "leds"\nred_pin = 9\n'


def test_a_register_map_of_ones_own_lies_beside_the_board_file(tmp_path: Path) -> None:
    own = tmp_path / "my-meter.toml"
    own.write_text((Path(__file__).parents[2] / "drivers/meter/models/em24.toml").read_text())
    board = changed(('type = "modbus"\n', 'type = "modbus"\nmodel = "./my-meter.toml"\n'), ('model = "sdm630"\n', ""))
    meter = load(tmp_path, board).evses[0].meter
    assert meter is not None and meter.settings.model == str(own)
    own.write_text(own.read_text().replace("phases = 3", "phases = 4").replace("stop_bits = 1", "stop_bits = 5"))
    (line,) = mistakes_of(tmp_path, board)
    assert "my-meter.toml: phases = 4 is none of 1, 3; and 1 more: `pilotline meter check` tells all" in line


def test_a_pulse_meter_needs_its_constant_and_a_file(tmp_path: Path) -> None:
    start = REFERENCE.index("[evse.meter]")
    end = REFERENCE.find("\n[", start + 1)
    text = REFERENCE[:start] + '[evse.meter]\ntype = "pulse"\npin = 4\n' + REFERENCE[end:]
    lines = mistakes_of(tmp_path, text)
    assert ["'pulses_per_kwh' is missing" in lines[0], "'register' is missing" in lines[1]] == [True, True], lines
    good = text.replace("pin = 4\n", 'pin = 4\npulses_per_kwh = 1000\nregister = "./meter1.register"\n')
    meter = load(tmp_path, good).evses[0].meter
    assert meter is not None and meter.settings.register == str(tmp_path / "meter1.register")


def test_indicators_belong_to_an_evse_or_to_all(tmp_path: Path) -> None:
    oled = '[[indicator]]\ntype = "ssd1306"\nbus = "panel"\nlanguage = "de"\n'
    board = load(tmp_path, REFERENCE + SPARE_BUS + LEDS + "evse = 1\n" + oled)
    assert [(each.type, each.evse) for each in board.indicators] == [("leds", 1), ("ssd1306", None)]
    path = tmp_path / "b.toml"
    assert load_board(str(path), RUN, without=("indicator",)).indicators == ()


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (LEDS + "evse = 2\n", "b.toml [indicator.1] evse = 2: must be the id of an [[evse]]: [1]"),
        (
            LEDS.replace("red_pin = 9\n", ""),
            "b.toml [indicator.1]: needs at least one of 'red_pin', 'green_pin', 'blue_pin'",
        ),
        (
            LEDS.replace("9", "20"),
            "b.toml [indicator.1] red_pin = 20: the pin is already taken by b.toml [watchdog] pin = 20",
        ),
        (
            '[[indicator]]\ntype = "hd44780"\nbus = "i2c"\n',
            'b.toml [indicator.1] bus = "i2c": the bus is that of b.toml [adc.one]; give the display another '
            "(dtoverlay=i2c-gpio makes one)",
        ),
        (
            '[[indicator]]\ntype = "ssd1306"\nbus = "panel"\nlanguage = "xx"\n' + SPARE_BUS,
            'b.toml [indicator.1] language = "xx": must be one of "de", "en"',
        ),
    ],
)
def test_a_wrong_indicator_is_told(tmp_path: Path, text: str, line: str) -> None:
    assert mistakes_of(tmp_path, REFERENCE + text) == [line]


class Strict:
    """A driver of somebody else's whose Settings check themselves, and badly."""

    @dataclass(frozen=True)
    class Settings:
        path: str = setting("Path.", default="x")

        def __post_init__(self) -> None:
            raise KeyError(self.path)


def test_settings_of_a_stranger_s_driver_that_raise_are_a_mistake_of_their_section(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_entry_points(tmp_path / "site", monkeypatch, {"input.strict": f"{__name__}:Strict"})
    text = changed(('[mains]\ntype = "gpio"\npin = 13', '[mains]\ntype = "strict"\npath = "/run/ups"'))
    (line,) = mistakes_of(tmp_path, text)
    assert line.startswith("b.toml [mains]: input driver 'strict' (entry point input.strict = ")
    assert "its Settings raised KeyError: '/run/ups' at test_board.py line" in line
