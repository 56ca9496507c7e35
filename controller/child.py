"""One process of the station: what `pilotline run --only safety|station|bench` does, also under systemd."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import importlib
import logging
import os
import pwd
import select
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from controller.config import BoardConfig, ConfigError, StationConfig, calibrated, load_board, load_station
from controller.diagnostics.crash import crash_directory, crash_report
from controller.diagnostics.logs import set_up_logging
from controller.exits import CommandFailed, ExitCode
from controller.hal.errors import DeviceError, DriverMistake
from controller.notify import Notifier

_log = logging.getLogger(__name__)

# Each has `run(config, board, ready) -> int`, returns after a stop signal (controller.signals), and calls ready() once it serves.
MAINS = {"bench": "hil.bench.main", "safety": "controller.safety.main", "station": "controller.station.main"}

# The safety process needs none of the station's devices, nor the libraries behind them.
STATION_DEVICES = ("meter", "reader", "indicator")

Main = Callable[[StationConfig, BoardConfig, Callable[[], None]], int]


def run_child(name: str, config_path: Path | None, ready_fd: int | None, parent_fd: int | None) -> int:
    """Run one process to its end and return its exit code. No exception leaves: every failure is one line in the log."""
    set_up_logging(name)
    notifier = Notifier.from_environment(ready_fd)
    directory = crash_directory()
    try:
        if parent_fd is not None:
            stop_with_parent(parent_fd)
        config = load_station(config_path)
        prepare_directories(config, with_state=name == "station")
        directory = config.run_dir
        board = load_board(config.board, config.run_dir, without=STATION_DEVICES if name == "safety" else ())
        if name == "safety":
            board = calibrated(board, config)
        if name == "bench" and not board.bench:
            raise CommandFailed(f"board {board.name} is not simulated: it has no bench", ExitCode.CONFIG)
        with contextlib.ExitStack() as held:
            for path, what in locks(name, config):
                held.enter_context(lock_file(path, what))
            return _main(name)(config, board, notifier.ready)
    except ConfigError as error:
        for line in error.mistakes:
            _log.error("%s", line)
        return ExitCode.CONFIG
    except CommandFailed as error:
        _log.error("%s", error)
        return error.code
    except DeviceError as error:
        _log.error("%s", error)
        return ExitCode.DEVICE
    except KeyboardInterrupt:  # while it was starting; from then on its main takes the signal
        return ExitCode.INTERRUPTED
    except OSError as error:
        if error.errno is None or not (error.filename or error.errno == errno.EADDRINUSE):
            _log.critical("%s", crash_report(directory, name, error))
            return ExitCode.FAILED
        _log.error("%s", os_error_line(error))
        return ExitCode.BUSY if error.errno == errno.EADDRINUSE else ExitCode.DEVICE
    except DriverMistake as error:
        _log.critical("%s", crash_report(directory, name, error, said=str(error), ask=error.ask))
        return ExitCode.FAILED
    except Exception as error:  # noqa: BLE001 - the supervisor of this process: what nobody foresaw ends it, in one line
        _log.critical("%s", crash_report(directory, name, error))
        return ExitCode.FAILED


def locks(name: str, config: StationConfig) -> Iterator[tuple[Path, str]]:
    """What one process has to itself. Asking at its socket would not do: safety serves one station and no more."""
    yield config.run_dir / f"{name}.lock", f"{name} of this run directory"
    own = {"safety": config.safety_socket, "station": config.api_socket, "bench": config.bench_socket}[name]
    yield own.with_name(f"{own.name}.lock"), f"{name} with this socket"
    if name == "station" and config.state_dir != config.run_dir:
        yield config.state_dir / "station.lock", "a station with this state directory"


def _main(name: str) -> Main:
    main: Main = importlib.import_module(MAINS[name]).run
    return main


def os_error_line(error: OSError) -> str:
    what = (error.strerror or str(error)).lower()
    return f"{error.filename}: {what}" if error.filename else what


def stop_with_parent(fd: int) -> None:
    """Get SIGTERM when the other end of the pipe `fd` closes, because who started us died. Needs no thread."""
    fcntl.fcntl(fd, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(fd, fcntl.F_SETSIG, signal.SIGTERM)
    fcntl.fcntl(fd, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)
    if select.select([fd], [], [], 0)[0]:
        raise CommandFailed("whoever started this process is gone")


def _user() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a user that only the container knows
        return str(os.getuid())


def prepare_directories(config: StationConfig, *, with_state: bool = True) -> None:
    """Make run and state directory where they are missing. Raises CommandFailed that names the one and what to do.

    with_state: also the state directory, which is the station's alone; other processes may run as another user.
    """
    directories = [(config.run_dir, 0o750, "run_dir"), (config.state_dir, 0o700, "state_dir")]
    for path, mode, key in directories[: 1 + with_state]:
        try:
            path.mkdir(mode=mode, parents=True, exist_ok=True)
        except FileExistsError as error:
            text = f"{path}: is a file, not a directory; choose another {key} in [station] or move the file away"
            raise CommandFailed(text, ExitCode.DEVICE) from error
        except OSError as error:
            raise CommandFailed(
                f"{path}: cannot be made: {(error.strerror or '').lower()}; choose another {key} in [station] or create it "
                f"for the user {_user()}",
                ExitCode.DEVICE,
            ) from error
        if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
            raise CommandFailed(
                f"{path}: {_user()} may not write there; choose another {key} in [station] or change its owner",
                ExitCode.DEVICE,
            )
    if config.run_dir.is_relative_to("/tmp") and os.stat(config.run_dir).st_uid not in (os.getuid(), 0):
        raise CommandFailed(f"{config.run_dir}: belongs to another user; choose another run_dir", ExitCode.DEVICE)


def lock_file(path: Path, what: str) -> IO[str]:
    """Hold an exclusive lock until the returned file is closed. Raises CommandFailed when another process holds it."""
    try:
        file = path.open("a+", encoding="ascii")
    except OSError as error:
        raise CommandFailed(f"{path}: cannot be opened: {(error.strerror or '').lower()}", ExitCode.DEVICE) from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        owner = file.read().strip() or "unknown"
        file.close()
        raise CommandFailed(f"already running: {what} (pid {owner} holds {path})", ExitCode.BUSY) from None
    file.truncate(0)
    file.write(f"{os.getpid()}\n")
    file.flush()
    return file


def command_line(name: str | None, config_path: Path | None, ready_fd: int, parent_fd: int) -> list[str]:
    """Return the command that runs one process (None: the whole station) from another program.

    `-P` keeps the working directory off its import path.
    """
    only = ["--only", name] if name is not None else []
    config = ["--config", str(config_path)] if config_path is not None else []
    fds = ["--ready-fd", str(ready_fd), "--parent-fd", str(parent_fd)]
    return [sys.executable, "-P", "-m", "controller", "run", *only, *config, *fds]
