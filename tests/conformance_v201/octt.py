"""The test tool's side of the certification cases: its CSMS, its hands on the plug and the card, its clock.

`Octt` drives one whole station in virtual time and reads what the CSMS got, the plant's contact and nothing else. `octt` makes a
pytest test of an asynchronous function that takes one. What a case calls a configuration state is set by SetVariables on the wire.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from hil.csms.csms import CommandFailed
from hil.csms.log import Frame, Party
from hil.csms.transactions import Transaction
from hil.sim.world import IDENTITY, SimWorld
from hil.virtual import run_virtual
from tests.conformance_v201.patterns import differences

Payload = dict[str, Any]

ANNA, BERT, CARA = "04A2B3C4D5E680", "04B7C8D9EAFB80", "04C1C2C3C4C580"
SOON_S = 20.0  # what a case means by "the station sends": long enough for lock, self-test and contactor


class Octt:
    """pattern: see `patterns`. A CALL of the station is expected once; what came before `forget` is not looked at."""

    def __init__(self, world: SimWorld) -> None:
        self.world = world
        self.csms = world.csms
        self.allowed_violations: set[str] = set()
        self._from = 0
        self._used: set[int] = set()

    # --- hands ---

    def plug(self, evse: int = 1, **ev: Any) -> None:
        self.world.verb("plug_in", evse=evse, ev={"phases": 3, **ev})

    def unplug(self, evse: int = 1) -> bool:
        """Pull the EV's end, and our end where the lock lets go. Returns whether the cable is still held here."""
        return bool(self.world.verb("unplug", evse=evse)["cable_held"])

    def swipe(self, token: str = ANNA) -> None:
        self.world.verb("swipe", token=token)

    def lose_network(self) -> None:
        """Close the connection and accept no new one."""
        self.world.verb("network", up=False)

    async def restore_network(self, within_s: float = 700.0) -> None:
        """Accept connections again and wait for the station's."""
        self.world.verb("network", up=True)
        await self.until(lambda: self.world.network.is_connected, within_s, "the station connects again")

    async def offline(self, seconds: float) -> None:
        self.lose_network()
        await self.sleep(seconds)
        await self.restore_network()

    def contact(self, evse: int = 1) -> str:
        """`open` or `closed`: the contactor's main contact as the plant knows it."""
        return str(self.world.evse(evse)["contact"])

    def drawn_a(self, evse: int = 1) -> float:
        return float(max(self.world.evse(evse)["current_a"]))

    # --- time ---

    @property
    def now(self) -> datetime:
        return self.world.clock.true_wall()

    async def sleep(self, seconds: float) -> None:
        await self.world.sleep(seconds)

    async def until(self, holds: Callable[[], Any], within_s: float, what: str) -> Any:
        return await self.world.until(holds, within_s, what)

    # --- what the CSMS says ---

    async def command(self, action: str, payload: Payload | None = None) -> Payload:
        """Send a CALL and return the answer. Raises CommandFailed."""
        answer: Payload = await self.world.watch(self.csms.command(IDENTITY, action, payload))
        return answer

    async def refused(self, action: str, payload: Payload | None = None) -> str:
        """Send a CALL that is to be answered with a CALLERROR; return its code."""
        try:
            answer = await self.command(action, payload)
        except CommandFailed as failed:
            return failed.code
        raise AssertionError(f"{action} was answered: {answer}")

    async def configure(self, variables: Mapping[str, str]) -> None:
        """Set variables, written as `Component.Variable` or `Component.Variable[instance]`; each must be accepted."""
        data = [{**named(key), "attributeValue": value} for key, value in variables.items()]
        answer = await self.command("SetVariables", {"setVariableData": data})
        states = [result["attributeStatus"] for result in answer["setVariableResult"]]
        assert states == ["Accepted"] * len(data), dict(zip(variables, states, strict=True))

    async def value(self, key: str) -> str:
        answer = await self.command("GetVariables", {"getVariableData": [named(key)]})
        (result,) = answer["getVariableResult"]
        assert result["attributeStatus"] == "Accepted", result
        return str(result["attributeValue"])

    # --- what the station says ---

    def forget(self) -> None:
        """What has come until now is done with."""
        self._from = len(self.csms.frames)

    def calls(self, action: str = "", pattern: Mapping[str, Any] | None = None) -> list[Frame]:
        """The station's CALLs since `forget`, in order."""
        return [frame for _, frame in self._matching(action, pattern)]

    def payloads(self, action: str, pattern: Mapping[str, Any] | None = None) -> list[Payload]:
        return [frame.payload for frame in self.calls(action, pattern)]

    def _matching(self, action: str, pattern: Mapping[str, Any] | None) -> list[tuple[int, Frame]]:
        return [
            (number, frame)
            for number, frame in enumerate(self.csms.frames[self._from :], self._from)
            if frame.sender is Party.STATION
            and frame.kind == "call"
            and action in ("", frame.action)
            and not differences(frame.payload, pattern or {})
        ]

    async def expect(
        self, action: str, pattern: Mapping[str, Any] | None = None, *, within_s: float = SOON_S
    ) -> Payload:
        """Wait for a CALL that fits and was not expected before; return its payload."""

        def found() -> int | None:
            return next((number for number, _ in self._matching(action, pattern) if number not in self._used), None)

        try:
            number = await self.until(lambda: found() is not None and (found(),), within_s, action)
        except AssertionError as error:
            raise AssertionError(f"{error} {pattern or ''}\nseen: {self._story()}") from None
        self._used.add(number[0])
        payload: Payload = self.csms.frames[number[0]].payload
        return payload

    async def event(self, pattern: Mapping[str, Any], *, within_s: float = SOON_S) -> Payload:
        return await self.expect("TransactionEvent", pattern, within_s=within_s)

    async def status(self, state: str, evse: int = 1, *, within_s: float = SOON_S) -> Payload:
        """Wait for the report of a connector's status."""
        pattern = {"connectorStatus": state, "evseId": evse, "connectorId": 1}
        return await self.expect("StatusNotification", pattern, within_s=within_s)

    async def silence(self, seconds: float, action: str = "", pattern: Mapping[str, Any] | None = None) -> None:
        """Let time pass in which the station sends no such CALL, nor has sent one since our last but what was expected."""
        ours = [n for n, frame in enumerate(self.csms.frames) if frame.sender is Party.CSMS and frame.kind == "call"]
        since = max(self._from, ours[-1]) if ours and ours[-1] >= self._from else len(self.csms.frames)
        await self.sleep(seconds)
        matching = self._matching(action, pattern)
        heard = [frame.text for number, frame in matching if number >= since and number not in self._used]
        assert not heard, heard

    def _story(self) -> str:
        calls = self.calls()
        return "\n".join(f"{frame.at:%H:%M:%S.%f} {frame.text}" for frame in calls[-12:])

    # --- transactions ---

    @property
    def transactions(self) -> list[Transaction]:
        return self.csms.transactions

    def transaction(self, evse: int = 1) -> Transaction:
        """The newest transaction of an EVSE."""
        return next(each for each in reversed(self.csms.transactions) if each.evse == evse)

    # --- life and death ---

    async def booted(self, within_s: float = 60.0) -> Payload:
        """Wait for an accepted boot and the status of every connector (state Booted); return the BootNotification."""
        boot = await self.expect("BootNotification", within_s=within_s)
        self._from = max(self._used)
        for evse in (each.id for each in self.world.board.evses):
            await self.expect("StatusNotification", {"evseId": evse, "connectorId": 1})
        return boot

    async def power_cycle(self, dark_s: float = 5.0) -> None:
        """Pull the plug of the whole station and give it power again."""
        self.forget()
        await self.world.watch(self.world.power_cut(dark_s))


def named(key: str) -> Payload:
    """Return component and variable of a key."""
    component, _, name = key.partition(".")
    name, _, instance = name.partition("[")
    place = _place(component)
    return {
        "component": {"name": component.partition("@")[0], **place},
        "variable": {"name": name, **({"instance": instance.rstrip("]")} if instance else {})},
    }


def _place(component: str) -> Payload:
    _, _, place = component.partition("@")
    if not place:
        return {}
    evse, _, connector = place.partition(",")
    return {"evse": {"id": int(evse), **({"connectorId": int(connector)} if connector else {})}}


Case = Callable[..., Awaitable[None]]


def octt(
    configuration: Mapping[str, str] | None = None,
    *,
    boots: bool = True,
    board: Callable[[Path], Path] | None = None,
    initial: Mapping[str, str] | None = None,
    station: Mapping[str, Any] | None = None,
    registration: Sequence[str] = (),
    **world_settings: Any,
) -> Callable[[Case], Callable[..., None]]:
    """Make a test of a case: `async def case(o: Octt, ...parameters)`.

    configuration: set on the wire once booted. boots: wait for state Booted first. board: makes another board file in the
    directory given. initial: `[ocpp.variables]` of the file. station: more of `[station]`. registration: answers to the first
    BootNotifications, then Accepted; with it the case begins at power-up. The CSMS must have found nothing wrong in the end.
    """

    def decorate(case: Case) -> Callable[..., None]:
        async def play(directory: Path, parameters: Mapping[str, Any]) -> None:
            settings = dict(station or {})
            if board is not None:
                settings["board"] = str(board(directory))
            world = SimWorld(directory, version="2.0.1", variables=initial, station=settings, **world_settings)
            world.csms.behaviour.boot(*registration)
            async with world:
                tool = Octt(world)
                if boots and not registration:
                    await tool.booted()
                    await tool.sleep(3)
                if configuration:
                    await tool.configure(configuration)
                await case(tool, **parameters)
                broken = [str(v) for v in world.csms.violations if v.kind not in tool.allowed_violations]
                assert not broken, broken

        @functools.wraps(case)
        def test(tmp_path: Path, **parameters: Any) -> None:
            run_virtual(play(tmp_path, parameters))

        given = list(inspect.signature(case).parameters.values())[1:]
        path = inspect.Parameter("tmp_path", inspect.Parameter.KEYWORD_ONLY, annotation=Path)
        keywords = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in given]
        test.__signature__ = inspect.Signature([path, *keywords])  # type: ignore[attr-defined]
        return test

    return decorate


def registers(payload: Mapping[str, Any]) -> Sequence[float]:
    """The energy register values of an event, Wh, as they stand in it."""
    return [
        float(sample["value"])
        for meter_value in payload.get("meterValue", [])
        for sample in meter_value["sampledValue"]
        if sample.get("measurand", _REGISTER) == _REGISTER
    ]


_REGISTER = "Energy.Active.Import.Register"
