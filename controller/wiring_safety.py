"""Builds the safety process' ports from a board file: the only place in it that names drivers, through the registry."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from controller.hal import DeviceError, DriverMistake
from controller.logic.evse import PilotOutput
from controller.logic.pilot import EvseConfig
from controller.safety.ports import BoardPorts, EvsePorts
from controller.safety.slow import SlowCalls
from drivers import registry
from drivers.bus import Buses

if TYPE_CHECKING:
    from controller.config import BoardConfig
    from controller.config.board import DeviceSection, EvseBoard


@dataclass(frozen=True, slots=True)
class SafetyWiring:
    """Everything the safety process drives and reads. `buses.close()` de-energises and lets go. drivers: each with its section.

    slow: what of somebody else's took too long.
    """

    evses: tuple[EvsePorts, ...]
    board: BoardPorts
    buses: Buses
    drivers: tuple[tuple[DeviceSection, Any], ...] = ()
    slow: SlowCalls = field(default_factory=SlowCalls)

    @contextlib.contextmanager
    def naming_drivers(self) -> Iterator[None]:
        """Turn what a driver raised into a DriverMistake that names it. What comes out of no driver stays as it is."""
        try:
            yield
        except DeviceError:
            raise
        except Exception as error:
            section, driver = self._raised_by(error)
            if section is None:
                raise
            problem, ask = registry.mistake(section, error)
            raise DriverMistake(f"{section.where}: {type(driver).__name__}, {problem}", ask) from error

    def _raised_by(self, error: Exception) -> tuple[DeviceSection, Any] | tuple[None, None]:
        """Return the innermost driver that was being called."""
        known = {id(driver): (section, driver) for section, driver in self.drivers}
        found: tuple[DeviceSection, Any] | tuple[None, None] = (None, None)
        trace = error.__traceback__
        while trace is not None:
            found = known.get(id(trace.tb_frame.f_locals.get("self")), found)
            trace = trace.tb_next
        return found


def build_safety(board: BoardConfig) -> SafetyWiring:
    """Open the devices. Raises DeviceError; then everything opened before is released again."""
    buses = Buses(board.buses, board.adcs)
    drivers: list[tuple[DeviceSection, Any]] = []
    slow = SlowCalls(buses.monotonic)

    def build(section: DeviceSection | None) -> Any:
        if section is None:
            return None
        driver = registry.build(section, buses)
        drivers.append((section, driver))
        if registry.is_foreign(section.family, section.type):
            where = f"{section.where}: {registry.named(section.family, section.type)}"
            slow.watch(driver, where, registry.calls_of(section.family))
        return driver

    try:
        evses = tuple(_evse(each, board.period_ms / 1000.0, build) for each in board.evses)
        shared = BoardPorts(
            watchdog=build(board.watchdog),
            mains=build(board.mains),
            estop=build(board.estop),
            limit=build(board.limit.contact if board.limit is not None else None),
        )
    except BaseException:
        buses.close()
        raise
    return SafetyWiring(evses, shared, buses, tuple(drivers), slow)


def evse_config(evse: EvseBoard, period_s: float) -> EvseConfig:
    """Return what the machine needs of a board file's EVSE."""
    residual = evse.residual
    return EvseConfig(
        evse_id=evse.id,
        phases=evse.phases,
        hardware_max_a=evse.hardware_max_a,
        cable_a=evse.cable_a if evse.tethered else None,
        has_lock=evse.lock is not None,
        has_ventilation=evse.ventilation,
        has_rcd=residual is not None,
        has_rcd_test=residual is not None and getattr(residual.settings, "test_pin", None) is not None,
        upstream_rcd=evse.upstream_rcd,
        period_s=period_s,
        has_temperature=evse.temperature is not None,
        has_phase_sense=evse.phase_sense is not None,
        switches_phases=evse.phase_switching,
        phase_wait_s=float(evse.phase_wait_s),
        wake_up=None if evse.wake_up == "off" else PilotOutput(evse.wake_up),
        unlocks_without_mains=evse.unlock_on_mains_loss,
        rcd_outputs=1 if residual is None or getattr(residual.settings, "trip_30ma_pin", None) is None else 2,
    )


def _evse(evse: EvseBoard, period_s: float, build: Callable[[DeviceSection | None], Any]) -> EvsePorts:
    # The contactor's output is opened first: from here on the coil is off, whatever fails later.
    contactor = build(evse.contactor)
    return EvsePorts(
        config=evse_config(evse, period_s),
        contactor=contactor,
        pilot_driver=build(evse.pilot_driver),
        pilot_sense=build(evse.pilot_sense),
        proximity=build(evse.proximity),
        lock=build(evse.lock),
        residual=build(evse.residual),
        temperature=build(evse.temperature),
        ground=build(evse.ground),
        phase_sense=build(evse.phase_sense),
    )
