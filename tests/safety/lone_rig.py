"""Bench and safety process alone, as real processes, with a station that is made of a socket."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from controller.ipc import decode, encode
from controller.logic.evse import EvseFacts, Permit

ROOT = Path(__file__).parents[2]
PERMIT = Permit(1, 16.0, 3, "record-1")
CONFIG = """
[station]
identity = "wire-safety"
board = "{1}"
state_dir = "{0}/state"
run_dir = "{0}/run"
[csms]
url = "ws://127.0.0.1:1/ocpp"
"""


class LoneRig:
    """Bench and safety process, and a station made of a socket that renews one permit. environment: beside our own."""

    def __init__(self, directory: Path, environment: Mapping[str, str] | None = None, board: str = "mock") -> None:
        self.directory = directory
        self.environment = {**os.environ, **(environment or {})}
        self.run_dir = directory / "run"
        self.config = directory / "pilotline.toml"
        self.config.write_text(CONFIG.format(directory, board))
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.station: socket.socket | None = None
        self.facts: EvseFacts | None = None
        self.start("bench")

    def start(self, name: str) -> subprocess.Popen[bytes]:
        ready, told = os.pipe()
        command = [sys.executable, "-P", "-m", "controller", "run", "--only", name]
        log = (self.directory / f"{name}.log").open("a")
        process = subprocess.Popen(
            [*command, "--config", str(self.config), "--ready-fd", str(told)],
            cwd=ROOT,
            env=self.environment,
            pass_fds=[told],
            stderr=log,
        )
        self.processes[name] = process
        os.close(told)
        assert os.read(ready, 64) == b"READY=1\n", (self.directory / f"{name}.log").read_text()
        os.close(ready)
        return process

    def bench(self, verb: str, **args: Any) -> dict[str, Any]:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(self.run_dir / "bench.sock"))
            connection.sendall(json.dumps({"verb": verb, **args}).encode() + b"\n")
            answer: dict[str, Any] = json.loads(connection.makefile().readline())
        assert answer["ok"], answer
        return answer

    def evse(self) -> dict[str, Any]:
        found: dict[str, Any] = self.bench("state")["evses"][0]
        return found

    def edge(self, what: str, value: Any) -> float:
        """Return when the plant last saw it."""
        return max(edge["at_s"] for edge in self.evse()["edges"] if (edge["what"], edge["value"]) == (what, value))

    def connect(self) -> None:
        self.station = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.station.connect(str(self.run_dir / "safety.sock"))
        self.station.settimeout(0.05)

    def renew(self, seconds: float, until: Callable[[EvseFacts], bool]) -> None:
        """Renew the permit four times a second until the facts are as wanted."""
        assert self.station is not None
        end, due = time.monotonic() + seconds, 0.0
        while time.monotonic() < end:
            if time.monotonic() >= due:
                due = time.monotonic() + 0.25
                self.station.send(encode(PERMIT))
            try:
                facts = decode(self.station.recv(8192))
            except TimeoutError:
                continue
            if isinstance(facts, EvseFacts) and facts.evse_id == 1:
                self.facts = facts
                if until(facts):
                    return
        raise AssertionError(f"not within {seconds} s: {self.facts}")

    def await_plant(self, seconds: float, condition: Callable[[dict[str, Any]], bool]) -> None:
        end = time.monotonic() + seconds
        while not condition(self.evse()):
            assert time.monotonic() < end, self.evse()
            time.sleep(0.02)

    def stop(self) -> None:
        if self.station is not None:
            self.station.close()
        for name in ("safety", "bench"):
            process = self.processes.get(name)
            if process is not None and process.poll() is None:
                process.terminate()
                process.wait(10)
