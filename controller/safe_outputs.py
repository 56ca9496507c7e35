"""Drive every output of a board safe from outside: what systemd runs after the safety process ended, however it ended.

The kernel keeps GPIO lines and PWM channels as they were when a process dies. Opening a driver drives its lines low; each is
then told the safe state by name, and closing lets the lines go, in the order of `Buses.close`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from controller.config import BoardConfig, DeviceSection
from controller.hal import DeviceError, LockMotion
from drivers.bus import Buses
from drivers.registry import UnknownDriver, build, told

_SAFE: dict[str, Callable[[Any], object]] = {
    "contactor": lambda contactor: contactor.command(False, 1),
    "pilot_driver": lambda pilot: pilot.disconnect(),
    "lock": lambda lock: lock.drive(LockMotion.REST),
    "residual": lambda residual: residual.test(False),
}


def safe_outputs(board: BoardConfig) -> list[str]:
    """De-energise contactors, disconnect pilots, rest locks, end RCD tests. Returns what could not be done, one line each."""
    failures: list[str] = []
    buses = Buses(board.buses, board.adcs)
    for section in _outputs(board):
        with _noting(failures, section.where):
            _SAFE[section.family](build(section, buses))
    with _noting(failures, board.name):
        buses.close()
    return list(dict.fromkeys(failures))  # a bus that is gone is told once


def _outputs(board: BoardConfig) -> Iterator[DeviceSection]:
    for family in _SAFE:
        for evse in board.evses:
            section = getattr(evse, family)
            if section is not None:
                yield section


@contextlib.contextmanager
def _noting(failures: list[str], where: str) -> Iterator[None]:
    """Whatever a driver raises, the others are made safe."""
    try:
        yield
    except (DeviceError, UnknownDriver, OSError) as error:
        failures.append(" ".join(str(error).split()))
    except Exception as error:  # noqa: BLE001 - see above
        failures.append(f"{where}: {told(error)}")
