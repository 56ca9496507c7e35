"""What the bench makes of a board file, and the boards it cannot play."""

import dataclasses

import pytest

from controller.config import load_board
from controller.config.board import boards_directory
from controller.hal import setting
from hil.bench.forward import Route
from hil.bench.layout import BenchError, Layout
from hil.bench.main import run
from tests.drivers.driver_rig import install_entry_points


@pytest.fixture
def board(tmp_path):
    return load_board("mock", tmp_path)


def test_every_line_of_the_mock_board_has_its_role(board):
    layout = Layout.of(board)
    roles = {(line.role, line.evse): line.pin for line in (*layout.outputs, *layout.inputs)}
    assert roles["kick", 0] == board.watchdog.settings.pin
    for evse in board.evses:
        assert roles["contactor", evse.id] == evse.contactor.settings.pin
        assert roles["cp_enable", evse.id] == evse.pilot_driver.settings.enable_pin
        assert roles["mirror_open", evse.id] == evse.contactor.settings.mirror_pin
    assert [reader.name for reader in layout.readers] == ["pn532", "line"]
    assert [(meter.address, meter.evse) for meter in layout.meters] == [(1, 1), (2, 2)]


def test_real_board_is_refused(tmp_path):
    with pytest.raises(
        BenchError, match=r"^reference: the mock bench needs exactly one bus of type 'gpio_page', not 0"
    ):
        Layout.of(load_board("reference", tmp_path))


def changed(tmp_path, *changes):
    """Return the mock board with texts of its file replaced."""
    text = (boards_directory() / "mock.toml").read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    path = tmp_path / "board.toml"
    path.write_text(text)
    return load_board(str(path), tmp_path)


def test_meter_of_another_model_is_left_alone_and_the_rest_is_played(tmp_path, board):
    layout = Layout.of(changed(tmp_path, ('model = "sdm630"', 'model = "sdm120"')))
    assert layout.left_alone == (
        f"{tmp_path}/board.toml [evse.1.meter]: the mock bench plays no meter 'sdm120' (but: sdm630); it is left alone",
    )
    assert [(meter.address, meter.evse) for meter in layout.meters] == [(2, 2)]
    everything = Layout.of(board)
    assert everything.left_alone == ()
    assert dataclasses.replace(everything, meters=layout.meters, left_alone=layout.left_alone) == layout


FOREIGN = {
    "input.theirs": ('[mains]\ntype = "gpio"\npin = 13', '[mains]\ntype = "theirs"', "mains"),
    "reader.theirs": ('type = "pn532"\nport = "{run}/bench/pn532"', 'type = "theirs"', "reader.1"),
    "meter.theirs": ('type = "modbus"\nmodel = "sdm630"\nport = "{run}/bench/meter1"\naddress = 1\nbaud = 9600', 'type = "theirs"', "evse.1.meter"),
    "pilot_sense.theirs": ('type = "held"\nadc = "one"\nhigh_channel = 0\nlow_channel = 1\nscale = 8.0\noffset_v = 13.2', 'type = "theirs"', "evse.1.pilot_sense"),
    "contactor.theirs": ('type = "gpio"\npin = 16\nphase_pin = 26\nmirror_pin = 22\nauxiliary_pin = 23', 'type = "theirs"', "evse.1.contactor"),
    "pilot_driver.theirs": ('type = "sysfs_pwm"\nroot = "{run}/bench/pwm"\ndevice = "bench.pwm"\nchannel = 0\nenable_pin = 17', 'type = "theirs"', "evse.1.pilot_driver"),
}  # fmt: skip


class Theirs:
    """A driver of somebody else's, of any family."""

    @dataclasses.dataclass(frozen=True)
    class Settings:
        path: str = setting("Path.", default="x")


@pytest.mark.parametrize("point", FOREIGN)
def test_device_of_a_driver_of_one_s_own_is_left_alone(tmp_path, monkeypatch, point):
    install_entry_points(tmp_path / "site", monkeypatch, {point: f"{__name__}:Theirs"})
    old, new, section = FOREIGN[point]
    layout = Layout.of(changed(tmp_path, (old, new)))
    family = point.removesuffix(".theirs")
    (line,) = layout.left_alone
    assert line.startswith(
        f"{tmp_path}/board.toml [{section}]: the mock bench plays no {family} of type 'theirs' (but: "
    )
    assert [evse.id for evse in layout.evses] == [1, 2]


def test_what_is_on_a_bus_that_is_not_played_is_left_alone_too(tmp_path):
    other = '[bus.chip]\ntype = "gpiochip"\n[bus.i2c]'
    layout = Layout.of(
        changed(tmp_path, ("[bus.i2c]", other), ('[mains]\ntype = "gpio"', '[mains]\ntype = "gpio"\ngpio = "chip"'))
    )
    assert [line.partition(": ")[2] for line in layout.left_alone] == [
        "the mock bench plays no bus of type 'gpiochip' (but: gpio_page, i2c_page); it is left alone",
        "the mock bench plays no input on 'chip', which it does not play either; it is left alone",
    ]
    assert "mains" not in [line.role for line in layout.inputs]


@pytest.mark.parametrize(("energised", "role", "rests"), [("locked", "lock", -1), ("unlocked", "unlock", 1)])
def test_solenoid_moves_the_bolt_while_its_line_is_high_and_a_spring_brings_it_back(tmp_path, energised, role, rests):
    solenoid = f'type = "solenoid"\npin = 18\nenergised = "{energised}"\n'
    layout = Layout.of(changed(tmp_path, ('type = "motor"\nlock_pin = 18\nunlock_pin = 19\n', solenoid)))
    assert [(line.role, line.pin) for line in layout.outputs if line.evse == 1 and "lock" in line.role] == [(role, 18)]
    assert [evse.bolt_rests for evse in layout.evses] == [rests, 0]


def test_monitor_with_two_outputs_has_both_lines_and_a_test_line_of_its_level(tmp_path):
    module = 'type = "rdc_dd"\ntrip_6ma_pin = 24\ntrip_30ma_pin = 12\ntest_active_low = true\n'
    layout = Layout.of(changed(tmp_path, ('type = "gpio"\ntrip_pin = 24\n', module)))
    roles = {line.role: line.pin for line in layout.inputs if line.evse == 1}
    assert (roles["rcd_trip"], roles["rcd_30ma"], roles["rcd_error"]) == (24, 12, 27)
    assert [line.active_low for line in layout.outputs if line.role == "rcd_test"] == [True, False]
    assert [evse.rcd_outputs for evse in layout.evses] == [2, 1]


def test_limit_contact_is_a_line(tmp_path):
    limit = '[limit]\ntype = "gpio"\npin = 4\nwatts = 4200\n\n[[evse]]\nid = 1'
    layout = Layout.of(changed(tmp_path, ("[[evse]]\nid = 1", limit)))
    assert [line.role for line in layout.inputs if line.pin == 4] == ["limit"]


def test_leds_on_the_page_of_the_safety_process_are_refused(tmp_path):
    there = 'gpio = "panel"\nred_pin = 16\ngreen_pin = 20\nblue_pin = 21'
    board = changed(tmp_path, (there, 'gpio = "gpio"\ngreen_pin = 12'))
    with pytest.raises(BenchError, match=r"LEDs need a gpio_page of their own: \[bus\.gpio\]"):
        Layout.of(board)


@pytest.mark.parametrize("active_low", [True, False])
def test_contact_line_has_the_level_of_its_wiring(board, active_low):
    line = dataclasses.replace(Layout.of(board).inputs[0], active_low=active_low)
    assert line.level(True) is not active_low
    assert line.level(False) is active_low


@pytest.mark.parametrize("text", ["", "9181", "9181:host", "x:host:1", "9181::9180", "9181:host:https"])
def test_route_that_is_none_is_named(text):
    with pytest.raises(BenchError, match="must look like LISTEN_PORT:HOST:PORT"):
        Route.parse(text)


def test_route_takes_host_names_and_ipv6():
    assert Route.parse("9181:csms.example:9180") == Route(9181, "csms.example", 9180)
    assert Route.parse("9181:[::1]:9180").host == "::1"


def test_bench_that_cannot_start_says_why_in_one_line_and_ends_with_the_right_code(tmp_path, caplog):
    from controller.config import load_station

    (tmp_path / "pilotline.toml").write_text(f'[station]\nrun_dir = "{tmp_path}"\n')
    config = load_station(tmp_path / "pilotline.toml")
    assert run(config, load_board("reference", tmp_path), lambda: None) == 3
    assert "needs exactly one bus of type 'gpio_page'" in caplog.text
