"""A measured site: a safety process with its board of two EVSEs, the plant here, and a station that only renews permits.

The plant runs in the measuring process. It stamps each pilot edge with its own clock before it shows it on the page, and reads from the
page when the contactor's line was written: both are CLOCK_MONOTONIC, and neither is the measured process' own idea.
"""

from __future__ import annotations

import contextlib
import os
import random
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from controller.config import load_board, load_station
from controller.ipc import decode, encode
from controller.logic.evse import EvseFacts, Measurements, Permit
from hil.bench.layout import Layout
from hil.bench.world import World
from hil.measure.reaction import Toggler
from hil.plant import wiring
from hil.plant.contactor import MainContact
from hil.processes import RigError, RigSettings, station_toml

RENEW_S = 0.25
POLL_S = 0.004  # a late look costs no accuracy: what is compared are stamps
# The plant's contactor, and its hold circuit towards a lower voltage (C after B), are quick, so that many openings fit into a minute.
# Neither is in what is measured: the edge that opens goes up, which the hold circuit follows at once.
# Where the board's registers and the latches are: in memory, as /run and a chip's registers are. On a disk, a write to a mapped page
# waits for the file system's journal, and what was measured would be that.
MEMORY = Path("/dev/shm")
QUICK_CONTACT_S = 0.002
QUICK_HOLD_S = 0.005


class Site:
    """arguments: of `python -P` for the process to measure; `--config` and `--ready-fd` are added.

    Use as a context manager; then call `poll` at least every few milliseconds.
    """

    def __init__(self, directory: Path, arguments: Sequence[str], seed: int = 0) -> None:
        directory.mkdir(parents=True)
        self.directory = directory
        self._memory = tempfile.TemporaryDirectory(prefix="pl-", dir=MEMORY if os.access(MEMORY, os.W_OK) else None)
        self._config = directory / "pilotline.toml"
        self._config.write_text(
            station_toml(
                RigSettings("ws://127.0.0.1:1/", identity="MEASURED"), directory / "state", Path(self._memory.name)
            )
        )
        self._arguments = arguments
        self._station = load_station(self._config)
        self._period_s = load_board("mock", self._station.run_dir).period_ms / 1000.0
        self._chance = random.Random(seed)
        self._permits = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._renew_at = 0.0
        self._told: dict[int, EvseFacts] = {}
        self.togglers: tuple[Toggler, ...] = ()
        self.ready_s: float | None = None  # from its start

    def __enter__(self) -> Site:
        self._hold_s = wiring.HOLD_TAU_S
        vars(wiring).update(HOLD_TAU_S=QUICK_HOLD_S)
        self._world = World(Layout.of(load_board("mock", self._station.run_dir)), fresh=True)
        for model in self._world.plant.evses.values():
            model.contactor = MainContact(QUICK_CONTACT_S, QUICK_CONTACT_S)
        self._log = (self.directory / "log.txt").open("ab")
        self._ready, writer = os.pipe()
        command = [sys.executable, "-P", *self._arguments, "--config", str(self._config), "--ready-fd", str(writer)]
        self._started = time.perf_counter()
        self.process = subprocess.Popen(
            command, pass_fds=[writer], stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log
        )
        os.close(writer)
        return self

    def is_ready(self) -> bool:
        """Whether the process has said that it is ready; then the station is connected. Raises RigError when it has ended."""
        if self.ready_s is not None:
            return True
        if not select.select([self._ready], [], [], 0)[0]:
            return False
        if not os.read(self._ready, 64):
            raise RigError(f"the measured process did not get ready; its log ends with: {self.log_tail()}")
        self.ready_s = time.perf_counter() - self._started
        self._permits.connect(str(self._station.safety_socket))
        self._permits.setblocking(False)
        return True

    def __exit__(self, *_: object) -> None:
        vars(wiring).update(HOLD_TAU_S=self._hold_s)
        os.close(self._ready)
        self._permits.close()
        self.process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + 5.0
        while self.process.poll() is None and time.monotonic() < deadline:
            self._world.poll()
            time.sleep(0.002)
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._log.close()
        self._world.close()
        self._memory.cleanup()

    def log_tail(self, lines: int = 4) -> str:
        return " / ".join((self.directory / "log.txt").read_text(errors="replace").splitlines()[-lines:])

    def against_charging(self) -> str:
        """Return what the process says stands against closing its contactors."""
        return "; ".join(f"EVSE {facts.evse_id}: {', '.join(facts.blocked_by)}" for facts in self._told.values())

    def plug_in(self) -> None:
        """A willing vehicle comes to every EVSE."""
        for evse in self._world.plant.evses:
            self._world.verb("plug_in", {"evse": evse})

    def toggle(self) -> None:
        """From now on every vehicle stops asking and asks again, as quickly as it is served."""
        models = self._world.plant.evses.values()
        self.togglers = tuple(Toggler(model, self._chance, self._period_s) for model in models)

    def is_charging(self) -> bool:
        return all(model.contactor.is_closed for model in self._world.plant.evses.values())

    def poll(self) -> None:
        """Let the plant catch up, the vehicles act and the station renew. Raises RigError when the process has died."""
        self._world.poll()
        now = time.monotonic()
        for toggler in self.togglers:
            if toggler.act(self._world.plant.now):
                self._world.publish()
        if self.is_ready() and now >= self._renew_at:
            self._renew_at = now + RENEW_S
            self._renew()

    def _renew(self) -> None:
        if self.process.poll() is not None:
            raise RigError(f"the measured process ended; its log ends with: {self.log_tail()}")
        fresh = Measurements((0.0, 0.0, 0.0), (230.0, 230.0, 230.0), 0.1)
        for evse in self._world.plant.evses:
            self._permits.send(encode(Permit(evse, 16.0, 3, "measured", measurements=fresh)))
        with contextlib.suppress(BlockingIOError):
            while packet := self._permits.recv(8192):
                facts = decode(packet)
                if isinstance(facts, EvseFacts):
                    self._told[facts.evse_id] = facts


def run_sites(sites: Sequence[Site], seconds: float, poll_s: float = POLL_S) -> None:
    """Keep the sites going for a while; at least once."""
    until = time.monotonic() + seconds
    while True:
        now = time.monotonic()
        for site in sites:
            site.poll()
        if now >= until:
            return
        time.sleep(max(0.0, now + poll_s - time.monotonic()))
