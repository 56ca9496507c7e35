"""Variables that are read at the moment they are asked for."""

from __future__ import annotations

from functools import partial

from controller.clock import Clock
from controller.logic.values import Measurand, SampleContext
from controller.ocpp.device_model import DeviceModel
from controller.ocpp.ports import ChargingStation, ConnectorStatus
from controller.ocpp.schema import wire_time
from controller.store.store import Store

# What 2.x calls the states of 1.6 (ConnectorStatusEnumType); the rest is Occupied.
_SAME = (ConnectorStatus.AVAILABLE, ConnectorStatus.RESERVED, ConnectorStatus.UNAVAILABLE, ConnectorStatus.FAULTED)
_BEST_FIRST = ("Available", "Occupied", "Reserved", "Unavailable", "Faulted")


def availability_state(station: ChargingStation, evse_id: int, connector_id: int) -> str:
    """Return a connector's AvailabilityState, which is its ConnectorStatusEnumType."""
    report = station.status(evse_id, connector_id)
    if report.status in _SAME:
        return report.status.value
    return "Available" if report.is_vacant else "Occupied"  # TC_E_26_CS


def bind_live(model: DeviceModel, station: ChargingStation, clock: Clock, store: Store, endpoint: str) -> None:
    """Give every live variable of the registry its source."""
    model.bind("ClockCtrlr.DateTime", lambda: wire_time(clock.now().wall))
    model.bind("SecurityCtrlr.SecurityProfile", lambda: "2" if endpoint.startswith("wss:") else "1")
    model.bind("SmartChargingCtrlr.Entries[ChargingProfiles]", lambda: str(len(store.profiles())))
    everywhere = [evse.id for evse in station.evses]
    model.bind("ChargingStation.AvailabilityState", partial(_best, station, everywhere))
    model.bind("ChargingStation.Problem", partial(_has_problem, station, everywhere))
    for evse in station.evses:
        model.bind(f"EVSE@{evse.id}.AvailabilityState", partial(_best, station, [evse.id]))
        model.bind(f"EVSE@{evse.id}.Problem", partial(_has_problem, station, [evse.id]))
        model.bind(f"EVSE@{evse.id}.Power", partial(_power_w, station, evse.id))
        for connector_id in range(1, evse.connectors + 1):
            model.bind(
                f"Connector@{evse.id},{connector_id}.AvailabilityState",
                partial(availability_state, station, evse.id, connector_id),
            )


def _best(station: ChargingStation, evse_ids: list[int]) -> str:
    """A whole is as available as its best part."""
    states = {
        availability_state(station, evse.id, connector_id)
        for evse in station.evses
        if evse.id in evse_ids
        for connector_id in range(1, evse.connectors + 1)
    }
    return next((state for state in _BEST_FIRST if state in states), "Unavailable")


def _has_problem(station: ChargingStation, evse_ids: list[int]) -> str:
    """Whether a fault keeps any connector of them from working (B07.FR.09)."""
    places = [(evse.id, number) for evse in station.evses for number in range(1, evse.connectors + 1)]
    faulted = ConnectorStatus.FAULTED
    found = any(station.status(*place).status is faulted for place in places if place[0] in evse_ids)
    return str(found).lower()


def _power_w(station: ChargingStation, evse_id: int) -> str:
    samples = station.samples(evse_id, (Measurand.POWER_IMPORT,), SampleContext.OTHER)
    total = [sample.value for sample in samples if sample.phase is None]
    return f"{total[0]:.0f}" if total else "0"
