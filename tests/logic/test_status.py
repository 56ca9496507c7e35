"""The connector's status is a function of what is true."""

from __future__ import annotations

import dataclasses

import pytest

from controller.logic.records import ChargingState
from controller.logic.session import Stage
from controller.logic.status import ConnectorStatus, Seen, connector_status

C, G, S = ChargingState, Stage, ConnectorStatus
IDLE = Seen(G.FREE, C.IDLE, in_use=False, is_operative=True)


@pytest.mark.ocpp("2.0.1", "E02.FR.05", "G03.FR.05", "G03.FR.06", "G03.FR.07")
@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, S.AVAILABLE),
        ({"is_operative": False}, S.UNAVAILABLE),
        ({"awaits_reset": True}, S.UNAVAILABLE),
        ({"is_reserved": True}, S.RESERVED),
        ({"fault": "rcd_trip"}, S.FAULTED),
        ({"stage": G.ASKING, "in_use": True}, S.PREPARING),
        ({"stage": G.AWAITING_EV, "in_use": True}, S.PREPARING),
        ({"stage": G.AWAITING_EV, "in_use": True, "ev_has_left": True}, S.SUSPENDED_EV),
        ({"stage": G.AWAITING_DRIVER}, S.PREPARING),
        ({"stage": G.AWAITING_DRIVER, "is_operative": False}, S.UNAVAILABLE),
        ({"stage": G.AUTHORIZED, "in_use": True, "charging_state": C.CHARGING}, S.CHARGING),
        ({"stage": G.AUTHORIZED, "in_use": True, "charging_state": C.EV_CONNECTED}, S.PREPARING),
        ({"stage": G.AUTHORIZED, "in_use": True, "charging_state": C.SUSPENDED_EV}, S.SUSPENDED_EV),
        ({"stage": G.AUTHORIZED, "in_use": True, "charging_state": C.SUSPENDED_EVSE}, S.SUSPENDED_EVSE),
        (
            {"stage": G.AUTHORIZED, "in_use": True, "charging_state": C.CHARGING, "is_operative": False},
            S.CHARGING,
        ),
        ({"stage": G.AUTHORIZED, "in_use": True, "charging_state": C.CHARGING, "fault": "x"}, S.FAULTED),
        ({"stage": G.ENDING, "in_use": True}, S.FINISHING),
        ({"stage": G.FINISHED}, S.FINISHING),
        ({"stage": G.FREE, "in_use": True}, S.PREPARING),
    ],
)
def test_status(changes: dict[str, object], expected: ConnectorStatus) -> None:
    assert connector_status(dataclasses.replace(IDLE, **changes)) is expected  # type: ignore[arg-type]
