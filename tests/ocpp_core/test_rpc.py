"""The RPC framework on the wire: whatever comes in is answered as Part 4 says, or dropped, and the link goes on."""

from __future__ import annotations

import asyncio
import gc
import json
from random import Random
from typing import Any

import pytest
from msgspec import Raw

from controller.logic.values import AuthorizationStatus, IdToken, IdTokenType
from controller.ocpp.exc import ConnectionLost, PayloadError
from controller.ocpp.ports import NotOnline
from controller.ocpp.rpc import Rpc
from controller.ocpp.schema import Codec
from controller.ocpp.v2 import messages201
from hil.memory import Direction, Fate, calls
from tests.ocpp_core.ocpp_rig import Rig, rig, virtually

VARIABLE = {"component": {"name": "ClockCtrlr"}, "variable": {"name": "TimeSource"}}


async def still_works(r: Rig) -> None:
    assert (await r.csms.call("GetVariables", {"getVariableData": [VARIABLE]}))[0] == 3
    assert len(r.network.attempts) == 1


@pytest.mark.ocpp("2.0.1", "Part4 §4.2.3", "Part4 §4.3", "Part4 §4.1.7")
@pytest.mark.parametrize(
    ("text", "identity", "code"),
    [
        ("hello", "-1", "RpcFrameworkError"),
        ("", "-1", "RpcFrameworkError"),
        ("{}", "-1", "RpcFrameworkError"),
        ("[]", "-1", "RpcFrameworkError"),
        ("[2]", "-1", "RpcFrameworkError"),
        ('[2, 5, "Reset", {}]', "-1", "RpcFrameworkError"),
        ('[2, "' + "x" * 37 + '", "Reset", {}]', "-1", "RpcFrameworkError"),
        ('[2, "a", "Reset", {"type": "Immediate"', "-1", "RpcFrameworkError"),
        ('["2", "a", "Reset", {}]', "a", "RpcFrameworkError"),
        ('[2, "a", "Reset"]', "a", "RpcFrameworkError"),
        ('[2, "a", "Reset", {}, {}]', "a", "RpcFrameworkError"),
        ('[2, "a", 5, {}]', "a", "RpcFrameworkError"),
        ("[" * 100000, "-1", "RpcFrameworkError"),
        ('[2, "a", "DataTransfer", {"vendorId": "v", "data": ' + "[" * 70 + "]" * 70 + "}]", "-1", "RpcFrameworkError"),
        ('[2, "a", "Reset", {"type": "\\ud800"}]', "-1", "RpcFrameworkError"),
        ('[6, "a", "NotifyPeriodicEventStream", {}]', "a", "MessageTypeNotSupported"),
        ('[2, "a", "MakeCoffee", {}]', "a", "NotImplemented"),
        ('[2, "a", "reset", {"type": "Immediate"}]', "a", "NotImplemented"),
        ('[2, "a", "UpdateFirmware", {}]', "a", "NotSupported"),
        ('[2, "a", "BootNotification", {}]', "a", "NotSupported"),
        ('[2, "a", "Reset", {}]', "a", "OccurrenceConstraintViolation"),
        ('[2, "a", "Reset", null]', "a", "OccurrenceConstraintViolation"),
        ('[2, "a", "Reset", []]', "a", "TypeConstraintViolation"),
        ('[2, "a", "Reset", {"type": 1}]', "a", "TypeConstraintViolation"),
        ('[2, "a", "Reset", {"type": "Soft"}]', "a", "PropertyConstraintViolation"),
        ('[2, "a", "Reset", {"type": "Immediate", "evseId": 99999999999}]', "a", "PropertyConstraintViolation"),
        ('[2, "a", "Reset", {"type": "Immediate", "colour": "red"}]', "a", "FormatViolation"),
        ('[2, "a", "Reset", {"type": "Immediate", "evseId": null}]', "a", "TypeConstraintViolation"),
    ],
)
def test_every_malformed_thing_has_its_error(text: str, identity: str, code: str) -> None:
    @virtually
    async def run() -> None:
        async with rig() as r:
            await r.online()
            answer = await r.csms.raw(text, identity)
            assert answer[:3] == [4, identity, code]
            assert isinstance(answer[3], str)
            assert len(answer[3]) <= 255
            assert answer[4] == {}
            assert r.station.asked == [("registered", r.station.asked[0][1])]
            await still_works(r)

    run()


@pytest.mark.parametrize(
    "text",
    [
        '[3, "nobody asked", {}]',
        '[4, "nobody asked", "GenericError", "", {}]',
        "[3]",
        "[3, 5, {}]",
        '[3, "x"]',
        "[4]",
        '[4, "-1", "RpcFrameworkError", "", {}]',
        '[4, "x"]',
    ],
)
def test_answers_to_nothing_and_broken_answers_are_dropped(text: str) -> None:
    @virtually
    async def run() -> None:
        async with rig() as r:
            await r.online()
            heard = len(r.csms.received)
            await r.csms.say(text)
            await asyncio.sleep(1)
            assert len(r.csms.received) == heard
            await still_works(r)

    run()


@virtually
async def test_null_stands_for_an_empty_payload() -> None:
    async with rig() as r:
        await r.online()
        assert (await r.csms.raw('[2, "n", "GetLocalListVersion", null]', "n"))[0] == 3


@virtually
async def test_a_handler_that_fails_is_an_internal_error() -> None:
    async with rig() as r:
        await r.online()

        def broken(*arguments: Any) -> Any:
            raise RuntimeError("secret detail")

        r.station.request_reset = broken  # type: ignore[method-assign]
        answer = await r.csms.call("Reset", {"type": "Immediate"})
        assert answer[2] == "InternalError"
        assert "secret" not in answer[3]
        await still_works(r)


@virtually
async def test_a_repeated_request_is_answered_again_but_not_carried_out_again() -> None:
    async with rig() as r:
        await r.online()
        first = await r.csms.call("Reset", {"type": "OnIdle"}, identity="same")
        second = await r.csms.call("Reset", {"type": "OnIdle"}, identity="same")
        assert first == second
        assert [each[0] for each in r.station.asked].count("reset") == 1
        await r.csms.call("Reset", {"type": "Immediate"}, identity="same")
        assert [each[0] for each in r.station.asked].count("reset") == 2


@pytest.mark.ocpp("2.0.1", "Part4 §4.1.1")
@virtually
async def test_one_call_is_in_flight_even_if_its_caller_gave_up_waiting() -> None:
    async with rig() as r:
        await r.online()
        r.csms.script["Authorize"] = [None]
        asking = [asyncio.create_task(r.client.authorize(IdToken(f"TOKEN{n}"), 1)) for n in range(3)]
        await asyncio.sleep(1)
        asking[0].cancel()
        results = await asyncio.gather(*asking, return_exceptions=True)
        times = [each.at_s for each in r.csms.of("Authorize")]
        assert len(times) == 3
        assert times[1] - times[0] == pytest.approx(30, abs=0.5)
        assert times[2] - times[1] == pytest.approx(30, abs=0.5)
        assert [type(each) for each in results[1:]] == [NotOnline, NotOnline]


@pytest.mark.ocpp("2.0.1", "Part4 §4.1.4")
@virtually
async def test_message_ids_are_unique_over_connections() -> None:
    async with rig() as r:
        await r.online()
        for n in range(3):
            r.network.cut()
            await r.csms.until("Heartbeat", n + 1)
        identities = [each.frame[1] for each in r.csms.received if each.action]
        assert len(set(identities)) == len(identities)


@virtually
async def test_a_late_answer_is_dropped_and_the_next_call_gets_its_own() -> None:
    async with rig() as r:
        await r.online()
        r.csms.script["Authorize"] = [{"idTokenInfo": {"status": "Blocked"}}, {"idTokenInfo": {"status": "Accepted"}}]
        r.network.plan(Direction.DOWN, lambda text: "Blocked" in text, Fate.DELIVER, delay_s=31)
        with pytest.raises(NotOnline):
            await r.client.authorize(IdToken("A"), 1)
        info = await r.client.authorize(IdToken("B"), 1)
        assert info.status is AuthorizationStatus.ACCEPTED


@virtually
async def test_an_answer_that_does_not_conform_is_no_answer() -> None:
    async with rig() as r:
        await r.online()
        r.csms.script["Authorize"] = [{"idTokenInfo": {"status": "Fine"}}]
        assert (await r.client.authorize(IdToken("A"), 1)).status is AuthorizationStatus.INVALID
        await still_works(r)


@virtually
async def test_requests_and_calls_cross_without_waiting_for_each_other() -> None:
    async with rig() as r:
        await r.online()
        r.csms.script["Authorize"] = [None]
        asking = asyncio.create_task(r.client.authorize(IdToken("A"), 1))
        await asyncio.sleep(1)
        await still_works(r)
        with pytest.raises(NotOnline):
            await asking


@virtually
async def test_a_cut_in_the_middle_of_a_call_ends_the_wait_at_once() -> None:
    async with rig() as r:
        await r.online()
        r.network.plan(Direction.UP, calls("Authorize"), Fate.LOSE_AND_CUT)
        before = r.clock.monotonic()
        with pytest.raises(NotOnline):
            await r.client.authorize(IdToken("A"), 1)
        assert r.clock.monotonic() - before < 1
        assert not r.client.is_online
        with pytest.raises(NotOnline):
            await r.client.authorize(IdToken("A"), 1)


@virtually
async def test_a_flood_of_requests_leaves_the_link_working() -> None:
    async with rig() as r:
        await r.online()
        for n in range(500):
            await r.csms.say(json.dumps([2, f"f{n}", "GetLocalListVersion", {}]))
        await asyncio.sleep(1)
        answered = [each.frame[1] for each in r.csms.received if each.frame[0] == 3]
        assert len(answered) >= 64
        await still_works(r)


@pytest.mark.ocpp("2.0.1", "A01.FR.12", "C04.FR.04")
@virtually
async def test_secrets_do_not_reach_whoever_watches_the_frames() -> None:
    async with rig() as r:
        await r.online()
        await r.client.authorize(IdToken("4711-0815", IdTokenType.KEY_CODE), 1)
        secret = "correct-horse-battery"
        data = {
            "component": {"name": "SecurityCtrlr"},
            "variable": {"name": "BasicAuthPassword"},
            "attributeValue": secret,
        }
        token = {"idToken": "4711-0815", "type": "KeyCode"}
        await r.csms.call("RequestStartTransaction", {"remoteStartId": 1, "idToken": token})
        await r.csms.call("SetVariables", {"setVariableData": [data]})
        seen = json.dumps(r.events)
        assert "SetVariables" in seen
        assert "RequestStartTransaction" in seen
        assert "Authorize" in seen
        assert secret not in seen
        assert "4711-0815" not in seen


class BrokenPipe:
    """A connection that can no longer send although nobody has noticed its end yet."""

    subprotocol = "ocpp2.0.1"

    async def send(self, text: str) -> None:
        raise ConnectionLost("broken pipe")

    async def recv(self) -> str:
        await asyncio.Event().wait()
        raise AssertionError

    async def close(self, code: int = 1000, reason: str = "") -> None:
        return


@virtually
async def test_a_failed_sending_ends_the_belief_in_the_connection() -> None:
    codec = Codec("ocpp2.0.1", messages201.ACTIONS)
    rpc = Rpc(BrokenPipe(), codec, {}, gate=lambda action: None, call_timeout_s=lambda: 30.0, random=Random(1))
    assert rpc.is_open
    with pytest.raises(ConnectionLost):
        await rpc.call("Heartbeat", {})
    assert not rpc.is_open


class EndsWhileSending(BrokenPipe):
    """The reader learns of the end while a message is still being sent."""

    async def send(self, text: str) -> None:
        await asyncio.sleep(2)
        raise ConnectionLost("gone")

    async def recv(self) -> str:
        await asyncio.sleep(1)
        raise ConnectionLost("gone")


@virtually
async def test_an_end_in_the_middle_of_a_sending_leaves_nothing_behind() -> None:
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: complaints.append(context))

    async def converse() -> None:
        codec = Codec("ocpp2.0.1", messages201.ACTIONS)
        rpc = Rpc(
            EndsWhileSending(), codec, {}, gate=lambda action: None, call_timeout_s=lambda: 30.0, random=Random(1)
        )
        running = asyncio.create_task(rpc.run())
        with pytest.raises(ConnectionLost):
            await rpc.call("Heartbeat", {})
        await running

    await converse()
    await asyncio.sleep(1)
    gc.collect()
    assert complaints == []


class Answers(BrokenPipe):
    """Answers each Heartbeat a second after it came."""

    def __init__(self, happened: list[str]) -> None:
        self._happened = happened
        self._frames = asyncio.Queue[str]()

    async def send(self, text: str) -> None:
        self._happened.append(text[text.index("{") : -1])
        self._frames.put_nowait(text)

    async def recv(self) -> str:
        identity = json.loads(await self._frames.get())[1]
        await asyncio.sleep(1)
        return json.dumps([3, identity, {"currentTime": "2026-03-01T06:00:00Z"}])


@virtually
async def test_the_time_a_peer_takes_to_answer_can_be_used_and_what_is_ready_made_goes_out_as_it_is() -> None:
    happened: list[str] = []
    codec = Codec("ocpp2.0.1", messages201.ACTIONS)
    rpc = Rpc(Answers(happened), codec, {}, gate=lambda action: None, call_timeout_s=lambda: 30.0, random=Random(1))
    running = asyncio.create_task(rpc.run())
    started_s = asyncio.get_running_loop().time()

    def sent() -> None:
        assert asyncio.get_running_loop().time() == started_s
        happened.append("sent")

    payload = '{ "customData" : {"vendorId":"x", "n": 1.50} }'
    await rpc.call("Heartbeat", Raw(payload.encode()), sent)
    happened.append("answered")
    assert happened == [payload, "sent", "answered"]
    running.cancel()


@virtually
async def test_what_could_not_be_sent_is_not_said_to_be() -> None:
    codec = Codec("ocpp2.0.1", messages201.ACTIONS)
    rpc = Rpc(BrokenPipe(), codec, {}, gate=lambda action: None, call_timeout_s=lambda: 30.0, random=Random(1))
    said: list[int] = []
    with pytest.raises(ConnectionLost):
        await rpc.call("Heartbeat", {}, lambda: said.append(1))
    with pytest.raises(PayloadError):
        await rpc.call("Heartbeat", Raw(b'{"colour":"red"}'), lambda: said.append(1))
    assert said == []
