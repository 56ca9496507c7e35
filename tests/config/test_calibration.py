"""A unit's own dividers: the fit, and every way in which its file is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.config import ConfigError, StationConfig, calibrated, load_board, load_station
from controller.config.calibration import Miscalibrated, Scaling, fitted

PRINTED = Scaling(8.0, 13.2)


def station(directory: Path, text: str, board: str = "reference") -> StationConfig:
    (directory / "calibration.toml").write_text(text)
    (directory / "pilotline.toml").write_text(f'[station]\nboard = "{board}"\nserial = "0007"\n')
    return load_station(directory / "pilotline.toml")


def read(directory: Path, text: str, board: str = "reference") -> Scaling:
    config = station(directory, text, board)
    settings = calibrated(load_board(config.board, config.run_dir), config).evses[0].pilot_sense.settings
    return Scaling(settings.scale, settings.offset_v)


GOOD = 'board = "reference"\nserial = "0007"\n[evse.1]\nscale = 8.06\noffset_v = 13.3\nat = "2026-01-01T00:00:00Z"\n'


@given(
    gain=st.floats(0.97, 1.03),
    zero_v=st.floats(-0.4, 0.4),
    high=st.floats(11.4, 12.6),
    low=st.floats(-12.6, -11.4),
    volts=st.floats(-13, 13),
)
def test_what_was_fitted_reads_every_voltage_right(
    gain: float, zero_v: float, high: float, low: float, volts: float
) -> None:
    def converter_v(pilot_v: float) -> float:  # of a unit whose resistors are off
        return (pilot_v + 13.2 - zero_v) / 8.0 / gain

    def as_printed(pilot_v: float) -> float:
        return converter_v(pilot_v) * PRINTED.scale - PRINTED.offset_v

    found = fitted(PRINTED, (as_printed(high), as_printed(low)), (high, low))
    assert converter_v(volts) * found.scale - found.offset_v == pytest.approx(volts, abs=1e-6)


@pytest.mark.parametrize(
    ("read_v", "true_v", "says"),
    [
        ((12.0, -12.0), (9.0, -12.0), r"\+9.00 V at \+12 V: more than 0.6 V off; mend the supply"),
        ((12.0, -12.0), (12.0, 12.0), r"\+12.00 V at -12 V: more than 0.6 V off"),
        ((12.0, -12.0), (float("nan"), -12.0), r"nan V at \+12 V"),
        ((12.0, 12.0), (12.0, -12.0), "does not follow the pilot driver"),
        ((9.0, -9.0), (12.0, -12.0), "scale 10.667 is more than 10% from the board file's 8"),
        ((13.5, -10.6), (12.0, -12.0), r"offset_v .* moves zero by [-+]1.4. V, more than 1 V"),
    ],
)
def test_volts_that_no_divider_explains_are_refused(
    read_v: tuple[float, float], true_v: tuple[float, float], says: str
) -> None:
    with pytest.raises(Miscalibrated, match=says):
        fitted(PRINTED, read_v, true_v)


def test_a_file_beside_the_stations_takes_the_place_of_the_boards_divider(tmp_path: Path) -> None:
    assert read(tmp_path, GOOD) == Scaling(8.06, 13.3)
    (tmp_path / "calibration.toml").unlink()
    config = load_station(tmp_path / "pilotline.toml")
    board = load_board("reference", tmp_path)
    assert calibrated(board, config) is board and calibrated(board, replace(config, calibration=None)) is board


def test_a_file_may_be_elsewhere(tmp_path: Path) -> None:
    station(tmp_path, GOOD)
    (tmp_path / "calibration.toml").rename(tmp_path / "mine.toml")
    path = tmp_path / "pilotline.toml"
    path.write_text(f'{path.read_text()}calibration = "mine.toml"\n')
    config = load_station(path)
    assert calibrated(load_board("reference", tmp_path), config).evses[0].pilot_sense.settings.scale == 8.06


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (
            'board = "reference"',
            'board = "mine"',
            r'board = "mine": was measured on another one than "reference": run `pilotline board calibrate`',
        ),
        ('serial = "0007"', 'serial = "0008"', r'serial = "0008": was measured on another one than "0007"'),
        ("[evse.1]", "[evse.2]", r"\[evse\]: unknown key '2'"),
        ("scale = 8.06", "scale = 9.0", r"\[evse.1\]: scale 9.000 is more than 10% from the board file's 8"),
        ("offset_v = 13.3", "offset_v = 11.9", r"offset_v 11.900 moves zero by \+1.40 V"),
        ("scale = 8.06\n", "", r"\[evse.1\].*scale"),
        ("scale = 8.06", "scale = nan", r"\[evse.1\] scale"),
        ("scale = 8.06", 'scale = "8"', r"\[evse.1\] scale = \"8\""),
        ("offset_v", "ofset_v", r"did you mean 'offset_v'"),
        ("[evse.1]", "[evse.1", "is not valid TOML"),
    ],
)
def test_a_wrong_file_is_refused_and_names_the_key(tmp_path: Path, old: str, new: str, says: str) -> None:
    assert old in GOOD
    with pytest.raises(ConfigError, match=rf"calibration.toml.*{says}"):
        read(tmp_path, GOOD.replace(old, new))


def test_a_front_end_without_a_divider_is_not_calibrated(tmp_path: Path) -> None:
    text = (Path(load_board("reference", tmp_path).path)).read_text()
    begin, end = text.index("[evse.pilot_sense]"), text.index("[evse.proximity]")
    front = '[evse.pilot_sense]\ntype = "coprocessor"\nport = "/dev/ttyACM0"\n\n'
    (tmp_path / "mine.toml").write_text(text[:begin] + front + text[end:])
    with pytest.raises(ConfigError, match=r"\[evse.1\]: the front end coprocessor of the board has no divider"):
        read(tmp_path, GOOD, "mine.toml")
