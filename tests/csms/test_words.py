"""What a person types becomes the right OCPP message, or a line that says what would."""

from __future__ import annotations

from typing import Any

import pytest

from hil.csms import schemas
from hil.csms.schemas import Direction, Version
from hil.csms.words import ALIASES, BadWords, Scene, expand

V16 = Scene(Version.V16, "7", 3)
V201 = Scene(Version.V201, "T-1", 3)


def limit(scene: Scene) -> Any:
    action, payload = expand(["limit", "10"], scene)
    assert action == "SetChargingProfile"
    if scene is V16:
        return payload["csChargingProfiles"]["chargingSchedule"]["chargingSchedulePeriod"][0]["limit"]
    return payload["chargingProfile"]["chargingSchedule"][0]["chargingSchedulePeriod"][0]["limit"]


@pytest.mark.parametrize(
    ("words", "scene", "expected"),
    [
        ("start CAFE 2", V16, ("RemoteStartTransaction", {"idTag": "CAFE", "connectorId": 2})),
        ("start CAFE", V201, ("RequestStartTransaction",
            {"idToken": {"idToken": "CAFE", "type": "Central"}, "evseId": 1, "remoteStartId": 3})),
        ("stop", V16, ("RemoteStopTransaction", {"transactionId": 7})),
        ("stop", V201, ("RequestStopTransaction", {"transactionId": "T-1"})),
        ("limit off", V16, ("ClearChargingProfile", {"id": 1})),
        ("limit off", V201, ("ClearChargingProfile", {"chargingProfileId": 1})),
        ("unlock 2", V16, ("UnlockConnector", {"connectorId": 2})),
        ("unlock", V201, ("UnlockConnector", {"evseId": 1, "connectorId": 1})),
        ("reset", V16, ("Reset", {"type": "Soft"})),
        ("reset hard", V201, ("Reset", {"type": "Immediate"})),
        ("availability off 1", V16, ("ChangeAvailability", {"connectorId": 1, "type": "Inoperative"})),
        ("availability on", V201, ("ChangeAvailability", {"operationalStatus": "Operative"})),
        ("get", V16, ("GetConfiguration", {})),
        ("get HeartbeatInterval", V16, ("GetConfiguration", {"key": ["HeartbeatInterval"]})),
        ("set HeartbeatInterval=60", V16, ("ChangeConfiguration", {"key": "HeartbeatInterval", "value": "60"})),
        ("get TxCtrlr.TxStopPoint", V201, ("GetVariables",
            {"getVariableData": [{"component": {"name": "TxCtrlr"}, "variable": {"name": "TxStopPoint"}}]})),
        ("set EVSE@1.Power[x]=5", V201, ("SetVariables", {"setVariableData": [{"attributeValue": "5",
            "component": {"name": "EVSE", "evse": {"id": 1}}, "variable": {"name": "Power", "instance": "x"}}]})),
        ("trigger StatusNotification 1", V16, ("TriggerMessage",
            {"requestedMessage": "StatusNotification", "connectorId": 1})),
        ("trigger StatusNotification 1", V201, ("TriggerMessage",
            {"requestedMessage": "StatusNotification", "evse": {"id": 1, "connectorId": 1}})),
        ("trigger StatusNotification", V16, ("TriggerMessage", {"requestedMessage": "StatusNotification"})),
        ("trigger StatusNotification", V201, ("TriggerMessage",
            {"requestedMessage": "StatusNotification", "evse": {"id": 1, "connectorId": 1}})),
        ("trigger Heartbeat", V201, ("TriggerMessage", {"requestedMessage": "Heartbeat"})),
        ("report", V201, ("GetBaseReport", {"requestId": 3, "reportBase": "FullInventory"})),
        ("clear-cache", V16, ("ClearCache", {})),
        ("RemoteStartTransaction idTag=1234 connectorId=1", V16,
            ("RemoteStartTransaction", {"idTag": "1234", "connectorId": 1})),
        ("requeststarttransaction idToken.idToken=1 idToken.type=Central remoteStartId=9", V201,
            ("RequestStartTransaction", {"idToken": {"idToken": "1", "type": "Central"}, "remoteStartId": 9})),
    ],
)  # fmt: skip
def test_words_become_a_message_that_conforms(words: str, scene: Scene, expected: Any) -> None:
    action, payload = expand(words.split(), scene)
    assert (action, payload) == expected
    assert schemas.breach(scene.version, action, Direction.REQUEST, payload) is None


@pytest.mark.parametrize("scene", [V16, V201])
def test_a_limit_conforms_in_both_versions(scene: Scene) -> None:
    assert limit(scene) == 10
    action, payload = expand(["limit", "6.5", "1"], scene)
    exact = schemas.parse(schemas.render(payload))
    assert schemas.breach(scene.version, action, Direction.REQUEST, exact) is None


def test_json_is_taken_as_it_is() -> None:
    assert expand(["Reset", '{"type": "Hard"}'], V16) == ("Reset", {"type": "Hard"})


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("", "nothing to send"),
        ("brew", "no message 'brew'"),
        ("limit", "limit: something is missing; usage: limit AMPERES"),
        ("limit lots", "'lots' is neither a number of amperes nor off; usage: limit AMPERES"),
        ("limit nan", "neither a number"),
        ("limit -1", "neither a number"),
        ("limit 10 left", "'left' is not the number of an EVSE"),
        ("availability maybe", "neither on nor off"),
        ("reset gently", "no kind of reset"),
        ("set HeartbeatInterval", "not KEY=VALUE"),
        ("Reset Hard", "not key=value"),
        ("Reset {", "not JSON"),
    ],
)
def test_bad_words_are_answered_with_what_would_be_right(words: str, says: str) -> None:
    with pytest.raises(BadWords, match=says):
        expand(words.split(), V16)


def test_stop_without_a_running_transaction_says_so() -> None:
    with pytest.raises(BadWords, match="no transaction is running"):
        expand(["stop"], Scene(Version.V16, None, 1))


def test_every_alias_is_documented() -> None:
    assert all(usage.startswith(name) and what for name, (usage, what) in ALIASES.items())
