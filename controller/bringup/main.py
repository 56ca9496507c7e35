"""Bring-up as a program: nobody else may have the devices; the station is started only for its last step."""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from controller import __version__
from controller.bringup.finding import Finding, failed, left_out, passed
from controller.bringup.person import Person
from controller.bringup.report import Report, sha256_of, write
from controller.bringup.station_walk import walk_readers
from controller.bringup.walk import EvseWalk
from controller.child import command_line, lock_file, locks, os_error_line, prepare_directories
from controller.clock import SystemClock
from controller.config import BoardConfig, StationConfig
from controller.exits import CommandFailed, ExitCode
from controller.hal import DeviceError
from controller.local.client import LineClient
from controller.local.exc import LocalError
from controller.logic.records import Basis, ChargingRecord
from controller.safety.realtime import PRIORITY
from controller.store.store import DATABASE, Store
from controller.wiring_safety import build_safety
from controller.wiring_station import build_station_devices

READY_S = 30.0
ONLINE_S = 30.0
STOP_S = 10.0


def bring_up(
    config: StationConfig,
    config_path: Path | None,
    board: BoardConfig,
    person: Person,
    directory: Path,
    evses: tuple[int, ...],
) -> tuple[Report, tuple[Path, Path]]:
    """Walk, start the station for its CSMS, write the report. Raises CommandFailed, DriverMistake.

    evses: which; empty: all. directory: where the report goes.
    """
    began = datetime.now(UTC)
    prepare_directories(config)
    try:
        with handed_over(config):
            findings = _findings(config, config_path, board, person, evses)
        report = _report(config, board, person, began, findings)
        return report, write(report, directory)
    except DeviceError as error:
        raise CommandFailed(str(error), ExitCode.DEVICE) from error
    except OSError as error:
        raise CommandFailed(os_error_line(error), ExitCode.DEVICE) from error


def _findings(
    config: StationConfig, config_path: Path | None, board: BoardConfig, person: Person, evses: tuple[int, ...]
) -> list[Finding]:
    with alone(config, config_path, board):
        findings = asyncio.run(_walk(config, board, person, evses))
    return findings + _csms(config, config_path, person)


@contextlib.contextmanager
def handed_over(config: StationConfig) -> Iterator[None]:
    """Leave what root made to those whose directories these are: the services must be able to open it afterwards.

    The run directory is a group's (each process is another user of it), the state directory is the station's alone.
    """
    places = ((config.run_dir, 0o060), (config.state_dir, 0o000))
    before = {path for place, _ in places for path in place.rglob("*")}
    try:
        yield
    finally:
        if os.geteuid() == 0:
            for place, mode in places:
                owner = place.stat()
                for path in set(place.rglob("*")) - before:
                    if not path.is_symlink() and path.exists():
                        os.chown(path, -1 if mode else owner.st_uid, owner.st_gid)
                        path.chmod(path.stat().st_mode & 0o777 | mode)


@contextlib.contextmanager
def alone(config: StationConfig, config_path: Path | None, board: BoardConfig) -> Iterator[None]:
    """Have the devices to oneself, in time; with the mock bench where the board is one. Raises CommandFailed while a station runs."""
    with contextlib.ExitStack() as held:
        for name in ("safety", "station"):
            for path, what in locks(name, config):
                held.enter_context(lock_file(path, f"{what}; stop the station first"))
        if board.bench:
            held.enter_context(_child("bench", config, config_path))
        held.enter_context(_urgent())
        yield


def _report(
    config: StationConfig, board: BoardConfig, person: Person, began: datetime, findings: list[Finding]
) -> Report:
    return Report(
        config.identity,
        config.serial,
        config.revision,
        str(board.path),
        sha256_of(board.path),
        f"Pilotline {__version__}",
        f"{os.uname().nodename} ({os.uname().machine}, Linux {os.uname().release})",
        began,
        person.signs(),
        tuple(findings),
    )


@contextlib.contextmanager
def _urgent() -> Iterator[None]:
    """Keep the safety passes in time beside everything else, where this user may."""
    before = os.sched_getscheduler(0), os.sched_getparam(0)
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(PRIORITY))
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, *before)


async def _walk(config: StationConfig, board: BoardConfig, person: Person, evses: tuple[int, ...]) -> list[Finding]:
    findings: list[Finding] = []
    safety = build_safety(board)
    with contextlib.ExitStack() as ending:
        ending.callback(safety.buses.close)
        ending.enter_context(safety.naming_drivers())
        devices = build_station_devices(board)
        try:
            for ports in safety.evses:
                evse = next(each for each in board.evses if each.id == ports.config.evse_id)
                if evses and evse.id not in evses:
                    continue
                walk = EvseWalk(
                    board, evse, ports, safety.board, devices.meters.get(evse.id), person, _committer(config),
                    monotonic=safety.buses.monotonic,
                )  # fmt: skip
                await walk.run()
                findings += walk.findings
            names = [f"{section.name} ({section.where})" for section in board.readers]
            readers = [(reader, name) for (reader, _), name in zip(devices.readers, names, strict=True)]
            findings += await walk_readers(readers, person)
        finally:
            for meter in devices.meters.values():
                await meter.close()
            devices.buses.close()
    return findings


def _committer(config: StationConfig) -> Callable[[int, int | None], str]:
    def commit(evse_id: int, register_wh: int | None) -> str:
        """Commit why energy may flow, before it does: the station's own rule."""
        clock = SystemClock()
        store = Store.open(config.state_dir / DATABASE, clock)
        try:
            record = ChargingRecord(
                store.new_transaction_id(), "bring-up", evse_id, Basis.TEST, None, register_wh, clock.now()
            )
            store.add_charging_record(record)
            return record.id
        finally:
            store.close()

    return commit


# --- the CSMS -------------------------------------------------------------------------------------------------------------


def _csms(config: StationConfig, config_path: Path | None, person: Person) -> list[Finding]:
    """Start the whole station and see whether its CSMS takes it."""
    step, expected = "CSMS", f"registered within {ONLINE_S:.0f} s"
    if not config.csms_url:
        finding = left_out(step, None, "no url in [csms]")
    else:
        try:
            with _child(None, config, config_path):
                finding = _online(config, step, expected)
        except CommandFailed as error:
            finding = failed(step, None, str(error), expected, "the station's own log says more: pilotline run")
    person.sees(finding)
    return [finding]


def _online(config: StationConfig, step: str, expected: str) -> Finding:
    deadline = time.monotonic() + ONLINE_S
    problem = ""
    while time.monotonic() < deadline:
        try:
            with LineClient(config.api_socket, "the station") as client:
                csms = client.ask({"id": 1, "do": "status"})["status"]["csms"]
        except LocalError as error:
            problem = str(error)
        else:
            if csms["online"]:
                return passed(step, None, f"{csms['url']} by {csms['protocol']}", expected)
            problem = csms["problem"] or "not yet accepted"
        time.sleep(0.25)
    check = "url, identity and password of [csms]; the network; what the CSMS expects; to try it without one: pilotline csms"
    return failed(step, None, problem, expected, check)


@contextlib.contextmanager
def _child(name: str | None, config: StationConfig, config_path: Path | None) -> Iterator[None]:
    """Keep the bench (or, None, the whole station) running. Raises CommandFailed where it does not get ready."""
    ready, writer = os.pipe()
    parent, kept = os.pipe()
    command = command_line(name, config_path, writer, parent)
    log = (config.run_dir / "bring-up.log").open("ab")
    before = log.tell()
    with log:
        process = subprocess.Popen(command, pass_fds=(writer, parent), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    os.close(writer)
    os.close(parent)
    try:
        if not _is_ready(ready):
            said = Path(log.name).read_bytes()[before:].decode("utf-8", "replace").splitlines()
            last = said[-1].rpartition(" ERROR ")[2] if said else "without a word"
            raise CommandFailed(f"the {name or 'station'} did not start: {last} ({log.name})", ExitCode.FAILED)
        yield
    finally:
        os.close(ready)
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        os.close(kept)


def _is_ready(fd: int) -> bool:
    return bool(select.select([fd], [], [], READY_S)[0]) and bool(os.read(fd, 64))
