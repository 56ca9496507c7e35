"""Finds out whether a token may: asks the cache, the CSMS, and the rules for when nobody answers."""

from __future__ import annotations

import logging
from datetime import datetime

from controller.clock import Clock
from controller.logic.authorization import (
    Answer,
    Known,
    Verdict,
    as_of,
    cacheable,
    is_master_pass,
    judge,
    judge_answer,
    known_token,
    stops_by_group,
)
from controller.logic.session_events import AskFor, AuthorizationAnswered, Authorize
from controller.logic.values import AuthorizationStatus, ClockQuality, IdToken, TokenInfo
from controller.ocpp.ports import Csms, NotOnline, TokenUnfit
from controller.station.settings import Settings
from controller.store.exc import StorageFull
from controller.store.store import Store

_log = logging.getLogger(__name__)


class Authorizer:
    def __init__(self, settings: Settings, store: Store, csms: Csms, clock: Clock) -> None:
        self._settings = settings
        self._store = store
        self._csms = csms
        self._clock = clock

    async def check(self, ask: Authorize, evse_id: int | None) -> AuthorizationAnswered:
        """Return the answer to a machine's question."""
        rules = self._settings.authorization
        known = self.known(ask.id_token)
        if ask.ask is AskFor.STOP and stops_by_group(known, ask.group):
            return self._told(ask, Verdict(Answer.ACCEPT, group=ask.group))
        accepted = known is not None and known.info.status is AuthorizationStatus.ACCEPTED
        if known is not None and accepted and is_master_pass(known.info.group, rules):  # C16.FR.04
            return self._told(ask, Verdict(Answer.ACCEPT, group=known.info.group, is_master=True))
        verdict = judge(ask.id_token, known, is_online=self._csms.is_online, rules=rules)
        if verdict.answer is Answer.ASK:
            try:
                info = await self._csms.authorize(ask.id_token, evse_id)
            except NotOnline:
                verdict = judge(ask.id_token, known, is_online=False, rules=rules)
            except TokenUnfit as error:
                verdict = Verdict(Answer.REFUSE, why=str(error))
            else:
                self.learned(ask.id_token, info)
                verdict = judge_answer(info, rules)
                if verdict.is_master:
                    return self._told(ask, Verdict(Answer.ACCEPT, group=info.group, is_master=True))
        return self._told(ask, verdict)

    def known(self, token: IdToken) -> Known | None:
        """Return what the station knows of a token, as of now. There is no local list yet."""
        if not self._settings.authorization.cache_enabled:
            return None
        cached = self._store.cache_get(token)
        return known_token(None, as_of(cached, self._now()) if cached is not None else None)

    def _now(self) -> datetime:
        """A clock that nobody vouches for makes nothing valid again that is known to be over."""
        now = self._clock.now()
        return now.wall if now.quality is ClockQuality.TRUSTED else max(now.wall, self._store.latest_known())

    def learned(self, token: IdToken, info: TokenInfo) -> None:
        """Remember what the CSMS said (C10.FR.01, C10.FR.04, C10.FR.05)."""
        rules = self._settings.authorization
        if not rules.cache_enabled or not token.value:
            return
        now = self._clock.now().wall
        kept = cacheable(info, now, rules.cache_lifetime_s)
        # A date in the past means: do not keep this token (C10.FR.10, note).
        try:
            self._store.cache_put(token, kept if kept is not None else as_of(info, now))
        except StorageFull as error:
            _log.error("what the CSMS said of a token is not remembered: %s", error)

    def _told(self, ask: Authorize, verdict: Verdict) -> AuthorizationAnswered:
        return AuthorizationAnswered(
            id_token=ask.id_token,
            ask=ask.ask,
            is_accepted=verdict.answer is Answer.ACCEPT,
            basis=verdict.basis,
            group=verdict.group,
            is_master=verdict.is_master,
            remote_start_id=ask.remote_start_id,
            is_remote=ask.is_remote,
            why=verdict.why,
        )
