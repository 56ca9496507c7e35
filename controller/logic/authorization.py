"""Who may charge: the order in which list, cache, CSMS and the offline rules are asked. Pure rules; asking is the shell's.

An entry of the Local Authorization List beats one of the cache for the same token (C13.FR.01, C14.FR.01).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum

from controller.logic.records import Basis
from controller.logic.values import AuthorizationStatus, IdToken, IdTokenType, TokenInfo


@dataclass(frozen=True, slots=True)
class AuthorizationRules:
    """The variables of AuthCtrlr and its lists, by their names.

    master_pass_group: None where none is configured. remote_disabled: DisableRemoteAuthorization. post_authorize: ask the CSMS
    about a known token that is not accepted (not DisablePostAuthorize).
    """

    enabled: bool = True
    local_authorize_offline: bool = True
    local_pre_authorize: bool = False
    offline_unknown: bool = False
    cache_enabled: bool = True
    cache_lifetime_s: int | None = None
    master_pass_group: str | None = None
    remote_disabled: bool = False
    post_authorize: bool = True


class Source(Enum):
    LIST = "local list"
    CACHE = "cache"


@dataclass(frozen=True, slots=True)
class Known:
    """What the station itself knows of a token."""

    info: TokenInfo
    source: Source


class Answer(Enum):
    ACCEPT = "accept"
    ASK = "ask the CSMS"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do with a token. why: in plain words, where it is refused."""

    answer: Answer
    basis: Basis = Basis.CSMS
    group: str | None = None
    is_master: bool = False
    why: str = ""


def known_token(listed: TokenInfo | None, cached: TokenInfo | None) -> Known | None:
    """Return the station's own knowledge, the list before the cache."""
    if listed is not None:
        return Known(listed, Source.LIST)
    return Known(cached, Source.CACHE) if cached is not None else None


def as_of(info: TokenInfo, now: datetime) -> TokenInfo:
    """Return what an entry is worth now: one that has passed its date is Expired (C10.FR.13, C14.FR.05)."""
    if info.expires is not None and now > info.expires and info.status is AuthorizationStatus.ACCEPTED:
        return replace(info, status=AuthorizationStatus.EXPIRED)
    return info


def cacheable(info: TokenInfo, now: datetime, lifetime_s: int | None) -> TokenInfo | None:
    """Return the entry to remember, or None where it is not to be kept (C10.FR.08, C10.FR.10, C10.FR.13)."""
    if info.expires is not None:
        return info if info.expires > now else None
    return replace(info, expires=now + timedelta(seconds=lifetime_s)) if lifetime_s else info


def judge(token: IdToken, known: Known | None, *, is_online: bool, rules: AuthorizationRules) -> Verdict:
    """Say what a token that wants to charge is answered, as far as the station can by itself.

    known: already brought up to date by `as_of`. After an ASK that found nobody, judge again with is_online False.
    """
    if not rules.enabled or token.kind is IdTokenType.NO_AUTHORIZATION:
        return Verdict(Answer.ACCEPT, Basis.FREE)
    accepted = known is not None and known.info.status is AuthorizationStatus.ACCEPTED
    group = known.info.group if known is not None else None
    if accepted and is_master_pass(group, rules):
        return Verdict(Answer.REFUSE, group=group, is_master=True, why="a master pass starts nothing")  # C16.FR.03-05
    if is_online:
        if accepted and (rules.local_pre_authorize or rules.remote_disabled):
            return Verdict(Answer.ACCEPT, Basis.CACHE, group)  # C12.FR.02, C14.FR.02
        if rules.remote_disabled:
            return _refused(known, "is not in the list or cache")
        if known is not None and not accepted and not rules.post_authorize:
            return _refused(known, "")
        return Verdict(Answer.ASK, group=group)  # C01.FR.02, C10.FR.03, C12.FR.05, C14.FR.03
    if known is None:
        if rules.offline_unknown:
            return Verdict(Answer.ACCEPT, Basis.OFFLINE)  # C15.FR.08
        return Verdict(Answer.REFUSE, why="the station is offline and does not know the token")
    if accepted and rules.local_authorize_offline:
        return Verdict(Answer.ACCEPT, Basis.CACHE, group)  # C13.FR.02, C13.FR.04
    return _refused(
        known, "the station is offline and may not use its cache (LocalAuthorizeOffline)" if accepted else ""
    )


def judge_answer(info: TokenInfo, rules: AuthorizationRules) -> Verdict:
    """Say what the CSMS's answer means for a token that wants to charge."""
    if info.status is not AuthorizationStatus.ACCEPTED:
        return Verdict(Answer.REFUSE, group=info.group, why=f"the CSMS says {info.status}")
    if is_master_pass(info.group, rules):
        return Verdict(Answer.REFUSE, group=info.group, is_master=True, why="a master pass starts nothing")
    return Verdict(Answer.ACCEPT, Basis.CSMS, info.group)


def stops_by_group(known: Known | None, group: str | None) -> bool:
    """Whether a token may stop a session of this group without the CSMS being asked (C01.FR.03 b)."""
    return (
        known is not None
        and known.info.status is AuthorizationStatus.ACCEPTED
        and bool(group)
        and known.info.group == group
    )


def is_master_pass(group: str | None, rules: AuthorizationRules) -> bool:
    return bool(group) and bool(rules.master_pass_group) and group == rules.master_pass_group


def _refused(known: Known | None, why: str) -> Verdict:
    if known is not None and not why:
        return Verdict(Answer.REFUSE, group=known.info.group, why=f"the {known.source.value} says {known.info.status}")
    return Verdict(Answer.REFUSE, why=why)
