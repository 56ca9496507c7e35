"""What an EVSE shows: the whole product of what it is made of."""

from __future__ import annotations

from itertools import product

import pytest

from controller.logic.indication import CardOutcome, Indication, Shown, indication, most_urgent
from controller.logic.session import Stage
from controller.logic.status import ConnectorStatus

In, C = Indication, ConnectorStatus

BY_STATUS = {
    C.CHARGING: In.CHARGING,
    C.SUSPENDED_EVSE: In.PAUSED,
    C.SUSPENDED_EV: In.PAUSED_BY_VEHICLE,
    C.FINISHING: In.FINISHED,
    C.RESERVED: In.RESERVED,
    C.FAULTED: In.FAULT,
}
BY_STAGE = {Stage.ASKING: In.CHECKING, Stage.AWAITING_EV: In.PLUG_IN, Stage.AUTHORIZED: In.STARTING}
PRODUCT = list(product(C, Stage, Stage, CardOutcome, (True, False), (True, False)))


def shown(status: C, stage: Stage, lobby: Stage, card: CardOutcome, is_online: bool, is_restarting: bool) -> In:
    return indication(status, stage, lobby, card, is_online=is_online, is_restarting=is_restarting)


def test_whatever_is_true_something_is_shown_and_everything_can_be() -> None:
    assert {shown(*facts) for facts in PRODUCT} == set(Indication)


def test_a_card_is_answered_before_everything_else() -> None:
    for facts in PRODUCT:
        if facts[3] is not CardOutcome.NONE:
            answer = In.CARD_ACCEPTED if facts[3] is CardOutcome.ACCEPTED else In.CARD_REFUSED
            assert shown(*facts) is answer


@pytest.mark.parametrize("status", list(C))
def test_without_a_card_each_status_has_its_rule(status: C) -> None:
    for facts in PRODUCT:
        if facts[0] is not status or facts[3] is not CardOutcome.NONE:
            continue
        _, stage, lobby, _, is_online, is_restarting = facts
        if status in BY_STATUS:
            wanted = BY_STATUS[status]
        elif status is C.PREPARING:
            wanted = BY_STAGE.get(stage, In.WAITING_FOR_CARD)
        elif is_restarting:
            wanted = In.UPDATING
        elif status is C.UNAVAILABLE:
            wanted = In.UNAVAILABLE
        elif lobby in (Stage.ASKING, Stage.AWAITING_EV):
            wanted = BY_STAGE[lobby]
        else:
            wanted = In.AVAILABLE if is_online else In.OFFLINE
        assert shown(*facts) is wanted, facts


def test_one_light_for_several_shows_the_most_urgent() -> None:
    order = list(Indication)
    for first, second in product(order, order):
        found = most_urgent([Shown(1, first), Shown(2, second)])
        assert found is order[min(order.index(first), order.index(second))]
