"""What a person types at a CSMS, turned into OCPP: friendly aliases, and any action with key=value pairs or JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hil.csms import schemas
from hil.csms.schemas import Direction, Version

REMOTE_START_ID = 1
PROFILE_ID = 1


class BadWords(Exception):
    """What was typed makes no command. The message is one line that says what would."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What a command may refer to without naming it: the running transaction, if any. request_id: a fresh number."""

    version: Version
    transaction_id: str | None
    request_id: int


Command = tuple[str, dict[str, Any]]

ALIASES = {  # usage, and what it does
    "start": ("start [TOKEN] [EVSE]", "start a charging session remotely"),
    "stop": ("stop [TRANSACTION]", "stop the running (or named) transaction"),
    "limit": ("limit AMPERES|off [EVSE]", "default charging limit (EVSE 0: all)"),
    "unlock": ("unlock [EVSE]", "unlock the connector"),
    "reset": ("reset [hard|soft|idle|now]", "restart the station"),
    "availability": ("availability on|off [EVSE]", "in or out of service (EVSE 0: whole station)"),
    "get": ("get [KEY...]", "1.6 keys, or Component.Variable in 2.0.1"),
    "set": ("set KEY=VALUE", "1.6 key, or Component.Variable in 2.0.1"),
    "trigger": ("trigger MESSAGE [EVSE]", "ask for a message, as StatusNotification"),
    "report": ("report", "everything the device model holds"),
    "clear-cache": ("clear-cache", "forget the authorisation cache"),
}


def expand(words: list[str], scene: Scene) -> Command:
    """Return action and payload. Raises BadWords."""
    if not words:
        raise BadWords("nothing to send; try: start, stop, limit 10, unlock, reset, or any OCPP action")
    name, rest = words[0], words[1:]
    alias = _BUILDERS.get(name)  # in lower case: `reset` is the alias, `Reset` the action
    if alias is not None:
        try:
            return alias(rest, scene)
        except IndexError:
            raise BadWords(f"{name}: something is missing; usage: {ALIASES[name][0]}") from None
        except ValueError as error:
            raise BadWords(f"{error}; usage: {ALIASES[name][0]}") from None
    known = {action.lower(): action for action in schemas.actions(scene.version)}
    action = known.get(name.lower())
    if action is None:
        raise BadWords(f"{scene.version} has no message {name!r} and there is no such alias: {', '.join(ALIASES)}")
    return action, _payload(rest, action, scene.version)


def _payload(rest: list[str], action: str, version: Version) -> dict[str, Any]:
    """Read one JSON object, or key=value pairs whose dotted keys nest; values take the type the schema wants."""
    if len(rest) == 1 and rest[0].lstrip().startswith("{"):
        try:
            loaded: dict[str, Any] = json.loads(rest[0])
        except ValueError as error:
            raise BadWords(f"the payload is not JSON: {error}") from None
        return loaded
    payload: dict[str, Any] = {}
    for word in rest:
        key, equals, value = word.partition("=")
        if not equals:
            raise BadWords(f"{word!r} is not key=value")
        _put(payload, key.split("."), value)
    document = schemas.schema(version, action, Direction.REQUEST)
    typed = _typed(payload, document, document)
    if not isinstance(typed, dict):
        raise BadWords(f"{action} takes key=value pairs")
    return typed


def _put(target: dict[str, Any], path: list[str], value: str) -> None:
    for part in path[:-1]:
        inner = target.setdefault(part, {})
        if not isinstance(inner, dict):
            raise BadWords(f"{part!r} is both a value and a group")
        target = inner
    target[path[-1]] = value


def _typed(value: Any, node: dict[str, Any], document: dict[str, Any]) -> Any:
    if "$ref" in node:
        node = document["definitions"][node["$ref"].rpartition("/")[2]]
    if isinstance(value, dict):
        inner = node.get("properties", {})
        return {key: _typed(part, inner.get(key, {}), document) for key, part in value.items()}
    if node.get("type") == "string":
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value  # the schema will say what is wrong with it


def _number(rest: list[str], index: int, default: int) -> int:
    if len(rest) <= index:
        return default
    if not rest[index].isdecimal():
        raise ValueError(f"{rest[index]!r} is not the number of an EVSE")
    return int(rest[index])


def _start(rest: list[str], scene: Scene) -> Command:
    token = rest[0] if rest else "DEADBEEF"
    evse = _number(rest, 1, 1)
    if scene.version is Version.V16:
        return "RemoteStartTransaction", {"idTag": token, "connectorId": evse}
    return "RequestStartTransaction", {
        "idToken": {"idToken": token, "type": "Central"},
        "evseId": evse,
        "remoteStartId": scene.request_id,
    }


def _stop(rest: list[str], scene: Scene) -> Command:
    transaction_id = rest[0] if rest else scene.transaction_id
    if transaction_id is None:
        raise ValueError("no transaction is running")
    if scene.version is Version.V16:
        return "RemoteStopTransaction", {"transactionId": int(transaction_id)}
    return "RequestStopTransaction", {"transactionId": transaction_id}


def _limit(rest: list[str], scene: Scene) -> Command:
    evse = _number(rest, 1, 0)
    if rest[0].lower() == "off":
        name = "id" if scene.version is Version.V16 else "chargingProfileId"
        return "ClearChargingProfile", {name: PROFILE_ID}
    try:
        amperes = float(rest[0])
    except ValueError:
        amperes = math.nan
    if not 0 <= amperes < math.inf:
        raise ValueError(f"{rest[0]!r} is neither a number of amperes nor off")
    return "SetChargingProfile", default_limit(scene.version, amperes, evse)


def default_limit(version: Version, amperes: float, evse: int) -> dict[str, Any]:
    """Return a SetChargingProfile payload: a TxDefaultProfile that also binds the running transaction (1.6 errata §3.8)."""
    profile: dict[str, Any] = {
        "stackLevel": 0,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Relative",
    }
    schedule = {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": amperes}]}
    if version is Version.V16:
        profile |= {"chargingProfileId": PROFILE_ID, "chargingSchedule": schedule}
        return {"connectorId": evse, "csChargingProfiles": profile}
    profile |= {"id": PROFILE_ID, "chargingSchedule": [{"id": PROFILE_ID, **schedule}]}
    return {"evseId": evse, "chargingProfile": profile}


def _unlock(rest: list[str], scene: Scene) -> Command:
    evse = _number(rest, 0, 1)
    if scene.version is Version.V16:
        return "UnlockConnector", {"connectorId": evse}
    return "UnlockConnector", {"evseId": evse, "connectorId": 1}


def _reset(rest: list[str], scene: Scene) -> Command:
    word = rest[0].lower() if rest else "soft"
    kinds = {"hard": ("Hard", "Immediate"), "now": ("Hard", "Immediate"), "immediate": ("Hard", "Immediate")}
    kinds |= {"soft": ("Soft", "OnIdle"), "idle": ("Soft", "OnIdle"), "onidle": ("Soft", "OnIdle")}
    if word not in kinds:
        raise ValueError(f"{word!r} is no kind of reset")
    return "Reset", {"type": kinds[word][0 if scene.version is Version.V16 else 1]}


def _availability(rest: list[str], scene: Scene) -> Command:
    states = {"on": "Operative", "operative": "Operative", "off": "Inoperative", "inoperative": "Inoperative"}
    if rest[0].lower() not in states:
        raise ValueError(f"{rest[0]!r} is neither on nor off")
    state, evse = states[rest[0].lower()], _number(rest, 1, 0)
    if scene.version is Version.V16:
        return "ChangeAvailability", {"connectorId": evse, "type": state}
    payload: dict[str, Any] = {"operationalStatus": state}
    return "ChangeAvailability", payload | ({"evse": {"id": evse}} if evse else {})


def _variable(key: str) -> dict[str, Any]:
    component, dot, variable = key.partition(".")
    if not dot:
        raise ValueError(f"{key!r} is not Component.Variable")
    name, _, instance = variable.partition("[")
    named: dict[str, Any] = {"name": name} | ({"instance": instance.rstrip("]")} if instance else {})
    owner, _, evse = component.partition("@")
    return {"component": {"name": owner} | ({"evse": {"id": int(evse)}} if evse else {}), "variable": named}


def _get(rest: list[str], scene: Scene) -> Command:
    if scene.version is Version.V16:
        return "GetConfiguration", {"key": rest} if rest else {}
    if not rest:
        return _report(rest, scene)
    return "GetVariables", {"getVariableData": [_variable(key) for key in rest]}


def _set(rest: list[str], scene: Scene) -> Command:
    key, equals, value = rest[0].partition("=")
    if not equals:
        raise ValueError(f"{rest[0]!r} is not KEY=VALUE")
    if scene.version is Version.V16:
        return "ChangeConfiguration", {"key": key, "value": value}
    return "SetVariables", {"setVariableData": [{"attributeValue": value} | _variable(key)]}


def _trigger(rest: list[str], scene: Scene) -> Command:
    payload: dict[str, Any] = {"requestedMessage": rest[0]}
    is_status = rest[0] == "StatusNotification"
    if scene.version is Version.V16:
        return "TriggerMessage", payload | ({"connectorId": _number(rest, 1, 0)} if len(rest) > 1 else {})
    if len(rest) > 1 or is_status:  # F06.FR.12: a status is asked of one connector
        payload["evse"] = {"id": _number(rest, 1, 1)} | ({"connectorId": 1} if is_status else {})
    return "TriggerMessage", payload


def _report(rest: list[str], scene: Scene) -> Command:
    if scene.version is Version.V16:
        return "GetConfiguration", {}
    return "GetBaseReport", {"requestId": scene.request_id, "reportBase": "FullInventory"}


def _clear_cache(rest: list[str], scene: Scene) -> Command:
    return "ClearCache", {}


_BUILDERS: dict[str, Callable[[list[str], Scene], Command]] = {
    "start": _start,
    "stop": _stop,
    "limit": _limit,
    "unlock": _unlock,
    "reset": _reset,
    "availability": _availability,
    "get": _get,
    "set": _set,
    "trigger": _trigger,
    "report": _report,
    "clear-cache": _clear_cache,
}
