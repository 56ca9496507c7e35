"""What the bench makes of a board file, and the boards it cannot play."""

import dataclasses

import pytest

from controller.config import load_board
from controller.config.board import boards_directory
from hil.bench.forward import Route
from hil.bench.layout import BenchError, Layout
from hil.bench.main import run


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


def test_real_board_is_refused_with_the_section_that_is_not_played(tmp_path):
    with pytest.raises(
        BenchError, match=r"reference\.toml \[bus\.gpio\]: the mock bench plays no bus of type 'gpiochip'"
    ):
        Layout.of(load_board("reference", tmp_path))


def test_meter_that_is_not_played_is_refused(board):
    evse = board.evses[0]
    meter = dataclasses.replace(evse.meter, settings=dataclasses.replace(evse.meter.settings, model="em24"))
    other = dataclasses.replace(board, evses=(dataclasses.replace(evse, meter=meter),))
    with pytest.raises(BenchError, match="plays no meter 'em24'"):
        Layout.of(other)


def changed(tmp_path, *changes):
    """Return the mock board with texts of its file replaced."""
    text = (boards_directory() / "mock.toml").read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    path = tmp_path / "board.toml"
    path.write_text(text)
    return load_board(str(path), tmp_path)


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
    assert "plays no bus" in caplog.text
