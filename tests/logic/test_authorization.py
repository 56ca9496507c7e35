"""The order of list, cache, CSMS and offline rules."""

from __future__ import annotations

from datetime import timedelta

import pytest

from controller.logic.authorization import (
    Answer,
    AuthorizationRules,
    Known,
    Source,
    Verdict,
    as_of,
    cacheable,
    judge,
    judge_answer,
    known_token,
    stops_by_group,
)
from controller.logic.records import Basis
from controller.logic.values import AuthorizationStatus, IdToken, IdTokenType, TokenInfo
from hil.virtual import EPOCH

A = AuthorizationStatus
TOKEN = IdToken("04AABBCC")
GOOD, BAD = TokenInfo(A.ACCEPTED, "g"), TokenInfo(A.BLOCKED)
CACHED, CACHED_BAD = Known(GOOD, Source.CACHE), Known(BAD, Source.CACHE)


def rules(**changes: object) -> AuthorizationRules:
    return AuthorizationRules(**changes)  # type: ignore[arg-type]


@pytest.mark.ocpp(
    "2.0.1", "C01.FR.02", "C10.FR.03", "C12.FR.05", "C13.FR.02", "C13.FR.04", "C14.FR.02", "C14.FR.03", "C15.FR.08"
)
@pytest.mark.parametrize(
    ("known", "online", "setting", "answer", "basis"),
    [
        (None, True, {}, Answer.ASK, None),
        (CACHED, True, {}, Answer.ASK, None),
        (CACHED, True, {"local_pre_authorize": True}, Answer.ACCEPT, Basis.CACHE),
        (CACHED_BAD, True, {"local_pre_authorize": True}, Answer.ASK, None),
        (CACHED_BAD, True, {"post_authorize": False}, Answer.REFUSE, None),
        (None, True, {"remote_disabled": True}, Answer.REFUSE, None),
        (CACHED, True, {"remote_disabled": True}, Answer.ACCEPT, Basis.CACHE),
        (CACHED, False, {}, Answer.ACCEPT, Basis.CACHE),
        (CACHED, False, {"local_authorize_offline": False}, Answer.REFUSE, None),
        (CACHED_BAD, False, {"offline_unknown": True}, Answer.REFUSE, None),
        (None, False, {}, Answer.REFUSE, None),
        (None, False, {"offline_unknown": True}, Answer.ACCEPT, Basis.OFFLINE),
        (None, True, {"enabled": False}, Answer.ACCEPT, Basis.FREE),
    ],
)
def test_judge(
    known: Known | None, online: bool, setting: dict[str, object], answer: Answer, basis: Basis | None
) -> None:
    verdict = judge(TOKEN, known, is_online=online, rules=rules(**setting))
    assert verdict.answer is answer
    if basis is not None:
        assert verdict.basis is basis
    if answer is Answer.REFUSE:
        assert verdict.why


def test_no_authorization_needs_none() -> None:
    token = IdToken("", IdTokenType.NO_AUTHORIZATION)
    assert judge(token, None, is_online=False, rules=rules()).answer is Answer.ACCEPT


@pytest.mark.ocpp("2.0.1", "C16.FR.03", "C16.FR.04", "C12.FR.09", "TC_C_14_CS")
@pytest.mark.parametrize("online", [True, False])
def test_a_master_pass_in_the_cache_starts_nothing(online: bool) -> None:
    verdict = judge(TOKEN, CACHED, is_online=online, rules=rules(master_pass_group="g", local_pre_authorize=True))
    assert verdict.answer is Answer.REFUSE and verdict.is_master


@pytest.mark.ocpp("2.0.1", "C16.FR.03")
def test_an_accepted_master_pass_starts_nothing() -> None:
    verdict = judge_answer(GOOD, rules(master_pass_group="g"))
    assert verdict.answer is Answer.REFUSE and verdict.is_master
    assert judge_answer(GOOD, rules()) == Verdict(Answer.ACCEPT, Basis.CSMS, "g")


def test_what_the_csms_says_otherwise_is_told() -> None:
    assert judge_answer(BAD, rules()).why == "the CSMS says Blocked"


@pytest.mark.ocpp("2.0.1", "C13.FR.01", "C14.FR.01")
def test_the_list_beats_the_cache() -> None:
    assert known_token(BAD, GOOD) == Known(BAD, Source.LIST)
    assert known_token(None, GOOD) == CACHED
    assert known_token(None, None) is None


@pytest.mark.ocpp("2.0.1", "C01.FR.03")
@pytest.mark.parametrize(
    ("known", "group", "expected"),
    [(CACHED, "g", True), (CACHED, "h", False), (CACHED, None, False), (CACHED_BAD, "g", False), (None, "g", False)],
)
def test_a_known_token_of_the_group_stops(known: Known | None, group: str | None, expected: bool) -> None:
    assert stops_by_group(known, group) is expected


@pytest.mark.ocpp("2.0.1", "C10.FR.08", "C10.FR.10", "C10.FR.13")
def test_entries_expire() -> None:
    assert as_of(TokenInfo(A.ACCEPTED, expires=EPOCH), EPOCH + timedelta(seconds=1)).status is A.EXPIRED
    assert as_of(TokenInfo(A.ACCEPTED, expires=EPOCH), EPOCH).status is A.ACCEPTED
    assert cacheable(TokenInfo(A.ACCEPTED, expires=EPOCH), EPOCH, 60) is None
    kept = cacheable(GOOD, EPOCH, 60)
    assert kept is not None and kept.expires == EPOCH + timedelta(seconds=60)
    assert cacheable(GOOD, EPOCH, None) == GOOD
