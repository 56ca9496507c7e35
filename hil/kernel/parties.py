"""Who takes part in the guest's session: the safety process, the station's part, and the world as plant and kernel show it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

from controller.config.board import BoardConfig
from controller.hal import DeviceError
from controller.ipc import decode, encode
from controller.logic.evse import EvseFacts, Measurements, Permit
from controller.logic.values import MeterReading
from controller.wiring_station import StationDevices
from hil.bench.client import Bench
from hil.kernel.plant import SOCKET
from hil.kernel.wiring import MARK

RUN = Path("/run/kernel-test")
CONFIG_FILE = RUN / "pilotline.toml"
LIMIT_A = 16.0
STEP_WITHIN_S = 15.0
_RENEW_S = 0.25


class Wrong(Exception):
    """A step did not see what it must."""


def tell(**message: Any) -> None:
    print(MARK + json.dumps(message), flush=True)


@contextlib.contextmanager
def step(name: str) -> Iterator[list[str]]:
    """Play one step; what the block puts into the list is what was seen. Raises Wrong after it was told."""
    seen: list[str] = []
    began = time.monotonic()
    problem = ""
    try:
        yield seen
    except (Wrong, DeviceError, TimeoutError, OSError) as error:
        problem = " ".join(f"{error}".split()) or type(error).__name__
    tell(step=name, ok=not problem, seen="; ".join(seen), problem=problem, took_s=round(time.monotonic() - began, 3))
    if problem:
        raise Wrong(name)


def expect(holds: bool, what: str) -> None:
    if not holds:
        raise Wrong(what)


class Safety:
    """The safety process as it runs on a station."""

    def __init__(self) -> None:
        ready, told = os.pipe()
        self._log = (RUN / "safety.log").open("ab")
        command = [sys.executable, "-P", "-m", "controller", "run", "--only", "safety"]
        self.process = subprocess.Popen(
            [*command, "--config", str(CONFIG_FILE), "--ready-fd", str(told)],
            pass_fds=[told],
            stderr=self._log,
        )
        os.close(told)
        word = os.read(ready, 64)
        os.close(ready)
        expect(word == b"READY=1\n", f"the safety process did not start (exit code {self.process.poll()})")

    def size(self) -> tuple[int, float]:
        """Return threads and resident memory in MiB, which is all locked."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = {key: re.search(rf"^{key}:\s+(\d+)", status, re.MULTILINE) for key in ("Threads", "VmRSS")}
        threads, resident_kib = (int(each[1]) if each else 0 for each in found.values())
        return threads, resident_kib / 1024

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(10)


class Station:
    """What the station does for the safety process, with the station's own drivers: meter, card, permit."""

    def __init__(self, devices: StationDevices) -> None:
        self.devices = devices
        self.meter, (self.reader, _) = devices.meters[1], devices.readers[0]
        self.facts: EvseFacts | None = None
        self.reading: MeterReading | None = None
        self._permitted = False

    def permit(self) -> None:
        self._permitted = True

    def withdraw(self) -> None:
        self._permitted = False

    @contextlib.asynccontextmanager
    async def connected(self) -> AsyncIterator[None]:
        """Hold the connection to the safety process for the length of the block."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as link:
            link.connect(str(RUN / "run" / "safety.sock"))
            link.setblocking(False)
            tasks = [asyncio.create_task(each) for each in (self._listen(link), self._renew(link), self._measure())]
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def _listen(self, link: socket.socket) -> None:
        while packet := await asyncio.get_running_loop().sock_recv(link, 8192):
            message = decode(packet)
            if isinstance(message, EvseFacts):
                self.facts = message

    async def _renew(self, link: socket.socket) -> None:
        while True:
            if self._permitted and self.reading is not None:
                age_s = time.monotonic() - self.reading.taken_at_s
                measured = Measurements(self.reading.current_a, self.reading.voltage_v, age_s)
                packet = encode(Permit(1, LIMIT_A, 3, "record-1", measurements=measured))
                await asyncio.get_running_loop().sock_sendall(link, packet)
            await asyncio.sleep(_RENEW_S)

    async def _measure(self) -> None:
        while True:
            with contextlib.suppress(DeviceError):  # what is missing shows in the steps
                self.reading = await self.meter.read()
            await asyncio.sleep(0.5)

    async def until(self, what: str, holds: Callable[[EvseFacts], bool]) -> EvseFacts:
        """Wait for facts. Raises Wrong with the last ones."""
        end = time.monotonic() + STEP_WITHIN_S
        while self.facts is None or not holds(self.facts):
            if time.monotonic() > end:
                raise Wrong(f"not {what} within {STEP_WITHIN_S:g} s; the safety process tells {self.facts}")
            await asyncio.sleep(0.02)
        return self.facts


class World:
    """What the plant and the kernel show of the world."""

    def __init__(self, board: BoardConfig) -> None:
        self.bench = Bench(RUN / SOCKET)
        self._coil = board.evses[0].contactor.settings.pin

    async def state(self) -> dict[str, Any]:
        answer = await self.bench.verb_async("state")
        evse: dict[str, Any] = answer["evses"][0]
        return answer | evse

    async def until(self, what: str, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Wait for the plant. Raises Wrong."""
        end = time.monotonic() + STEP_WITHIN_S
        while not holds(state := await self.state()):
            if time.monotonic() > end:
                shown = {key: state[key] for key in ("pilot_high_v", "duty_pct", "contact", "mirror", "lock_position")}
                raise Wrong(f"the plant does not see {what} within {STEP_WITHIN_S:g} s: {shown}")
            await asyncio.sleep(0.1)
        return state

    def coil_line(self) -> str:
        """Return how the kernel's own list of lines shows the coil: `out hi`."""
        return line_of(Path("/sys/kernel/debug/gpio").read_text(), self._coil)


def line_of(listed: str, pin: int) -> str:
    """Return direction and level of a line in the kernel's list of lines in use; empty when nobody uses it."""
    first = re.search(r"^gpiochip\d+: .*?(\d+)-\d+", listed, re.MULTILINE)
    if first is None:
        return ""
    found = re.search(rf"^ gpio-{int(first[1]) + pin}\s.*\)\s+(in|out)\s+(hi|lo)", listed, re.MULTILINE)
    return f"{found[1]} {found[2]}" if found else ""


def edge_s(state: dict[str, Any], what: str, *values: Any) -> float:
    """Return when the plant last saw that. Raises Wrong when it never did."""
    found = [edge["at_s"] for edge in state["edges"] if edge["what"] == what and edge["value"] in values]
    if not found:
        raise Wrong(f"the plant saw no {what} {values}")
    return float(max(found))


def coil_written(state: dict[str, Any]) -> tuple[bool, float]:
    """Return the level of the coil's line at the chip, and when it was written."""
    line = next(line for line in state["lines"] if line["role"] == "contactor")
    return line["level"], line["written_at_s"]


def level_name(state: dict[str, Any]) -> str:
    return "high" if coil_written(state)[0] else "low"
