"""How much each EVSE may offer, and the permits that say so: every limit by its name, renewed several times a second."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from controller.clock import Clock
from controller.config.board import EvseBoard, LimitBoard
from controller.logic.evse import Heartbeat, LimitContact, Permit, PermitWithdrawn
from controller.logic.limits import MIN_CURRENT_A, Limit, Offer, offer, share
from controller.logic.profiles import NOMINAL_VOLTAGE_V, Active, ChargingProfile, ProfilePurpose, active, next_change
from controller.station.meters import MeterWatch
from controller.station.safety_link import SafetyLink
from controller.station.settings import Settings
from controller.store.exc import StorageFull
from controller.store.store import Store

_log = logging.getLogger(__name__)

STATION = 0
_MOST_A = 80.0  # what a pilot can say
_LOCAL = "local_limit.{}"


@dataclass(slots=True)
class Feed:
    """One EVSE as the supply sees it. ready_at: authorised and connected since (what relative schedules count from).

    latched_phases: what this plug-in's first offer was made for; the safety process keeps to it until the EV has left, unless the
    board switches phases under way. thermal_a: what warmth allows, None while it limits nothing; temperature_c: of the enclosure.
    is_signalled: the safety process drives a PWM, so that the EV is told a current at all.
    """

    board: EvseBoard
    meter: MeterWatch
    on_offer: Callable[[float], None]
    cable_a: int | None = None
    transaction_id: str | None = None
    ready_at: datetime | None = None
    coming_profile: ChargingProfile | None = None  # of a remote start whose transaction has not begun
    record_id: str | None = None  # of the permit that stands
    offer: Offer | None = None
    latched_phases: int | None = None
    thermal_a: float | None = None
    temperature_c: float | None = None
    is_signalled: bool = False

    @property
    def offered_a(self) -> float:
        """What the EV may take now: 0 while nothing tells it so, whatever its permit would allow."""
        if self.offer is None or self.record_id is None or not self.is_signalled:
            return 0.0
        return self.offer.current_a

    @property
    def can_switch_phases(self) -> bool:
        """Whether the EV can be kept to one phase from now on."""
        has_switch = getattr(self.board.contactor.settings, "phase_pin", None) is not None
        return has_switch and (self.board.phase_switching or self.latched_phases in (None, 1))


class Supply:
    """site_max_a: for all EVSEs together, per phase; None: no such limit. limit: by somebody else's contact, None without one."""

    def __init__(
        self,
        feeds: Mapping[int, Feed],
        link: SafetyLink,
        settings: Settings,
        store: Store,
        clock: Clock,
        site_max_a: float | None,
        on_limit: Callable[[int, Offer], None],
        limit: LimitBoard | None = None,
    ) -> None:
        self.feeds = feeds
        self._link = link
        self._settings = settings
        self._store = store
        self._clock = clock
        self._site_max_a = site_max_a
        self._on_limit = on_limit
        self._external = limit
        self._contact = LimitContact.UNREADABLE  # until the safety process tells
        self._order: list[int] = []  # EVSEs with a permit, who came first before who came later
        self._profiles: list[tuple[int, ChargingProfile]] = store.profiles()
        self._local = {evse_id: self._stored_local(evse_id) for evse_id in feeds}
        self._recomputed = asyncio.Event()

    # --- permits -------------------------------------------------------------------------------------------------------

    def grant(self, evse_id: int, record_id: str) -> None:
        """Let permits go out that name this committed record; the first goes out now."""
        feed = self.feeds[evse_id]
        feed.record_id = record_id
        if feed.ready_at is None:
            feed.ready_at = self._clock.now().wall
        if evse_id not in self._order:
            self._order.append(evse_id)
        feed.meter.hurry(True)
        self.recompute()
        self._send(feed)

    def phases_free(self, evse_id: int) -> None:
        """The EV has left, or the safety process began anew: phases can be chosen again."""
        feed = self.feeds[evse_id]
        if feed.latched_phases is not None:
            feed.latched_phases = None
            self.recompute()

    def withdraw(self, evse_id: int) -> None:
        feed = self.feeds[evse_id]
        feed.record_id = None
        feed.meter.hurry(False)
        if evse_id in self._order:
            self._order.remove(evse_id)
        self._link.send(PermitWithdrawn(evse_id))
        self.recompute()

    def withdraw_all(self) -> None:
        for evse_id in tuple(self._order):
            self.withdraw(evse_id)

    def renew(self) -> None:
        """Send every permit that stands once more."""
        for evse_id in self._order:
            self._send(self.feeds[evse_id])
        if not self._order:
            self._link.send(Heartbeat())

    def _send(self, feed: Feed) -> None:
        if feed.record_id is None or feed.offer is None:
            return
        permit = Permit(
            evse_id=feed.board.id,
            max_current_a=min(feed.offer.current_a, _MOST_A),
            phases=feed.offer.phases if feed.offer.phases in (1, 3) else 1,
            charging_record_id=feed.record_id,
            measurements=feed.meter.measurements(),
        )
        if feed.latched_phases is None and permit.max_current_a >= MIN_CURRENT_A:
            feed.latched_phases = permit.phases
        self._link.send(permit)

    async def run(self) -> None:
        """Renew permits, and look again whenever a profile's next period begins."""
        while True:
            self._recomputed.clear()
            self.renew()
            now = self._clock.now().wall
            changes = (next_change(self._profiles_of(feed), now, feed.ready_at) for feed in self.feeds.values())
            soonest = min((change for change in changes if change is not None), default=None)
            wait_s = self._link.renewal_s
            if soonest is not None:
                wait_s = min(wait_s, max(0.001, (soonest - now).total_seconds()))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._recomputed.wait()
            if soonest is not None and self._clock.now().wall >= soonest:
                self.recompute()

    # --- limits --------------------------------------------------------------------------------------------------------

    def recompute(self) -> None:
        """Find every EVSE's offer anew and tell what changed; smaller ones first, so that a shared limit holds."""
        self._recomputed.set()  # and when it will be another one
        own = {evse_id: self._own_limits(feed) for evse_id, feed in self.feeds.items()}
        wants = {evse_id: min(limit.current_a for limit in limits) for evse_id, limits in own.items()}
        found = {
            evse_id: offer([*own[evse_id], *self._shared_limits(feed, wants)], feed.board.phases)
            for evse_id, feed in self.feeds.items()
        }
        for evse_id in sorted(found, key=lambda each: found[each].current_a):
            feed, new = self.feeds[evse_id], found[evse_id]
            old, feed.offer = feed.offer, new
            if old is None or (old.current_a, old.phases) != (new.current_a, new.phases):
                self._send(feed)
                feed.on_offer(new.current_a)
                self._on_limit(evse_id, new)

    def _own_limits(self, feed: Feed) -> list[Limit]:
        board = feed.board
        limits = [Limit("board", board.hardware_max_a, f"hardware_max_a of the board file, or EVSE@{board.id}.Power")]
        cable_a = board.cable_a if board.tethered else feed.cable_a
        if cable_a is not None:
            limits.append(Limit("cable", float(cable_a), "cable_a" if board.tethered else "the cable's coding"))
        if feed.thermal_a is not None:
            warmth = f"{feed.temperature_c:g} °C inside" if feed.temperature_c is not None else "it is too warm inside"
            limits.append(Limit("thermal", feed.thermal_a, warmth))
        if (local := self._local[board.id]) is not None:
            limits.append(Limit("local", local, "set at the station"))
        if (lost := feed.meter.limit_a()) is not None:
            limits.append(Limit("meter loss", lost, feed.meter.problem))
        if not self._settings.obeys_profiles:
            return limits
        now = self._clock.now().wall
        found = active(self._tx_profiles(feed), now, feed.ready_at) or active(self._defaults(feed), now, feed.ready_at)
        if found is not None:
            amps = found.current_a(board.phases, can_switch_phases=feed.can_switch_phases)
            limits.append(_named("profile", found, amps))
        return limits

    def _shared_limits(self, feed: Feed, wants: Mapping[int, float]) -> list[Limit]:
        """What all EVSEs have together, divided: who came first is served first."""
        limits = []
        if self._site_max_a is not None:
            why = f"site_max_a {self._site_max_a:g} A, shared"
            limits.append(Limit("site", self._share(self._site_max_a, feed.board.id, wants), why))
        if self._external is not None and self._contact is not LimitContact.INACTIVE:
            limits.append(self._external_limit(self._external, feed, wants))
        found = active(self._of(STATION, ProfilePurpose.STATION_MAX), self._clock.now().wall, None)
        if found is not None and self._settings.obeys_profiles:
            total_a = found.current_a(feed.board.phases, can_switch_phases=feed.can_switch_phases)
            limits.append(_named("station profile", found, self._share(total_a, feed.board.id, wants)))
        return limits

    def _share(self, total_a: float, evse_id: int, wants: Mapping[int, float]) -> float:
        """An EVSE without a permit is told what it would get if it came now."""
        takers = [each for each in self._order if wants[each] >= MIN_CURRENT_A or each == evse_id]
        claimants = takers if evse_id in takers else [*takers, evse_id]
        return share(total_a, claimants, wants)[evse_id]

    def contact_is(self, contact: LimitContact) -> None:
        """The safety process tells how the contact of `[limit]` stands, or (UNREADABLE) nobody does."""
        if contact is not self._contact:
            self._contact = contact
            self.recompute()

    def _external_limit(self, external: LimitBoard, feed: Feed, wants: Mapping[int, float]) -> Limit:
        """Amperes per phase, for all EVSEs together; a limit in watts is divided among as many phases as any of them has."""
        reads = "is active" if self._contact is LimitContact.ACTIVE else "cannot be read, which counts as active"
        total_a, phases, told = external.amps, None, f"{external.amps or 0:g} A"
        if external.watts is not None:
            told = f"{external.watts:g} W"
            most = max(each.board.phases for each in self.feeds.values())
            total_a = external.watts / most / NOMINAL_VOLTAGE_V
            if total_a < MIN_CURRENT_A and len(self.feeds) == 1 and feed.can_switch_phases:
                total_a, phases = external.watts / NOMINAL_VOLTAGE_V, 1
        why = f"{told} for all together: the contact of [limit] in the board file {reads}"
        return Limit("external", self._share(total_a or 0.0, feed.board.id, wants), why, phases)

    # --- profiles --------------------------------------------------------------------------------------------------------

    def profiles(self) -> list[tuple[int, ChargingProfile]]:
        return self._profiles

    def put_profile(self, evse_id: int, profile: ChargingProfile) -> None:
        """Store a profile that was accepted and obey it at once (K01.FR.07, K01.FR.27)."""
        self._store.put_profile(evse_id, profile)
        self._profiles = self._store.profiles()
        self.recompute()

    def remove_profiles(self, wanted: Callable[[int, ChargingProfile], bool]) -> bool:
        """Remove what matches; return whether anything did."""
        matches = [(evse_id, profile) for evse_id, profile in self._profiles if wanted(evse_id, profile)]
        for evse_id, profile in matches:
            self._store.remove_profile(evse_id, profile.id)
        if matches:
            self._profiles = self._store.profiles()
            self.recompute()
        return bool(matches)

    def profile_came(self, evse_id: int, profile: ChargingProfile) -> None:
        """Obey the profile of a remote start; the transaction it is for may have begun with the plug (F01.FR.10, F01.FR.13)."""
        feed = self.feeds[evse_id]
        feed.coming_profile = profile
        if feed.transaction_id is not None:
            self.transaction_began(evse_id, feed.transaction_id)
        else:
            self.recompute()

    def transaction_began(self, evse_id: int, transaction_id: str) -> None:
        """A profile that came with the remote start belongs to the transaction from now on (F01.FR.10)."""
        feed = self.feeds[evse_id]
        feed.transaction_id = transaction_id
        coming, feed.coming_profile = feed.coming_profile, None
        if coming is not None:
            profile = _of_transaction(coming, transaction_id)
            try:
                self.put_profile(evse_id, profile)
            except StorageFull as error:
                _log.error("profile %d is obeyed, but not after a restart: %s", profile.id, error)
                self._profiles.append((evse_id, profile))
                self.recompute()

    def transaction_ended(self, evse_id: int, transaction_id: str) -> None:
        """TxProfiles die with their transaction."""
        feed = self.feeds[evse_id]
        if feed.transaction_id == transaction_id:
            feed.transaction_id = None
        try:
            self.remove_profiles(lambda _, profile: profile.transaction_id == transaction_id)
        except StorageFull:  # the next start forgets them
            self._profiles = [each for each in self._profiles if each[1].transaction_id != transaction_id]
        self.recompute()

    def authorization_ended(self, evse_id: int) -> None:
        feed = self.feeds[evse_id]
        feed.ready_at = feed.coming_profile = None
        self.recompute()

    def forget_transactions(self, still_open: set[str]) -> None:
        """Remove profiles of transactions that ended while nobody looked."""
        gone = ProfilePurpose.TX
        self.remove_profiles(lambda _, profile: profile.purpose is gone and profile.transaction_id not in still_open)

    def _profiles_of(self, feed: Feed) -> list[ChargingProfile]:
        station = self._of(STATION, ProfilePurpose.STATION_MAX)
        return [*station, *self._tx_profiles(feed), *self._defaults(feed)]

    def _tx_profiles(self, feed: Feed) -> list[ChargingProfile]:
        if feed.transaction_id is None:
            return [feed.coming_profile] if feed.coming_profile is not None else []
        own = self._of(feed.board.id, ProfilePurpose.TX)
        return [profile for profile in own if profile.transaction_id == feed.transaction_id]

    def _defaults(self, feed: Feed) -> list[ChargingProfile]:
        """The EVSE's own first: of the same stack level they stand in place of the station's (1.6 §3.13.1)."""
        default = ProfilePurpose.TX_DEFAULT  # K01.FR.14, K01.FR.15
        return [*self._of(feed.board.id, default), *self._of(STATION, default)]

    def _of(self, evse_id: int, purpose: ProfilePurpose) -> list[ChargingProfile]:
        return [p for where, p in self._profiles if where == evse_id and p.purpose is purpose]

    # --- the local limit -------------------------------------------------------------------------------------------------

    def set_local(self, evse_id: int, limit_a: float | None) -> None:
        self._store.set_meta(_LOCAL.format(evse_id), None if limit_a is None else str(limit_a))
        self._local[evse_id] = limit_a
        self.recompute()

    def _stored_local(self, evse_id: int) -> float | None:
        stored = self._store.meta(_LOCAL.format(evse_id))
        return float(stored) if stored is not None else None


def _named(name: str, found: Active, amps: float) -> Limit:
    profile = found.profile
    why = (
        f"{profile.purpose.value} {profile.id}, stack level {profile.stack_level}: "
        f"{found.period.limit:g} {profile.unit.value}"
    )
    return Limit(name, amps, why, phases=found.period.phases)


def _of_transaction(profile: ChargingProfile, transaction_id: str) -> ChargingProfile:
    return replace(profile, transaction_id=transaction_id)
