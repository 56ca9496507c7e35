"""Settings and small state that outlive a restart."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from controller.logic.profiles import ChargingProfile, ProfileKind, ProfilePurpose, RateUnit, SchedulePeriod
from controller.logic.values import AuthorizationStatus, IdToken, TokenInfo
from controller.store.overlays import StoredVariable
from tests.store.facts import open_store


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.sqlite"


def test_variables_keep_value_and_source_until_removed(path: Path) -> None:
    store = open_store(path)
    store.set_variable("TxCtrlr.TxStopPoint", "Authorized", "csms")
    store.set_variable("TxCtrlr.TxStopPoint", "EVConnected", "technician")
    store.set_variable("A.B[c]", "", "csms")
    store = open_store(path)
    assert store.variables() == {
        "TxCtrlr.TxStopPoint": StoredVariable("EVConnected", "technician"),
        "A.B[c]": StoredVariable("", "csms"),
    }
    store.remove_variable("A.B[c]")
    assert set(open_store(path).variables()) == {"TxCtrlr.TxStopPoint"}


def profile(identity: int, limit: float) -> ChargingProfile:
    return ChargingProfile(
        id=identity,
        purpose=ProfilePurpose.TX_DEFAULT,
        kind=ProfileKind.ABSOLUTE,
        stack_level=0,
        unit=RateUnit.A,
        periods=(SchedulePeriod(0, limit, 3), SchedulePeriod(60, 0.1)),
        start=datetime(2026, 1, 5, tzinfo=UTC),
        valid_to=datetime(2026, 2, 5, tzinfo=UTC),
    )


def test_profiles_come_back_whole_and_are_replaced_by_id(path: Path) -> None:
    store = open_store(path)
    store.put_profile(0, profile(1, 16))
    store.put_profile(1, profile(2, 10))
    store.put_profile(1, profile(2, 6))
    store = open_store(path)
    assert store.profiles() == [(0, profile(1, 16)), (1, profile(2, 6))]
    store.remove_profile(0, 1)
    assert open_store(path).profiles() == [(1, profile(2, 6))]


def test_availability_and_reported_status_are_kept_per_connector(path: Path) -> None:
    store = open_store(path)
    store.set_availability(1, 0, False)
    store.set_availability(1, 0, True)
    store.set_availability(2, 1, False)
    store.set_reported_status(1, 1, "Occupied")
    store.set_reported_status(1, 1, "Available")
    store.close()
    store = open_store(path)
    assert store.availability() == {(1, 0): True, (2, 1): False}
    assert store.reported_status() == {(1, 1): "Available"}


def test_authorization_cache_ignores_case_and_forgets_the_useless_first(path: Path) -> None:
    store = open_store(path, cache_entries=3)
    accepted = TokenInfo(AuthorizationStatus.ACCEPTED, "fleet", datetime(2027, 1, 1, tzinfo=UTC))
    for value, info in (
        ("OLD", accepted),
        ("blocked", TokenInfo(AuthorizationStatus.BLOCKED)),
        ("b", accepted),
        ("c", accepted),
        ("d", accepted),
    ):
        store.cache_put(IdToken(value), info)
    store = open_store(path)
    assert store.cache_get(IdToken("B")) == accepted
    assert [store.cache_get(IdToken(value)) for value in ("old", "blocked")] == [None, None]
    store.cache_put(IdToken("b"), TokenInfo(AuthorizationStatus.EXPIRED))
    assert store.cache_get(IdToken("B")) == TokenInfo(AuthorizationStatus.EXPIRED)
    store.cache_clear()
    assert open_store(path).cache_get(IdToken("c")) is None


def test_meta_values_are_set_changed_and_removed(path: Path) -> None:
    store = open_store(path)
    store.set_meta("reset", "RemoteReset")
    assert open_store(path).meta("reset") == "RemoteReset"
    store.set_meta("reset", None)
    assert open_store(path).meta("reset") is None
