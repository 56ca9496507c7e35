"""The station, whole: what runs, what a CSMS may ask, and what the people at it may see and do."""

from __future__ import annotations

import logging
from functools import partial
from typing import Any

from controller.logic.evse import FaultReset
from controller.logic.faults import FAULTS
from controller.logic.limits import Offer
from controller.station.commands import Commands
from controller.station.indicators import IndicatorTask, shown_of
from controller.station.recorder import CONNECTOR
from controller.station.runner import Runner
from controller.store.exc import StorageFull

_log = logging.getLogger(__name__)


class Station(Commands):
    """Implements `ocpp.ports.ChargingStation` and what the local API asks.

    config, board: as read. csms: given this station by whoever makes both. meters: by EVSE id. readers, indicators: with the EVSE each
    belongs to, None for all. `run` serves until `stop`; then `restart_reason` tells whether and why it wants to be started again.
    """

    def _begin_to_show(self) -> None:
        for indicator, evse_id in self._indicators:
            self.spawn(IndicatorTask(indicator, partial(shown_of, self, evse_id), self.clock, self.events).run())

    # --- what people see -------------------------------------------------------------------------------------------------------

    def snapshot(self) -> dict[str, Any]:
        """Return what the station and every EVSE are doing, as JSON values."""
        return {
            "identity": self.config.identity,
            "firmware": self.config.firmware,
            "serial": self.config.serial,
            "revision": self.config.revision,
            "board": self.board.name,
            "csms": {
                "url": self.config.csms_url,
                "online": self.csms.is_online,
                "problem": self.csms.problem,
                "protocol": self.csms.protocol,
                "undelivered": self.store.queued_count(),
                "given_up": self.store.undelivered_count(),
            },
            "clock": self.clock.now().quality.value,
            "database": self.store.damage or "ok",
            "readers": [problem or "ok" for problem in self.reader_problems],
            "evses": [self._shown(runner) for runner in self.runners.values()],
        }

    def _shown(self, runner: Runner) -> dict[str, Any]:
        assert runner.feed is not None
        session, feed = runner.session, runner.feed
        facts, billed = session.facts, session.billed
        reading = feed.meter.latest if not feed.meter.is_lost else None
        status = self.status(feed.board.id, CONNECTOR)
        return {
            "id": feed.board.id,
            "connector": feed.board.connector_type,
            "status": status.status.value,
            "shown": shown_of(self, feed.board.id)[0].indication.value,
            "fault": status.fault_id,
            "stage": session.stage.value,
            "charging_state": session.charging_state.value,
            "plugged": session.is_plugged,
            "transaction": billed.id if billed is not None else None,
            "offered_a": feed.offered_a,
            "drawn_a": list(reading.current_a) if reading is not None else [],
            "power_w": reading.power_w if reading is not None else None,
            "register_wh": feed.meter.register_wh,
            "meter": "none" if not feed.meter.exists else feed.meter.problem or "ok",
            "pilot": facts.pilot.value if facts is not None and session.is_linked else None,
            "output": facts.output.value if facts is not None and session.is_linked else None,
            "duty_pct": facts.duty_pct if facts is not None and session.is_linked else None,
            "high_v": facts.high_v if facts is not None and session.is_linked else None,
            "low_v": facts.low_v if facts is not None and session.is_linked else None,
            "contactor": facts.contactor.value if facts is not None and session.is_linked else None,
            "lock": facts.lock.value if facts is not None and session.is_linked else None,
            "faults": list(facts.faults) if facts is not None else [],
        }

    def why(self) -> dict[str, Any]:
        """Return, for every EVSE, every limit and which binds, and every reason why it is not charging."""
        last = self.last_token
        told = None
        if last is not None:
            told = {"evse": last.evse_id, "text": last.text, "ago_s": round(self.clock.monotonic() - last.at_s)}
        return {
            "csms": self.csms.problem,
            "database": self.store.damage,
            "readers": [problem for problem in self.reader_problems if problem],
            "last_token": told,
            "evses": [self._explained(runner) for runner in self.runners.values()],
        }

    def _explained(self, runner: Runner) -> dict[str, Any]:
        assert runner.feed is not None
        session, found = runner.session, runner.feed.offer
        facts = session.facts if session.is_linked else None
        return {
            "id": runner.feed.board.id,
            "status": self.status(runner.feed.board.id, CONNECTOR).status.value,
            "offered_a": found.current_a if found is not None else 0.0,
            "phases": found.phases if found is not None else runner.feed.board.phases,
            "binding": found.binding.name if found is not None else None,
            "limits": _limits(found),
            "not_charging": [*([runner.stuck] if runner.stuck else []), *session.obstacles(), *_unoffered(found)],
            "contactor_open_because": list(facts.blocked_by) if facts is not None else [],
            "faults": [
                {"id": id, "title": FAULTS[id].title, "hint": FAULTS[id].hint, "clears": FAULTS[id].clears.value}
                for id in self.faults_of(runner.feed.board.id)
            ],
        }

    def faults(self) -> list[dict[str, Any]]:
        """Return the faults there were, newest first. raised, cleared: wall time as well as it is known; cleared None: it stands."""
        wall = self.store.wall_of
        return [
            {
                "evse": past.evse_id,
                "id": past.fault_id,
                "title": FAULTS[past.fault_id].title if past.fault_id in FAULTS else past.fault_id,
                "raised": wall(past.raised).isoformat(timespec="seconds"),
                "cleared": wall(past.cleared).isoformat(timespec="seconds") if past.cleared is not None else None,
            }
            for past in self.book.faults()
        ]

    def contactors(self) -> list[dict[str, Any]]:
        """Return how much each contactor has been used, and what it is rated for."""
        return [
            {
                "evse": board.id,
                "cycles": self.book.wear(board.id).cycles,
                "rated_cycles": board.contactor_cycles,
                "under_load_opens": self.book.wear(board.id).under_load_opens,
                "rated_under_load_opens": board.contactor_breaks,
                "worn": self.book.is_worn(board.id),
            }
            for board in self.board.evses
        ]

    # --- what people do --------------------------------------------------------------------------------------------------------

    def clear_fault(self, evse: int, fault: str) -> None:
        """Acknowledge a latched fault; it comes back if its cause still stands. Raises ValueError where there is no such."""
        runner = self._runner_at(evse)
        facts = runner.session.facts
        if facts is None or fault not in facts.faults:
            active = ", ".join(facts.faults) if facts is not None else ""
            raise ValueError(f"EVSE {evse} has no fault {fault!r}; active: {active or 'none'}")
        self.link.send(FaultReset(evse, fault))

    def set_local_limit(self, evse: int, limit_a: float | None) -> None:
        """Limit an EVSE from here, also across restarts; None lifts it. Raises ValueError for an unknown EVSE, or where it cannot be kept."""
        self._runner_at(evse)
        try:
            self.supply.set_local(evse, limit_a)
        except StorageFull as error:
            raise ValueError(f"not set: {error}") from error

    def contactor_replaced(self, evse: int) -> None:
        """Count an EVSE's contactor from zero: a new one was fitted. Raises ValueError for an unknown EVSE."""
        self._runner_at(evse)
        self.book.contactor_replaced(evse)
        _log.info("EVSE %d: contactor replaced, its use is counted from zero", evse)

    def _runner_at(self, evse: int) -> Runner:
        if evse not in self.runners:
            raise ValueError(f"there is no EVSE {evse}; known: {', '.join(map(str, self.runners))}")
        return self.runners[evse]


def _limits(found: Offer | None) -> list[dict[str, Any]]:
    if found is None:
        return []
    return [
        {
            "name": limit.name,
            "current_a": round(limit.current_a, 2),
            "why": limit.why,
            "binds": limit is found.binding,
        }
        for limit in sorted(found.limits, key=lambda limit: limit.current_a)
    ]


def _unoffered(found: Offer | None) -> list[str]:
    if found is None or found.is_offered:
        return []
    return [f"limit '{found.binding.name}' leaves {found.binding.current_a:g} A: {found.binding.why}"]
