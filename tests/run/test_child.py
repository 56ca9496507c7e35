"""`pilotline run` and its single processes when they cannot start: one line, a documented code, no traceback."""

from __future__ import annotations

import fcntl
import logging
import os
import stat
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from controller import child, run
from controller.config import load_station
from controller.exits import CommandFailed, ExitCode
from controller.hal.errors import DeviceGone


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "pilotline.toml"
    path.write_text('[station]\nstate_dir = "state"\nrun_dir = "run"\n')
    return path


def run_with(monkeypatch: pytest.MonkeyPatch, file: Path, error: BaseException | None, name: str = "station") -> int:
    """Run a process whose main raises `error`."""

    def main(*_: Any) -> int:
        if error is not None:
            raise error
        return 0

    monkeypatch.setattr(child, "_main", lambda name: main)
    handlers, level = logging.getLogger().handlers[:], logging.getLogger().level
    try:
        return child.run_child(name, file, None, None)
    finally:
        logging.getLogger().handlers[:] = handlers
        logging.getLogger().setLevel(level)


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        (None, ExitCode.OK, ""),
        (KeyboardInterrupt(), ExitCode.INTERRUPTED, ""),
        (
            DeviceGone("/dev/i2c-1", "no such file", "dtparam=i2c_arm=on"),
            ExitCode.DEVICE,
            "/dev/i2c-1: no such file (dtparam",
        ),
        (CommandFailed("no", ExitCode.BUSY), ExitCode.BUSY, "no"),
        (OSError(98, "Address already in use", "/x.sock"), ExitCode.BUSY, "/x.sock: address already in use"),
        (PermissionError(13, "Permission denied", "/x.sock"), ExitCode.DEVICE, "/x.sock: permission denied"),
        (ZeroDivisionError("oh\nno"), ExitCode.FAILED, "internal error: ZeroDivisionError: oh no - the details are in"),
    ],
)
def test_every_end_of_a_process_is_one_line_and_a_code(
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    file: Path,
    error: BaseException | None,
    code: ExitCode,
    says: str,
) -> None:
    assert run_with(monkeypatch, file, error) == code
    told = capfd.readouterr().err
    assert told.count("\n") == (1 if says else 0)
    assert says in told
    assert "Traceback" not in told


def test_the_story_of_an_internal_error_is_kept(monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    run_with(monkeypatch, file, ZeroDivisionError("oh"))
    assert "Traceback" in (file.parent / "run" / "crash-station.log").read_text()


def test_directories_are_made_for_the_user_alone(monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    run_with(monkeypatch, file, None)
    assert stat.S_IMODE((file.parent / "state").stat().st_mode) == 0o700
    assert stat.S_IMODE((file.parent / "run").stat().st_mode) == 0o750


def test_a_state_directory_that_is_a_file_is_named(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], file: Path
) -> None:
    (file.parent / "state").write_text("")
    assert run_with(monkeypatch, file, None) == ExitCode.DEVICE
    told = capfd.readouterr().err
    assert f"{file.parent}/state: is a file, not a directory; choose another state_dir in [station]" in told


def test_a_directory_that_may_not_be_written_is_named() -> None:
    # Not below tmp_path: pytest's directories are closed to the other user that root has to become here.
    with tempfile.TemporaryDirectory() as home:
        file = Path(home, "pilotline.toml")
        file.write_text('[station]\nstate_dir = "state"\nrun_dir = "run"\n')
        Path(home).chmod(0o555)
        code = (
            "import os, sys\nfrom pathlib import Path\nfrom controller.child import run_child\n"
            "os.getuid() or os.setuid(65534)\n"
            f"sys.exit(run_child('safety', Path({str(file)!r}), None, None))"
        )
        result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        Path(home).chmod(0o755)
    assert result.returncode == ExitCode.DEVICE, result.stderr
    assert f"{home}/run: cannot be made: permission denied; choose another run_dir" in result.stderr


@pytest.mark.parametrize(("directory", "name"), [("run", "station"), ("state", "a station with this state directory")])
def test_a_second_instance_is_refused_and_the_first_named(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], file: Path, directory: str, name: str
) -> None:
    child.prepare_directories(load_station(file))
    with child.lock_file(file.parent / directory / "station.lock", "x"):
        assert run_with(monkeypatch, file, None) == ExitCode.BUSY
    told = capfd.readouterr().err
    assert "already running: " in told and name in told and f"pid {os.getpid()}" in told
    assert run_with(monkeypatch, file, None) == ExitCode.OK


@pytest.mark.parametrize(
    "lock", ["run/run.lock", "state/run.lock", "state/station.lock", "run/safety.lock", "run/bench.sock.lock"]
)
def test_a_supervisor_that_lacks_one_lock_starts_nothing(
    monkeypatch: pytest.MonkeyPatch, file: Path, lock: str
) -> None:
    started: list[str] = []
    monkeypatch.setattr(run.Supervisor, "run", lambda _: started.append("all") or ExitCode.OK)
    monkeypatch.setattr(run, "set_up_logging", lambda _: None)
    child.prepare_directories(load_station(file))
    with child.lock_file(file.parent / lock, "x"), pytest.raises(CommandFailed, match="already running") as refused:
        run.run(file, None)
    assert refused.value.code == ExitCode.BUSY and not started
    assert run.run(file, None) == ExitCode.OK and started


def test_one_directory_may_be_both(monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    file.write_text('[station]\nstate_dir = "both"\nrun_dir = "both"\n')
    monkeypatch.setattr(run.Supervisor, "run", lambda _: ExitCode.OK)
    monkeypatch.setattr(run, "set_up_logging", lambda _: None)
    assert run.run(file, None) == ExitCode.OK
    assert run_with(monkeypatch, file, None) == ExitCode.OK


def test_the_bench_of_a_real_board_is_refused(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], file: Path
) -> None:
    file.write_text(file.read_text() + 'board = "reference"\n')
    assert run_with(monkeypatch, file, None, "bench") == ExitCode.CONFIG
    assert "board reference is not simulated: it has no bench" in capfd.readouterr().err


def test_a_process_whose_supervisor_is_gone_does_not_start(capfd: pytest.CaptureFixture[str], file: Path) -> None:
    read, write = os.pipe()
    os.close(write)
    with pytest.raises(CommandFailed, match="whoever started this process is gone"):
        child.stop_with_parent(read)
    fcntl.fcntl(read, fcntl.F_SETFL, 0)
    os.close(read)
