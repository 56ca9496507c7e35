"""The whole table: every state with every event, and what must hold of all of them."""

from __future__ import annotations

import pytest

from controller.logic.pilot import ENERGISED, PULSING, TRANSITIONS, Event, Supply
from controller.logic.reasons import Reason

PAIRS = [(state, event) for state in Supply for event in Event]
OPENING_EVENTS = (Event.TRIPPED, Event.HALTED, Event.UNSEEN, Event.ABSENT, Event.WAITING)

# Every pair that leads somewhere else, told a second time and by another route than the table: anything not here stays.
MOVES = {
    # a fault demands opening
    **{(state, Event.TRIPPED): Supply.SHOWING_FAULT for state in Supply if state is not Supply.FAULTED},
    **{(state, Event.HALTED): Supply.FAULTED for state in Supply if state is not Supply.SHOWING_FAULT},
    (Supply.SHOWING_FAULT, Event.TIME_UP): Supply.FAULTED,
    (Supply.FAULTED, Event.HEALTHY): Supply.UNPROVEN,
    # offering (3.1, 3.2), and its end
    (Supply.UNPROVEN, Event.PROVEN_OPEN): Supply.IDLE,
    (Supply.IDLE, Event.OFFERED): Supply.OFFERING,
    (Supply.OFFERING, Event.REFUSED): Supply.IDLE,
    (Supply.OFFERING, Event.ABSENT): Supply.IDLE,
    (Supply.OFFERING, Event.UNSEEN): Supply.IDLE,
    # closing (4)
    (Supply.OFFERING, Event.READY): Supply.CLOSING,
    (Supply.CLOSING, Event.PROVEN_CLOSED): Supply.CLOSED,
    # the vehicle stops asking (8), leaves (2.2), or cannot be seen (12)
    **{(state, Event.WAITING): Supply.PAUSING for state in (Supply.CLOSING, Supply.CLOSED)},
    **{
        (state, event): Supply.OPENING
        for state in (Supply.CLOSING, Supply.CLOSED, Supply.STOPPING, Supply.PAUSING)
        for event in (Event.UNSEEN, Event.ABSENT)
    },
    # we stop (10.1), and force it (10.2)
    **{(state, Event.REFUSED): Supply.STOPPING for state in (Supply.CLOSING, Supply.CLOSED)},
    (Supply.STOPPING, Event.WAITING): Supply.OPENING,
    (Supply.STOPPING, Event.TIME_UP): Supply.OPENING,
    (Supply.PAUSING, Event.REFUSED): Supply.OPENING,
    # the vehicle sleeps, and is woken
    (Supply.OFFERING, Event.DROWSY): Supply.WAKING,
    **{(Supply.WAKING, event): Supply.IDLE for event in (Event.ABSENT, Event.REFUSED, Event.TIME_UP)},
    # proven open again
    (Supply.PAUSING, Event.PROVEN_OPEN): Supply.OFFERING,
    (Supply.OPENING, Event.PROVEN_OPEN): Supply.IDLE,
}


@pytest.mark.parametrize(("state", "event"), PAIRS, ids=lambda value: value.name)
def test_every_state_answers_every_event(state: Supply, event: Event) -> None:
    assert TRANSITIONS[state, event] is MOVES.get((state, event), state)


def test_the_table_has_each_pair_once_and_nothing_else() -> None:
    assert set(TRANSITIONS) == set(PAIRS)
    assert set(MOVES) <= set(PAIRS)


def test_the_contactor_closes_from_offering_when_ready_and_by_no_other_way() -> None:
    rising = {pair for pair, target in TRANSITIONS.items() if target in ENERGISED and pair[0] not in ENERGISED}
    assert rising == {(Supply.OFFERING, Event.READY)}


@pytest.mark.parametrize("event", OPENING_EVENTS)
@pytest.mark.parametrize("state", sorted(ENERGISED, key=lambda state: state.name))
def test_what_must_open_opens_from_every_energised_state(state: Supply, event: Event) -> None:
    assert TRANSITIONS[state, event] not in ENERGISED


def test_whoever_is_refused_advertises_nothing() -> None:
    assert all(TRANSITIONS[state, Event.REFUSED] not in PULSING for state in Supply)


def test_stopping_never_goes_back_to_closed() -> None:
    reached = {TRANSITIONS[Supply.STOPPING, event] for event in Event}
    assert reached.isdisjoint(PULSING)


def test_every_state_can_be_reached_and_left() -> None:
    reached = {Supply.UNPROVEN}
    for _ in Supply:
        reached |= {TRANSITIONS[state, event] for state in reached for event in Event}
    assert reached == set(Supply)
    assert all(any(TRANSITIONS[state, event] is not state for event in Event) for state in Supply)


def test_each_reason_has_a_bit_of_its_own_and_a_text() -> None:
    assert len({reason.bit for reason in Reason}) == len(Reason)
    assert all(reason.text or reason is Reason.FAULT for reason in Reason)
