"""K. Smart charging: set and clear profiles. What a profile means is the engine's business; where it may go is judged here."""

from __future__ import annotations

from datetime import UTC, datetime

from controller.logic.profiles import ChargingProfile, ProfileKind, ProfilePurpose
from controller.ocpp.dialect import Context
from controller.ocpp.exc import CallError, ErrorCode
from controller.ocpp.rpc import Handler, Reply
from controller.ocpp.schema import given
from controller.ocpp.v2 import messages201 as m
from controller.ocpp.v2.profiles import ProfileRefused, profile_from_wire
from controller.ocpp.v2.wire import has_evse, info_of, status_info
from controller.ocpp.variables import MAX_PROFILES

_NEVER = datetime.max.replace(tzinfo=UTC)
_EVER = datetime.min.replace(tzinfo=UTC)
_STATION = 0


class SmartCharging:
    def __init__(self, context: Context) -> None:
        self._context = context

    def handlers(self) -> dict[str, Handler]:
        return {"SetChargingProfile": self.set_charging_profile, "ClearChargingProfile": self.clear_charging_profile}

    def _require_enabled(self) -> None:
        if not self._context.model.bool("SmartChargingCtrlr.Enabled"):  # K01.FR.29
            raise CallError(ErrorCode.NOT_SUPPORTED, "smart charging is not enabled")

    async def set_charging_profile(self, request: m.SetChargingProfileRequest) -> Reply:
        """K01."""
        self._require_enabled()
        try:
            profile = profile_from_wire(request.chargingProfile)
            self._check_place(request.evseId, profile)
            moved_from = self._check_beside_others(request.evseId, profile)
        except ProfileRefused as refused:
            info = status_info(refused.reason_code, refused.detail)
            return Reply(m.SetChargingProfileResponse(status="Rejected", statusInfo=info))
        decision = self._context.station.set_profile(request.evseId, profile)
        if not decision.accepted:
            return Reply(m.SetChargingProfileResponse(status="Rejected", statusInfo=info_of(decision)))
        for evse_id in moved_from:  # K01.FR.05: an id names one profile of the whole station
            self._context.station.clear_profiles(profile_id=profile.id, evse_id=evse_id, purpose=None, stack_level=None)
        return Reply(m.SetChargingProfileResponse(status="Accepted"))

    def _check_place(self, evse_id: int, profile: ChargingProfile) -> None:
        """Raises ProfileRefused."""
        if evse_id != _STATION and not has_evse(self._context.station, evse_id):  # K01.FR.28
            raise ProfileRefused("UnknownEvse", f"there is no EVSE {evse_id}")
        if profile.purpose is ProfilePurpose.STATION_MAX:
            if evse_id != _STATION:
                raise ProfileRefused("InvalidProfile", "ChargingStationMaxProfile belongs to EVSE 0")
            if profile.kind is ProfileKind.RELATIVE:  # K01.FR.38
                raise ProfileRefused("InvalidProfile", "ChargingStationMaxProfile cannot be relative")
        if profile.purpose is ProfilePurpose.TX:
            self._check_transaction(evse_id, profile)

    def _check_transaction(self, evse_id: int, profile: ChargingProfile) -> None:
        if evse_id == _STATION:  # K01.FR.16
            raise ProfileRefused("InvalidProfile", "a TxProfile belongs to one EVSE")
        running = self._context.station.transaction_on(evse_id)
        if running is None:  # K01.FR.09
            raise ProfileRefused("TxNotFound", f"EVSE {evse_id} has no transaction")
        if profile.transaction_id is None:  # K01.FR.03
            raise ProfileRefused("MissingParam", "a TxProfile names its transaction")
        if profile.transaction_id != running:  # K01.FR.33
            raise ProfileRefused("TxNotFound", f"EVSE {evse_id} has another transaction")

    def _check_beside_others(self, evse_id: int, profile: ChargingProfile) -> list[int]:
        """Raises ProfileRefused; returns the other EVSEs on which this id is installed now."""
        installed = self._context.store.profiles()
        same_id = [place for place, other in installed if other.id == profile.id]
        for place, other in installed:
            if other.id == profile.id:
                if other.purpose is ProfilePurpose.EXTERNAL_CONSTRAINTS:  # K01.FR.05
                    raise ProfileRefused("InvalidProfile", "this id is an external constraint's")
            elif other.purpose is profile.purpose and other.stack_level == profile.stack_level:
                self._check_duplicate(evse_id, profile, place, other)
        if not same_id and len(installed) >= MAX_PROFILES:
            raise ProfileRefused("TooManyElements", f"{MAX_PROFILES} profiles are installed")
        return [place for place in same_id if place != evse_id]

    def _check_duplicate(self, evse_id: int, profile: ChargingProfile, place: int, other: ChargingProfile) -> None:
        """Another profile of the same purpose and stack level."""
        if profile.purpose is ProfilePurpose.TX:
            clashes = place == evse_id and other.transaction_id == profile.transaction_id  # K01.FR.39
        elif place == evse_id:
            clashes = _overlap(profile, other)  # K01.FR.06
        else:
            clashes = _STATION in (place, evse_id)  # K01.FR.52, K01.FR.53
        if clashes:
            raise ProfileRefused("DuplicateProfile", f"profile {other.id} has this stackLevel and purpose")

    async def clear_charging_profile(self, request: m.ClearChargingProfileRequest) -> Reply:
        """K10. External constraints are never matched (K10.FR.08/09)."""
        self._require_enabled()
        profile_id, criteria = given(request.chargingProfileId), given(request.chargingProfileCriteria)
        purpose = given(criteria.chargingProfilePurpose) if criteria is not None else None
        external = ProfilePurpose.EXTERNAL_CONSTRAINTS
        if purpose == external or self._purpose_of(profile_id) is external:
            return Reply(m.ClearChargingProfileResponse(status="Unknown"))
        by_id = profile_id is not None  # K10.FR.03: an id needs nothing else
        cleared = self._context.station.clear_profiles(
            profile_id=profile_id,
            evse_id=None if by_id or criteria is None else given(criteria.evseId),
            purpose=None if by_id else purpose,
            stack_level=None if by_id or criteria is None else given(criteria.stackLevel),
        )
        return Reply(m.ClearChargingProfileResponse(status="Accepted" if cleared else "Unknown"))  # K10.FR.01

    def _purpose_of(self, profile_id: int | None) -> ProfilePurpose | None:
        return next((each.purpose for _, each in self._context.store.profiles() if each.id == profile_id), None)


def _overlap(one: ChargingProfile, other: ChargingProfile) -> bool:
    """Whether both can be valid at the same time (K01.FR.36/37)."""
    starts_last = max(one.valid_from or _EVER, other.valid_from or _EVER)
    return starts_last < min(one.valid_to or _NEVER, other.valid_to or _NEVER)
