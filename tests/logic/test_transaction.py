"""TxStartPoint and TxStopPoint as truth tables (E01, E06)."""

from __future__ import annotations

from itertools import combinations

import pytest

from controller.logic.records import ChargingState
from controller.logic.transaction import (
    Supply,
    TxFacts,
    TxPoint,
    TxPolicy,
    charging_state,
    ocpp16_policy,
    still_spent,
)

P = TxPoint
NOTHING: frozenset[TxPoint] = frozenset()

ALL_FACTS = [TxFacts(bool(n & 1), bool(n & 2), bool(n & 4), bool(n & 8), bool(n & 16)) for n in range(32)]
ALL_SETS = [frozenset(c) for size in range(7) for c in combinations(TxPoint, size)]

MEANS = {
    P.PARKING_BAY_OCCUPANCY: lambda f: f.bay_occupied,
    P.EV_CONNECTED: lambda f: f.ev_connected,
    P.AUTHORIZED: lambda f: f.authorized,
    P.DATA_SIGNED: lambda f: f.data_signed,
    P.POWER_PATH_CLOSED: lambda f: f.ev_connected and f.authorized,
    P.ENERGY_TRANSFER: lambda f: f.energy_flows,
}


@pytest.mark.ocpp("2.0.1", "E01.FR.01", "E01.FR.02", "E01.FR.03", "E01.FR.04", "E01.FR.05", "E01.FR.06")
def test_a_transaction_starts_exactly_when_one_configured_fact_holds() -> None:
    for start in ALL_SETS:
        policy = TxPolicy(start, NOTHING)
        for facts in ALL_FACTS:
            expected = any(MEANS[point](facts) for point in start)
            assert (policy.starting_point(facts, NOTHING) is not None) == expected, (start, facts)


def test_the_first_point_of_the_session_is_the_one_that_starts() -> None:
    policy = TxPolicy(frozenset({P.POWER_PATH_CLOSED, P.EV_CONNECTED, P.AUTHORIZED}), NOTHING)
    assert policy.starting_point(TxFacts(ev_connected=True, authorized=True), NOTHING) is P.EV_CONNECTED


def test_a_spent_fact_starts_nothing_until_it_was_false() -> None:
    policy = TxPolicy(frozenset({P.EV_CONNECTED}), NOTHING)
    plugged = TxFacts(ev_connected=True)
    spent = still_spent(frozenset({P.EV_CONNECTED}), plugged)
    assert policy.starting_point(plugged, spent) is None
    spent = still_spent(spent, TxFacts())
    assert policy.starting_point(plugged, spent) is P.EV_CONNECTED


def test_a_new_authorisation_starts_one_where_every_point_is_spent() -> None:
    both = TxFacts(ev_connected=True, authorized=True)
    policy, spent = TxPolicy(frozenset({P.EV_CONNECTED}), NOTHING), frozenset({P.EV_CONNECTED})
    assert policy.starting_point(both, spent) is P.POWER_PATH_CLOSED
    assert policy.starting_point(both, spent | {P.POWER_PATH_CLOSED}) is None
    waits = TxPolicy(frozenset({P.EV_CONNECTED, P.ENERGY_TRANSFER}), NOTHING)
    assert waits.starting_point(both, spent) is None, "the other point is still to come"


@pytest.mark.ocpp("2.0.1", "E06.FR.01", "E06.FR.02", "E06.FR.03", "E06.FR.04", "E06.FR.06", "E06.FR.07")
def test_a_transaction_ends_exactly_when_one_configured_fact_turns_false() -> None:
    parts = {**{p: (p,) for p in P}, P.POWER_PATH_CLOSED: (P.EV_CONNECTED, P.AUTHORIZED), P.DATA_SIGNED: ()}
    for stop in ALL_SETS:
        policy = TxPolicy(NOTHING, stop)
        for before in ALL_FACTS:
            for after in ALL_FACTS:
                expected = any(
                    MEANS[part](before) and not MEANS[part](after) for point in stop for part in parts[point]
                )
                assert (policy.stopping_point(before, after) is not None) == expected, (stop, before, after)


def test_power_path_closed_as_a_stop_point_equals_plug_and_authorisation() -> None:
    both = TxPolicy(NOTHING, frozenset({P.EV_CONNECTED, P.AUTHORIZED}))
    one = TxPolicy(NOTHING, frozenset({P.POWER_PATH_CLOSED}))
    for before in ALL_FACTS:
        for after in ALL_FACTS:
            assert (one.stopping_point(before, after) is None) == (both.stopping_point(before, after) is None)


@pytest.mark.parametrize("stops", [True, False])
def test_ocpp16_behaves_as_table_95_says(stops: bool) -> None:
    policy = ocpp16_policy(stop_on_ev_side_disconnect=stops)
    assert policy.start == {P.POWER_PATH_CLOSED}
    assert policy.stop == ({P.AUTHORIZED, P.EV_CONNECTED} if stops else {P.AUTHORIZED})


def test_lists_are_read_and_a_wrong_member_is_named() -> None:
    policy = TxPolicy.parse("EVConnected, Authorized", "PowerPathClosed")
    assert policy.start == {P.EV_CONNECTED, P.AUTHORIZED}
    assert policy.ends_with_authorization and policy.ends_with_plug
    with pytest.raises(ValueError, match=r"TxCtrlr\.TxStopPoint: 'Relay' is not one of"):
        TxPolicy.parse("", "Relay")


S = ChargingState
BASE = Supply(True, True, True, True, True, True, True, False, S.CHARGING)


@pytest.mark.ocpp("2.0.1", "E01.FR.18", "E01.FR.19", "E02.FR.13")
@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, S.CHARGING),
        ({"connected": False}, S.IDLE),
        ({"authorized": False}, S.CHARGING),
        ({"authorized": False, "closed": False}, S.EV_CONNECTED),
        ({"authorized": False, "previous": S.EV_CONNECTED}, S.EV_CONNECTED),
        ({"offers": False}, S.SUSPENDED_EVSE),
        ({"signals": False, "closed": False, "asks": False}, S.SUSPENDED_EVSE),
        ({"signals": False, "closed": False, "asks": False, "previous": S.SUSPENDED_EV}, S.SUSPENDED_EVSE),
        ({"signals": False, "closed": False, "previous": S.SUSPENDED_EVSE}, S.SUSPENDED_EVSE),
        ({"closed": False, "previous": S.SUSPENDED_EVSE}, S.SUSPENDED_EVSE),
        ({"signals": False, "closed": False, "asks": False, "previous": S.EV_CONNECTED}, S.EV_CONNECTED),
        ({"signals": False}, S.SUSPENDED_EVSE),
        ({"offers": False, "asks": False}, S.SUSPENDED_EVSE),
        ({"flows": False}, S.SUSPENDED_EV),
        ({"asks": False, "closed": False}, S.SUSPENDED_EV),
        ({"asks": False, "closed": False, "previous": S.EV_CONNECTED}, S.EV_CONNECTED),
        ({"asks": False, "closed": False, "previous": S.EV_CONNECTED, "patience_over": True}, S.SUSPENDED_EV),
        ({"asks": False, "closed": False, "previous": S.SUSPENDED_EVSE}, S.SUSPENDED_EVSE),
        ({"asks": False, "closed": False, "previous": None}, S.EV_CONNECTED),
        ({"closed": False, "previous": None}, S.EV_CONNECTED),
        ({"closed": False, "previous": S.SUSPENDED_EV}, S.SUSPENDED_EV),
        ({"closed": False, "patience_over": True, "previous": S.EV_CONNECTED}, S.SUSPENDED_EVSE),
    ],
)
def test_charging_state(changes: dict[str, object], expected: ChargingState) -> None:
    import dataclasses

    assert charging_state(dataclasses.replace(BASE, **changes)) is expected  # type: ignore[arg-type]
