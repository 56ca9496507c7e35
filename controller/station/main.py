"""The station process: puts store, device model, CSMS client, safety link, devices and local API together, and runs them.

Ends with 0 after a stop signal (transactions stay open: the next start resumes or ends them) and with RESTART after a reset
that a CSMS asked for (transactions have ended); the supervisor starts it again unless it is stopping itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from random import Random, SystemRandom
from typing import TYPE_CHECKING, Any

from controller.clock import Clock, SystemClock
from controller.config import ConfigError
from controller.hal import DeviceError
from controller.local.server import LocalApi
from controller.notify import Notifier, watchdog_period_s
from controller.ocpp.client import CsmsClient, LinkSettings
from controller.ocpp.device_model import DeviceModel
from controller.ocpp.dialect import BootReason, Identity
from controller.ocpp.exc import ConfigurationError
from controller.ocpp.link import WebSocketConnector
from controller.ocpp.ports import EvseInfo, SecurityEventType
from controller.ocpp.transport import Connector
from controller.ocpp.variables import station_variables
from controller.ocpp.versions import build_model, dialect_factories
from controller.signals import stop_signals
from controller.station.app import Station
from controller.station.core import ORDERLY
from controller.station.events import EventBus
from controller.station.meters import MakeWatch, MeterWatch
from controller.station.power import apply_power
from controller.station.safety_link import SafetyLink, SocketSafetyLink
from controller.station.variables import missing_from
from controller.store.exc import StoreError
from controller.store.store import DATABASE, Store
from controller.wiring_station import StationDevices, build_station_devices

if TYPE_CHECKING:
    from controller.config import BoardConfig, StationConfig

_log = logging.getLogger(__name__)

RESTART = 75  # EX_TEMPFAIL of sysexits.h: start me again
FAILED = 1
_NEXT_BOOT = "next_boot_reason"
_LAST_BOOT = "last_boot_id"
_HIDDEN = "********"
_SECRET_KEYS = ("BasicAuthPassword", "AuthorizationKey")


def run(config: StationConfig, board: BoardConfig, ready: Callable[[], None]) -> int:
    """Run until a stop signal or a reset. Raises ConfigError, DeviceError, OSError for what cannot even begin."""
    return asyncio.run(_run(config, board, ready))


async def _run(config: StationConfig, board: BoardConfig, ready: Callable[[], None]) -> int:
    clock = SystemClock()
    store = open_store(config.state_dir / DATABASE, clock)
    try:
        devices = build_station_devices(board)
        try:
            return await _serve(config, board, clock, store, devices, ready)
        finally:
            devices.buses.close()
    finally:
        with contextlib.suppress(StoreError):
            store.close()


async def _serve(
    config: StationConfig,
    board: BoardConfig,
    clock: Clock,
    store: Store,
    devices: StationDevices,
    ready: Callable[[], None],
) -> int:
    events = EventBus(clock)

    def connect(model: DeviceModel) -> Connector:
        return WebSocketConnector(lambda: model.float("OCPPCommCtrlr.WebSocketPingInterval"), proxy=config.proxy)

    link = SocketSafetyLink(config.safety_socket)
    station, client = compose(config, board, clock, store, devices, events, link, connect, SystemRandom())
    api = LocalApi(station, shown(config))
    await api.start(config.api_socket)
    loop = asyncio.get_running_loop()
    for number in stop_signals():
        loop.add_signal_handler(number, station.stop)
    failed = False
    try:
        async with _beside(client.run(), _alive()):
            ready()
            await station.run()
    except* StoreError as errors:
        _log.critical("stopping, because this could not be kept: %s", _first(errors))
        failed = True
    finally:
        await api.stop()
    if failed:
        return FAILED
    if station.restart_reason is None:
        return 0
    remember_restart(store, station.restart_reason)
    return RESTART


def _first(errors: BaseExceptionGroup[StoreError]) -> BaseException:
    """Return the first of errors that came in groups of groups."""
    error: BaseException = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


@contextlib.asynccontextmanager
async def _beside(*work: Any) -> AsyncIterator[None]:
    """Run things for as long as the block runs; their failure ends it."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(each) for each in work]
        yield
        for task in tasks:
            task.cancel()


async def _alive() -> None:
    """Reset the service manager's watchdog for as long as the event loop turns."""
    period_s = watchdog_period_s()
    notifier = Notifier.from_environment()
    while period_s is not None:
        notifier.alive()
        await asyncio.sleep(period_s)


def compose(
    config: StationConfig,
    board: BoardConfig,
    clock: Clock,
    store: Store,
    devices: StationDevices,
    events: EventBus,
    link: SafetyLink,
    connect: Callable[[DeviceModel], Connector],
    random: Random,
    make_watch: MakeWatch = MeterWatch,
) -> tuple[Station, CsmsClient]:
    """Make the station and its CSMS client, joined. Raises ConfigError for variables and keys that do not fit.

    link, connect, random, make_watch: the ways to the safety process and to the CSMS, where chance comes from, and how meters are
    watched; a simulation has others than a charger.
    """
    config, board = apply_power(config, board)
    evses = [EvseInfo(evse.id, 1, (evse.connector_type,), evse.hardware_max_a, evse.phases) for evse in board.evses]
    model, own_keys = make_model(config, evses, store)
    reason = begin_boot(store, clock)
    client = CsmsClient(
        LinkSettings(config.csms_url, config.identity, config.protocols, config.csms_password),
        connect(model),
        dialect_factories(config.protocols, own_keys),
        model,
        store,
        clock,
        random,
        Identity(config.vendor, config.model, config.serial, config.firmware),
        boot_reason=reason,
        emit=events.publish,
    )
    station = Station(
        config,
        board,
        store,
        clock,
        model,
        client,
        link,
        devices.meters,
        devices.readers,
        events,
        devices.indicators,
        make_watch=make_watch,
    )
    client.attach(station)
    client.security_event(SecurityEventType.STARTUP, reason.value)
    return station, client


def make_model(config: StationConfig, evses: list[EvseInfo], store: Store) -> tuple[DeviceModel, dict[str, str]]:
    """Return the registry with the station's own variables. Raises ConfigError with every mistake."""
    rows = station_variables(
        evses,
        vendor=config.vendor,
        model=config.model,
        serial=config.serial,
        firmware=config.firmware,
        identity=config.identity,
    )
    try:
        return build_model((*rows, *missing_from(rows)), evses, config.ocpp_variables, config.ocpp_keys, store)
    except ConfigurationError as error:
        raise ConfigError([f"{_section_of(mistake, config)} {mistake}" for mistake in error.mistakes]) from error


def _section_of(mistake: str, config: StationConfig) -> str:
    """Return the section of the station's file that a mistake is in; it begins with the key in quotes."""
    key = mistake.split('"')[1] if mistake.count('"') > 1 else ""
    return "[ocpp.keys]" if key in config.ocpp_keys and key not in config.ocpp_variables else "[ocpp.variables]"


def open_store(path: Path, clock: Clock) -> Store:
    """Raises DeviceError that says what is wrong with the database and what to do."""
    try:
        store = Store.open(path, clock)
    except StoreError as error:
        raise DeviceError("database", str(error)) from error
    if store.salvage is not None:
        _log.error("%s", store.salvage)
    return store


def remember_restart(store: Store, reason: BootReason) -> None:
    """Let the next start tell the CSMS why it happened."""
    store.set_meta(_NEXT_BOOT, reason.value)


def begin_boot(store: Store, clock: Clock) -> BootReason:
    """Note this start and return why it happened, as BootNotification tells it. Raises DeviceError where that cannot be kept."""
    asked = store.meta(_NEXT_BOOT)
    if asked is not None:
        reason = BootReason(asked)
    elif store.meta(_LAST_BOOT) != clock.boot_id:
        reason = BootReason.POWER_UP
    else:
        reason = BootReason.LOCAL_RESET if store.meta(ORDERLY) is not None else BootReason.APPLICATION_RESET
    try:
        store.set_meta(_NEXT_BOOT, None)
        store.set_meta(_LAST_BOOT, clock.boot_id)
        store.begin_boot(reason.value)
    except StoreError as error:
        raise DeviceError("database", str(error)) from error
    return reason


def shown(config: StationConfig) -> dict[str, Any]:
    """Return the configuration in force as JSON values, secrets hidden."""
    values: dict[str, Any] = {}
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if field.name == "csms_password":
            value = _HIDDEN if value else None
        elif field.name in ("ocpp_variables", "ocpp_keys"):
            value = {key: _HIDDEN if key.endswith(_SECRET_KEYS) else text for key, text in value.items()}
        elif isinstance(value, Path):
            value = str(value)
        values[field.name] = value
    return values
