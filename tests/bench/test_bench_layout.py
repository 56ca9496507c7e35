"""What the bench makes of a board file, and the boards it cannot play."""

import dataclasses

import pytest

from controller.config import load_board
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
        BenchError, match=r"reference\.toml \[bus\.gpio\]: the mock bench plays no bus of type 'gpiozero'"
    ):
        Layout.of(load_board("reference", tmp_path))


def test_meter_that_is_not_played_is_refused(board):
    evse = board.evses[0]
    meter = dataclasses.replace(evse.meter, settings=dataclasses.replace(evse.meter.settings, model="em24"))
    other = dataclasses.replace(board, evses=(dataclasses.replace(evse, meter=meter),))
    with pytest.raises(BenchError, match="plays no meter 'em24'"):
        Layout.of(other)


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
