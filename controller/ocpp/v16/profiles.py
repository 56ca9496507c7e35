"""SetChargingProfile, ClearChargingProfile and GetCompositeSchedule (§5.16, §5.5, §5.7), and the profile of a remote start."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import datetime

from msgspec import UnsetType

from controller.clock import Clock
from controller.logic.profiles import (
    ChargingProfile,
    ProfileKind,
    ProfilePurpose,
    RateUnit,
    Recurrency,
    SchedulePeriod,
)
from controller.ocpp.device_model import DeviceModel
from controller.ocpp.exc import CallError, ErrorCode
from controller.ocpp.ports import ChargingStation
from controller.ocpp.rpc import Handler, Reply
from controller.ocpp.schema import as_utc, given
from controller.ocpp.v16 import messages
from controller.ocpp.v16.connectors import STATION, Connectors
from controller.store.store import Store

_PURPOSES = {
    "ChargePointMaxProfile": ProfilePurpose.STATION_MAX,
    "TxDefaultProfile": ProfilePurpose.TX_DEFAULT,
    "TxProfile": ProfilePurpose.TX,
}
_NOT_SUPPORTED = "NotSupported"  # a reason of the station that 1.6 has a status for (§7.11)


class BadProfile(Exception):
    """A profile that conforms to its schema and still makes no sense. The message says why."""


def profile_from_wire(
    wire: messages.ChargingProfile | messages.CsChargingProfiles, *, max_stack_level: int, max_periods: int
) -> ChargingProfile:
    """Return the profile without its transaction. Raises BadProfile."""
    schedule = wire.chargingSchedule
    periods = tuple(
        SchedulePeriod(period.startPeriod, float(period.limit), given(period.numberPhases))
        for period in schedule.chargingSchedulePeriod
    )
    starts = [period.start_s for period in periods]
    rules = (
        (bool(periods) and starts[0] == 0, "the first startPeriod is not 0"),  # errata §3.45
        (starts == sorted(set(starts)), "the periods are not in order"),
        (len(periods) <= max_periods, f"more than {max_periods} periods"),
        (all(period.limit >= 0 for period in periods), "a limit below 0"),
        (all(period.phases is None or 1 <= period.phases <= 3 for period in periods), "numberPhases is not 1 to 3"),
        (0 <= wire.stackLevel <= max_stack_level, f"stackLevel is not 0 to {max_stack_level}"),
        ((given(schedule.duration) or 0) >= 0, "duration is negative"),
    )
    for holds, why in rules:
        if not holds:
            raise BadProfile(why)
    return _assembled(wire, schedule, periods)


def _assembled(
    wire: messages.ChargingProfile | messages.CsChargingProfiles,
    schedule: messages.ChargingSchedule,
    periods: tuple[SchedulePeriod, ...],
) -> ChargingProfile:
    kind, start = ProfileKind(wire.chargingProfileKind), _moment(schedule.startSchedule)
    recurrency = given(wire.recurrencyKind)
    if kind is ProfileKind.RECURRING and recurrency is None:
        raise BadProfile("Recurring without recurrencyKind")
    if kind is ProfileKind.RECURRING and start is None:
        raise BadProfile("Recurring without startSchedule")
    if kind is ProfileKind.ABSOLUTE and start is None:
        kind = ProfileKind.RELATIVE  # §7.13: without a start the schedule is relative to the start of charging
    valid_from, valid_to = _moment(wire.validFrom), _moment(wire.validTo)
    if valid_from is not None and valid_to is not None and valid_to <= valid_from:
        raise BadProfile("validTo is not after validFrom")
    min_rate = given(schedule.minChargingRate)
    return ChargingProfile(
        id=wire.chargingProfileId,
        purpose=_PURPOSES[wire.chargingProfilePurpose],
        kind=kind,
        stack_level=wire.stackLevel,
        unit=RateUnit(schedule.chargingRateUnit),
        periods=periods,
        # errata §3.56: recurrencyKind means something only in a Recurring profile
        recurrency=Recurrency(recurrency) if recurrency and kind is ProfileKind.RECURRING else None,
        start=start if kind is not ProfileKind.RELATIVE else None,
        duration_s=given(schedule.duration),
        min_rate=None if min_rate is None else float(min_rate),
        valid_from=valid_from,
        valid_to=valid_to,
    )


def _moment(value: datetime | UnsetType) -> datetime | None:
    at = given(value)
    return None if at is None else as_utc(at)


class Profiles:
    def __init__(
        self, station: ChargingStation, model: DeviceModel, store: Store, connectors: Connectors, clock: Clock
    ) -> None:
        self._clock = clock
        self._station = station
        self._model = model
        self._store = store
        self._connectors = connectors

    def handlers(self) -> dict[str, Handler]:
        return {
            "SetChargingProfile": self.set,
            "ClearChargingProfile": self.clear,
            "GetCompositeSchedule": self.composite_schedule,
        }

    def read(self, wire: messages.ChargingProfile | messages.CsChargingProfiles) -> ChargingProfile:
        """Return a profile within this station's bounds, without its transaction. Raises BadProfile."""
        return profile_from_wire(
            wire,
            max_stack_level=self._model.int("SmartChargingCtrlr.ProfileStackLevel"),
            max_periods=self._model.int("SmartChargingCtrlr.PeriodsPerSchedule"),
        )

    async def set(self, request: messages.SetChargingProfileRequest) -> Reply:
        place = self._connectors.place(request.connectorId)
        if place is None and request.connectorId != STATION:
            # errata §3.39
            raise CallError(ErrorCode.PROPERTY_CONSTRAINT_VIOLATION, f"there is no connector {request.connectorId}")
        evse_id = STATION if place is None else place[0]
        try:
            profile = self._for_connector(request.csChargingProfiles, evse_id)
        except BadProfile:
            return Reply({"status": "Rejected"})
        replaced = self._replaced_by(evse_id, profile)
        if len(self._store.profiles()) - len(replaced) >= self._most:
            return Reply({"status": "Rejected"})
        decision = self._station.set_profile(evse_id, profile)
        if decision.accepted:
            for where, old_id in replaced:
                if (where, old_id) != (evse_id, profile.id):
                    self._station.clear_profiles(profile_id=old_id, evse_id=where, purpose=None, stack_level=None)
            return Reply({"status": "Accepted"})
        return Reply({"status": _NOT_SUPPORTED if decision.reason_code == _NOT_SUPPORTED else "Rejected"})

    def _replaced_by(self, evse_id: int, new: ChargingProfile) -> list[tuple[int, int]]:
        """Return (evse_id, profile id) of those with its id, or its purpose and stack level on its connector (§5.16.3)."""

        def level(where: int, profile: ChargingProfile) -> tuple[object, ...]:
            return where, profile.purpose, profile.stack_level, profile.transaction_id

        return [
            (where, old.id)
            for where, old in self._store.profiles()
            if old.id == new.id or level(where, old) == level(evse_id, new)
        ]

    @property
    def _most(self) -> float:
        """MaxChargingProfilesInstalled."""
        variable = self._model.variable("SmartChargingCtrlr.Entries[ChargingProfiles]")
        return variable.maximum if variable is not None and variable.maximum is not None else math.inf

    def _for_connector(self, wire: messages.CsChargingProfiles, evse_id: int) -> ChargingProfile:
        profile = self.read(wire)
        if profile.purpose is ProfilePurpose.STATION_MAX and evse_id != STATION:
            raise BadProfile("ChargePointMaxProfile is for connector 0")  # §3.13.1
        if profile.purpose is ProfilePurpose.STATION_MAX and profile.kind is ProfileKind.RELATIVE:
            # §7.9: what it is relative to is ours to determine; the station itself has no start of charging.
            start = _moment(wire.chargingSchedule.startSchedule) or profile.valid_from or self._clock.now().wall
            return replace(profile, kind=ProfileKind.ABSOLUTE, start=start)
        if profile.purpose is not ProfilePurpose.TX:
            return profile
        # §5.16.4: not without a running transaction, not in advance of one; it dies with it (§3.13.1)
        running = self._station.transaction_on(evse_id) if evse_id != STATION else None
        if running is None:
            raise BadProfile("TxProfile without a running transaction")
        wire_id = given(wire.transactionId)
        if wire_id is not None:
            named = self._store.transaction_by_wire_id(wire_id)
            if named is None or named.id != running:
                raise BadProfile(f"transaction {wire_id} does not run on this connector")
        return replace(profile, transaction_id=running)

    async def clear(self, request: messages.ClearChargingProfileRequest) -> Reply:
        profile_id, connector = given(request.id), given(request.connectorId)
        if profile_id is not None:  # errata §3.26: then all other fields are ignored
            cleared = self._station.clear_profiles(profile_id=profile_id, evse_id=None, purpose=None, stack_level=None)
            return Reply({"status": "Accepted" if cleared else "Unknown"})
        evse_id = None
        if connector is not None:
            place = self._connectors.place(connector)
            if place is None and connector != STATION:
                return Reply({"status": "Unknown"})
            evse_id = STATION if place is None else place[0]
        purpose = given(request.chargingProfilePurpose)
        cleared = self._station.clear_profiles(
            profile_id=None,
            evse_id=evse_id,
            purpose=None if purpose is None else _PURPOSES[purpose].value,
            stack_level=given(request.stackLevel),
        )
        return Reply({"status": "Accepted" if cleared else "Unknown"})

    async def composite_schedule(self, request: messages.GetCompositeScheduleRequest) -> Reply:
        """This station cannot report a composite schedule, which §5.7 has a status for."""
        return Reply({"status": "Rejected"})
