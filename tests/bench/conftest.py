import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from controller.config import load_board, load_station
from hil.bench.client import Bench

READY_WITHIN_S = 20.0


class BenchProcess:
    """The bench as a process of its own on the mock board, and what a test needs to get at it."""

    def __init__(self, directory: Path, environment: dict[str, str]) -> None:
        self.directory = directory
        self.run_dir = directory / "run"
        self.state_dir = directory / "state"
        self.state_dir.mkdir()
        self.file = directory / "pilotline.toml"
        self.file.write_text(f'[station]\nrun_dir = "{self.run_dir}"\nstate_dir = "{self.state_dir}"\n')
        self.config = load_station(self.file)
        self.board = load_board("mock", self.run_dir)
        self.bench = Bench(self.config.bench_socket)
        self._environment = environment
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> "BenchProcess":
        reader, writer = os.pipe()
        code = (
            "import sys; from controller.child import run_child; from pathlib import Path;"
            f"sys.exit(run_child('bench', Path({str(self.file)!r}), {writer}, None))"
        )
        environment = {**os.environ, **self._environment}
        self.process = subprocess.Popen([sys.executable, "-c", code], pass_fds=[writer], env=environment)
        os.close(writer)
        os.set_blocking(reader, False)
        end = time.monotonic() + READY_WITHIN_S
        with os.fdopen(reader, "rb") as ready:
            while time.monotonic() < end and self.process.poll() is None:
                if ready.read(1):
                    return self
                time.sleep(0.01)
        self.stop()
        raise AssertionError("the bench did not get ready")

    def stop(self, number: int = signal.SIGTERM) -> int:
        process, self.process = self.process, None
        if process is None:
            return 0
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGCONT)
            process.send_signal(number)
        try:
            return process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()

    def until(self, holds, timeout_s: float = 10.0):
        """Poll until `holds()` is true, and return it."""
        end = time.monotonic() + timeout_s
        while not (value := holds()):
            assert time.monotonic() < end, "not seen in time"
            time.sleep(0.01)
        return value


@pytest.fixture
def environment() -> dict[str, str]:
    return {}


@pytest.fixture
def bench_process(tmp_path, environment):
    process = BenchProcess(tmp_path, environment)
    process.start()
    yield process
    process.stop()
