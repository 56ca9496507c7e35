"""Facts to fill a store with, and a clock that is moved by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from controller.logic.records import EventKind, MeterSampled, StopReason, TransactionEvent, Trigger
from controller.logic.values import ClockQuality, IdToken, Measurand, Sample, SampleContext, Stamp
from controller.store.database import StoreLimits
from controller.store.store import Store

CSMS = "csms.example/ocpp"
V16 = "ocpp1.6"
V201 = "ocpp2.0.1"
EPOCH = datetime(2026, 1, 5, 6, 0, tzinfo=UTC)


class HandClock:
    """A clock that moves when told. wall_error: how wrong the wall clock is until `set_wall`."""

    def __init__(
        self,
        *,
        boot_id: str = "boot-1",
        trusted: bool = True,
        wall_error: timedelta = timedelta(),
        monotonic_s: float = 100.0,
        true_wall: datetime = EPOCH,
    ) -> None:
        self.boot_id = boot_id
        self._quality = ClockQuality.TRUSTED if trusted else ClockQuality.UNTRUSTED
        self._error = wall_error
        self._monotonic_s = monotonic_s
        self.true_wall = true_wall

    def monotonic(self) -> float:
        return self._monotonic_s

    def now(self) -> Stamp:
        return Stamp(self.boot_id, self._monotonic_s, self.true_wall + self._error, self._quality)

    def set_wall(self, wall: datetime) -> None:
        self._error = wall - self.true_wall
        self._quality = ClockQuality.TRUSTED

    def advance(self, seconds: float) -> None:
        self._monotonic_s += seconds
        self.true_wall += timedelta(seconds=seconds)


def open_store(path: Path, clock: HandClock | None = None, **limits: float) -> Store:
    return Store.open(path, clock or HandClock(), StoreLimits(**limits))  # type: ignore[arg-type]


def energy(wh: float, context: SampleContext = SampleContext.SAMPLE_PERIODIC) -> tuple[Sample, ...]:
    return (Sample(Measurand.ENERGY_IMPORT, wh, "Wh", context),)


def started(transaction_id: str, stamp: Stamp, *, online: bool = True, register_wh: int = 1000) -> TransactionEvent:
    return TransactionEvent(
        transaction_id,
        EventKind.STARTED,
        Trigger.AUTHORIZED,
        stamp,
        online,
        evse_id=1,
        connector_id=1,
        id_token=IdToken("04A1B2C3"),
        register_wh=register_wh,
        samples=energy(register_wh, SampleContext.TRANSACTION_BEGIN),
    )


def updated(
    transaction_id: str, stamp: Stamp, *, online: bool = True, register_wh: int = 1100, may_drop: bool = True
) -> TransactionEvent:
    return TransactionEvent(
        transaction_id,
        EventKind.UPDATED,
        Trigger.METER_VALUE_PERIODIC,
        stamp,
        online,
        register_wh=register_wh,
        samples=energy(register_wh),
        may_drop=may_drop,
    )


def ended(transaction_id: str, stamp: Stamp, *, online: bool = True, register_wh: int = 1200) -> TransactionEvent:
    return TransactionEvent(
        transaction_id,
        EventKind.ENDED,
        Trigger.EV_DEPARTED,
        stamp,
        online,
        stopped_reason=StopReason.EV_DISCONNECTED,
        register_wh=register_wh,
        samples=energy(register_wh, SampleContext.TRANSACTION_END),
    )


def metered(stamp: Stamp, *, online: bool = True, wh: int = 500) -> MeterSampled:
    return MeterSampled(1, stamp, online, energy(wh, SampleContext.SAMPLE_CLOCK))


def begin(store: Store, clock: HandClock, *, protocol: str = V201, csms: str = CSMS, online: bool = True) -> str:
    """Begin a transaction and return its id."""
    transaction_id = store.new_transaction_id()
    store.begin_transaction(started(transaction_id, clock.now(), online=online), protocol=protocol, csms=csms)
    return transaction_id
