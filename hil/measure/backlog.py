"""A backlog of transactions, written by the calls of the store that the station makes."""

from __future__ import annotations

from pathlib import Path

from controller.clock import SystemClock
from controller.logic.metering import samples
from controller.logic.records import (
    Basis,
    ChargingRecord,
    ChargingState,
    EventKind,
    StopReason,
    TransactionEvent,
    Trigger,
)
from controller.logic.values import IdToken, Measurand, MeterReading, SampleContext, Stamp
from controller.store.database import StoreLimits
from controller.store.store import Store

EACH = 200  # messages of a transaction: with a sample a minute, three hours and a bit
TOKEN = IdToken("04A2B3C4D5E680")
_REGISTER = (Measurand.ENERGY_IMPORT,)
# What an update tells unless it is configured otherwise.
_USUAL = (*_REGISTER, Measurand.POWER_IMPORT, Measurand.CURRENT_IMPORT, Measurand.VOLTAGE)
_BEGINS = {
    EventKind.STARTED: (Trigger.AUTHORIZED, _REGISTER, SampleContext.TRANSACTION_BEGIN),
    EventKind.UPDATED: (Trigger.METER_VALUE_PERIODIC, _USUAL, SampleContext.SAMPLE_PERIODIC),
    EventKind.ENDED: (Trigger.EV_DEPARTED, _REGISTER, SampleContext.TRANSACTION_END),
}


def clock() -> SystemClock:
    """Return a clock that is taken to be right."""
    return SystemClock(lambda: True)


def write(path: Path, messages: int, *, protocol: str, csms: str) -> None:
    """Fill a new store with so many messages of transactions, each ended, all of them taken offline on a three-phase meter."""
    path.parent.mkdir(parents=True, exist_ok=True)
    now = clock().now
    store = Store.open(path, clock(), StoreLimits(durable=False))  # only to be there
    register_wh = 1_000_000
    for _ in range(messages // EACH):
        transaction_id, session_id, record_id = (store.new_transaction_id() for _ in range(3))
        store.open_session(session_id, 1, now())
        store.add_charging_record(ChargingRecord(record_id, session_id, 1, Basis.OFFLINE, TOKEN, register_wh, now()))
        for number in range(EACH):
            event = _event(transaction_id, number, register_wh, now())
            register_wh += 182
            if event.kind is EventKind.STARTED:
                store.begin_transaction(event, protocol=protocol, csms=csms, session_id=session_id, record_id=record_id)
            else:
                store.add_event(event)
        store.close_session(session_id, now())
    store.close()


def _event(transaction_id: str, number: int, register_wh: int, now: Stamp) -> TransactionEvent:
    kind = EventKind.STARTED if not number else EventKind.ENDED if number == EACH - 1 else EventKind.UPDATED
    trigger, measurands, context = _BEGINS[kind]
    current_a = tuple(15.8 + (number + phase) % 7 / 100.0 for phase in range(3))
    voltage_v = tuple(229.5 + (number * 3 + phase) % 11 / 10.0 for phase in range(3))
    power_w = tuple(round(volt * ampere, 1) for volt, ampere in zip(voltage_v, current_a, strict=True))
    reading = MeterReading(
        now.monotonic_s, voltage_v, current_a, round(sum(power_w), 1), register_wh, phase_power_w=power_w
    )
    return TransactionEvent(
        transaction_id,
        kind,
        trigger,
        now,
        online=False,
        charging_state=ChargingState.CHARGING,
        evse_id=1,
        connector_id=1,
        id_token=TOKEN if kind is EventKind.STARTED else None,
        stopped_reason=StopReason.EV_DISCONNECTED if kind is EventKind.ENDED else None,
        register_wh=register_wh,
        samples=samples(reading, measurands, context, offered_a=16.0, phases=3),
        phases_used=3,
        may_drop=kind is EventKind.UPDATED,
    )
