"""`pilotline run`: starts bench (on a mock board), safety and station, in that order, and keeps them running.

A child that dies is started again after 250 ms, then after longer and longer up to 5 s. What cannot heal by itself (a
configuration mistake, a device that is not there at start, another instance) ends the whole with the child's exit code.
On SIGTERM, SIGINT or SIGHUP the station is stopped first (it commits and lets go), then safety (outputs safe), then the bench.
"""

from __future__ import annotations

import contextlib
import logging
import os
import selectors
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType

from controller.child import command_line, lock_file, locks, prepare_directories, stop_with_parent
from controller.config import StationConfig, load_board, load_station
from controller.diagnostics.logs import set_up_logging
from controller.exits import ExitCode
from controller.notify import Notifier
from controller.signals import stop_signals

_log = logging.getLogger(__name__)

FIRST_RESTART_S = 0.25
LONGEST_RESTART_S = 5.0
STABLE_AFTER_S = 10.0  # a child that ran this long starts again with the shortest wait
READY_WITHIN_S = 30.0
TRIES_BEFORE_READY = 5
STOP_WITHIN_S = 5.0
HURRIED_STOP_S = 1.0  # after a second signal

CommandOf = Callable[[str, int, int], Sequence[str]]

_HOPELESS = frozenset({ExitCode.USAGE, ExitCode.CONFIG, ExitCode.DEVICE, ExitCode.BUSY})


def run(config_path: Path | None, ready_fd: int | None, parent_fd: int | None = None) -> int:
    """Supervise until told to stop, or until the other end of `parent_fd` is closed.

    Raises ConfigError, CommandFailed before anything is started.
    """
    set_up_logging("run")
    if parent_fd is not None:
        stop_with_parent(parent_fd)
    config = load_station(config_path)
    board = load_board(config.board, config.run_dir)
    prepare_directories(config)
    names = ["bench"] * board.bench + ["safety", "station"]
    with _everything_locked(config, names):
        path = config_path.absolute() if config_path is not None else None
        supervisor = Supervisor(
            names,
            lambda name, child_ready_fd, parent_fd: command_line(name, path, child_ready_fd, parent_fd),
            config.state_dir,
            Notifier.from_environment(ready_fd),
        )
        _log.info("starting %s as %s on board %s", ", ".join(names), config.identity, board.name)
        return supervisor.run()


@contextlib.contextmanager
def _everything_locked(config: StationConfig, names: Sequence[str]) -> Iterator[None]:
    """Hold what one supervisor has to itself. Raises CommandFailed also when another process has what a child will need.

    A child takes its own locks: they must not stand in its way, nor go when we do. So they are only tried here.
    """
    with contextlib.ExitStack() as held:
        held.enter_context(lock_file(config.run_dir / "run.lock", "`pilotline run` with this run directory"))
        if config.state_dir != config.run_dir:
            held.enter_context(lock_file(config.state_dir / "run.lock", "`pilotline run` with this state directory"))
        with contextlib.ExitStack() as tried:
            for path, what in (lock for name in names for lock in locks(name, config)):
                tried.enter_context(lock_file(path, what))
        yield


class Child:
    """One child process and what is known of its health."""

    def __init__(self, name: str, pid_file: Path) -> None:
        self.name = name
        self.process: subprocess.Popen[bytes] | None = None
        self.ready_fd: int | None = None
        self.is_ready = False
        self.was_ready = False
        self.failures = 0  # in a row
        self.started_at = 0.0
        self.start_at: float | None = None  # when it is due to be started
        self._pid_file = pid_file
        self._alive_fd: int | None = None  # its other end tells the child that we are gone

    def start(self, command_of: CommandOf, now: float) -> int:
        """Spawn, in a process group of its own so that Ctrl-C reaches the supervisor alone. Returns its ready fd."""
        environment = {key: value for key, value in os.environ.items() if key not in ("NOTIFY_SOCKET", "WATCHDOG_USEC")}
        self.ready_fd, ready_write = os.pipe()
        # A pipe of its own: the signal that its end of file sends has one receiver only.
        parent_read, self._alive_fd = os.pipe()
        self.process = subprocess.Popen(
            command_of(self.name, ready_write, parent_read),
            stdin=subprocess.DEVNULL,
            env=environment,
            pass_fds=(ready_write, parent_read),
            process_group=0,
        )
        os.close(ready_write)
        os.close(parent_read)
        self.started_at = now
        self.start_at = None
        self.is_ready = False
        temporary = self._pid_file.with_suffix(".new")
        temporary.write_text(f"{self.process.pid}\n")
        temporary.replace(self._pid_file)
        return self.ready_fd

    def ended(self, now: float) -> float:
        """Note that it died and return how long to wait before the next start."""
        if self.is_ready and now - self.started_at >= STABLE_AFTER_S:
            self.failures = 0
        self.failures += 1
        self._remove_pid_file()
        self.process = None
        self.is_ready = False
        if self._alive_fd is not None:
            os.close(self._alive_fd)
            self._alive_fd = None
        return min(FIRST_RESTART_S * 2.0 ** (self.failures - 1), LONGEST_RESTART_S)

    def _remove_pid_file(self) -> None:
        """Unless it names another process than ours."""
        with contextlib.suppress(FileNotFoundError):
            if self.process is not None and self._pid_file.read_text() == f"{self.process.pid}\n":
                self._pid_file.unlink()


class Supervisor:
    """Starts children in order and keeps them running.

    command_of: (name, ready_fd, parent_fd) to the command line of a child, which writes to ready_fd once it serves and
    stops at end of file on parent_fd. state_dir: gets `NAME.pid`.
    """

    def __init__(self, names: Sequence[str], command_of: CommandOf, state_dir: Path, notifier: Notifier) -> None:
        self._children = [Child(name, state_dir / f"{name}.pid") for name in names]
        self._command_of = command_of
        self._notifier = notifier
        self._selector = selectors.DefaultSelector()
        self._told_ready = False
        self._signals = 0
        self._exit_code: int | None = None

    def run(self) -> int:
        try:
            with self._signals_watched():
                self._children[0].start_at = time.monotonic()
                while self._exit_code is None and not self._signals:
                    self._start_due()
                    self._wait()
                    self._look_after()
                self._stop()
        finally:
            self._selector.close()
        return self._exit_code or ExitCode.OK

    @contextlib.contextmanager
    def _signals_watched(self) -> Iterator[None]:
        ours, kernels = socket.socketpair()
        for end in (ours, kernels):
            end.setblocking(False)
        self._selector.register(ours, selectors.EVENT_READ)
        before = signal.set_wakeup_fd(kernels.fileno(), warn_on_full_buffer=False)
        previous = {each: signal.signal(each, self._on_signal) for each in stop_signals()}
        previous[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda *_: None)
        try:
            yield
        finally:
            signal.set_wakeup_fd(before)
            for each, handler in previous.items():
                signal.signal(each, handler)
            ours.close()
            kernels.close()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._signals += 1

    def _start_due(self) -> None:
        now = time.monotonic()
        for child in self._children:
            if child.start_at is None or now < child.start_at:
                continue
            self._selector.register(child.start(self._command_of, now), selectors.EVENT_READ, child)

    def _wait(self, longest_s: float | None = None) -> None:
        """Sleep until a signal, a child's word or the next deadline."""
        now = time.monotonic()
        deadlines = [child.start_at for child in self._children if child.start_at is not None]
        deadlines += [child.started_at + READY_WITHIN_S for child in self._children if child.ready_fd is not None]
        timeout = min((max(0.0, deadline - now) for deadline in deadlines), default=None)
        if longest_s is not None:
            timeout = min(longest_s, timeout) if timeout is not None else longest_s
        for key, _ in self._selector.select(timeout):
            if isinstance(key.data, Child):
                self._hear(key.data)
            elif isinstance(key.fileobj, socket.socket):
                with contextlib.suppress(BlockingIOError):
                    key.fileobj.recv(4096)

    def _hear(self, child: Child) -> None:
        """The child said READY, or closed its end by dying."""
        if child.ready_fd is None:
            return
        said = os.read(child.ready_fd, 64)
        self._selector.unregister(child.ready_fd)
        os.close(child.ready_fd)
        child.ready_fd = None
        if not said:
            return
        child.is_ready = child.was_ready = True
        for each in self._children:  # the next in order may start now
            if each.process is None and each.start_at is None:
                each.start_at = time.monotonic()
                break
        if all(each.is_ready for each in self._children):
            self._say_ready()

    def _say_ready(self) -> None:
        if not self._told_ready:
            self._told_ready = True
            _log.info("ready; stop with Ctrl-C. In another terminal: pilotline status")
        self._notifier.ready()

    def _look_after(self) -> None:
        now = time.monotonic()
        for child in self._children:
            process = child.process
            if process is None:
                continue
            if process.poll() is not None:
                self._bury(child, process.returncode, now)
            elif child.ready_fd is not None and now - child.started_at >= READY_WITHIN_S:
                _log.error("%s is not ready after %.0f s: it is stopped and started again", child.name, READY_WITHIN_S)
                process.kill()

    def _bury(self, child: Child, code: int, now: float) -> None:
        if child.ready_fd is not None:
            self._hear(child)
        wait_s = child.ended(now)
        how = _how_it_ended(code)
        if not child.was_ready and code in _HOPELESS:
            _log.error("%s cannot start (see above)", child.name)
            self._exit_code = code
        elif not child.was_ready and child.failures >= TRIES_BEFORE_READY:
            _log.error("%s %s %d times and never became ready", child.name, how, child.failures)
            self._exit_code = ExitCode.FAILED
        else:
            _log.warning("%s %s; it is started again in %.2f s", child.name, how, wait_s)
            child.start_at = now + wait_s

    def _stop(self) -> None:
        """Stop the children in reverse order of their start, each within its time; then no mercy."""
        self._notifier.stopping()
        if self._exit_code is None:
            _log.info("stopping")
        signals_before = self._signals
        for child in reversed(self._children):
            child.start_at = None
            process = child.process
            if process is None:
                continue
            process.terminate()
            deadline = time.monotonic() + STOP_WITHIN_S
            while process.poll() is None and (left := deadline - time.monotonic()) > 0:
                if self._signals > signals_before:
                    signals_before = self._signals
                    deadline = min(deadline, time.monotonic() + HURRIED_STOP_S)
                self._wait(min(left, 0.5))
            if process.poll() is None:
                _log.error("%s did not stop within %.0f s and is killed", child.name, STOP_WITHIN_S)
                process.kill()
                process.wait()
            child.ended(time.monotonic())


def _how_it_ended(code: int) -> str:
    if code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return "asked for a restart" if code == ExitCode.RESTART else f"ended with exit code {code}"
