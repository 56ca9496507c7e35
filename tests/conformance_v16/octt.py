"""The test tool of these scenarios: a central system that commands, a driver who acts, and what both of them see.

A scenario is an asynchronous test under `@scenario`: the whole station runs in virtual time against the bundled CSMS, which
judges every frame. Assertions are on frames as the CSMS got them and on the plant's own contact.
"""

from __future__ import annotations

import functools
import inspect
import json
from collections.abc import Callable, Coroutine, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, overload

from hil.csms.csms import CommandFailed
from hil.csms.log import Frame, Kind, Party
from hil.csms.transactions import Transaction
from hil.memory import Direction
from hil.sim.world import IDENTITY, SimWorld
from hil.virtual import START_S, run_virtual

TAG = "04A2B3C4D5E680"
FRIEND = "04B1C2D3E4F580"  # of the same parent where a scenario says so
STRANGER = "04FFEEDDCCBB80"
PARENT = "FAMILY"

Test = Callable[..., Coroutine[Any, Any, None]]


class Octt:
    """One station under test. Each `sees` of an action goes on where the last one of it stopped; lists count from the last `mark`."""

    def __init__(self, world: SimWorld) -> None:
        self.world = world
        self.csms = world.csms
        self.may_break: set[str] = set()  # kinds of violation a scenario provokes
        self._mark = 0
        self._seen: dict[tuple[str, int | None], int] = {}  # action and connector: the frame after the last one seen

    # --- the wire ---------------------------------------------------------------------------------------------------------

    def mark(self) -> None:
        """Look only at what comes from now on."""
        self._mark = len(self.csms.frames)
        self._seen.clear()

    def frames(self, action: str | None = None, **fields: Any) -> list[Frame]:
        """CALLs of the station since the mark, in order."""
        return [f for f in self.csms.frames[self._mark :] if _is_call(f, action, fields)]

    def calls(self, action: str, **fields: Any) -> list[dict[str, Any]]:
        """Their payloads."""
        return [frame.payload for frame in self.frames(action, **fields)]

    def actions(self) -> list[str]:
        return [frame.action for frame in self.frames()]

    def statuses(self, connector: int = 1) -> list[str]:
        """What was reported of a connector since the mark."""
        return [payload["status"] for payload in self.calls("StatusNotification", connectorId=connector)]

    def print_frames(self) -> None:
        """For whoever reads why a scenario failed."""
        for frame in self.csms.frames[-60:]:
            print(f"{frame.at_s - START_S:10.2f} {frame.sender:7} {frame.text}")

    async def sees(self, action: str, within_s: float = 15.0, **fields: Any) -> dict[str, Any]:
        """Wait for the next such CALL of the station and return its payload."""

        stream = (action, fields.get("connectorId"))
        since = self._seen.get(stream, self._mark)

        def found() -> Frame | None:
            for number, frame in enumerate(self.csms.frames[since:], since):
                if _is_call(frame, action, fields):
                    self._seen[stream] = number + 1
                    return frame
            return None

        frame: Frame = await self.world.until(found, within_s, f"{action} {fields or ''}")
        payload: dict[str, Any] = frame.payload
        return payload

    async def status(self, status: str, connector: int = 1, within_s: float = 30.0) -> dict[str, Any]:
        """Wait for the next report of this status."""
        return await self.sees("StatusNotification", within_s, connectorId=connector, status=status)

    async def silence(self, seconds: float, *actions: str) -> None:
        """Let time pass in which the station sends none of these CALLs (none at all where none is named)."""
        start = len(self.csms.frames)
        await self.world.sleep(seconds)
        sent = [f.action for f in self.csms.frames[start:] if _is_call(f, None, {})]
        assert not [action for action in sent if not actions or action in actions], sent

    async def command(self, action: str, **payload: Any) -> dict[str, Any]:
        """Send a CALL and return the answer. Raises CommandFailed."""
        reply: dict[str, Any] = await self.world.watch(self.csms.command(IDENTITY, action, payload))
        return reply

    async def told(self, action: str, **payload: Any) -> str:
        """Send a CALL and return the status of its answer."""
        return str((await self.command(action, **payload))["status"])

    async def refused(self, action: str, **payload: Any) -> str:
        """Send a CALL that must be answered by a CALLERROR; return its code."""
        try:
            reply = await self.command(action, **payload)
        except CommandFailed as failure:
            return failure.code
        raise AssertionError(f"{action} was answered {reply}")

    async def says(self, text: str | list[Any], wait_s: float = 2.0) -> list[list[Any]]:
        """Send anything at all; return every frame the station answered within the time."""
        self.may_break.add(Kind.UNASKED)  # to the CSMS it is an answer to nothing
        start = len(self.world.network.journal)
        await self.csms.send_raw(IDENTITY, text if isinstance(text, str) else json.dumps(text))
        await self.world.sleep(wait_s)
        sent = [p.text for p in self.world.network.journal[start:] if p.direction is Direction.UP]
        return [frame for frame in map(json.loads, sent) if frame[0] in (3, 4)]

    # --- what the driver and the world do ---------------------------------------------------------------------------------

    async def plug(self, connector: int = 1, cable_a: int = 32, **ev: Any) -> None:
        self.world.verb("plug_in", evse=connector, ev={"phases": 3, **ev}, cable_a=cable_a)
        await self.world.sleep(2)

    async def unplug(self, connector: int = 1) -> None:
        """Unplug both ends as far as the lock lets go."""
        self.world.verb("unplug", evse=connector)
        await self.world.sleep(2)

    async def swipe(self, token: str = TAG) -> None:
        self.world.verb("swipe", token=token)
        await self.world.sleep(1)

    async def sleep(self, seconds: float) -> None:
        await self.world.sleep(seconds)

    def go_offline(self) -> None:
        self.world.verb("network", up=False)

    async def come_online(self) -> None:
        """Bring the network up and wait for the station to be back."""
        self.world.verb("network", up=True)
        await self.world.until(lambda: IDENTITY in self.csms.connected, 600, "the connection")
        await self.world.sleep(2)

    async def booted(self) -> None:
        """Wait until the station is accepted and has told all its statuses."""
        await self.sees("BootNotification", 60)
        for connector in (0, 1, 2):
            await self.sees("StatusNotification", connectorId=connector)
        await self.world.sleep(3)
        self.mark()

    # --- states -----------------------------------------------------------------------------------------------------------

    def contact(self, connector: int = 1) -> str:
        return str(self.world.evse(connector)["contact"])

    def offered_a(self, connector: int = 1) -> float:
        """What the control pilot says, amperes; 0 where it says nothing."""
        return round(float(self.world.evse(connector)["offered_a"]), 1)

    async def energised(self, connector: int = 1, within_s: float = 30.0) -> None:
        await self.world.until(lambda: self.contact(connector) == "closed", within_s, "the contact closes")

    async def dead(self, connector: int = 1, within_s: float = 15.0) -> None:
        await self.world.until(lambda: self.contact(connector) == "open", within_s, "the contact opens")

    async def charging(self, connector: int = 1, token: str = TAG, **ev: Any) -> int:
        """Plug in and authorise; return the transaction's id once the contact is closed and the status told."""
        await self.plug(connector, **ev)
        await self.swipe(token)
        await self.energised(connector)
        await self.status("Charging", connector)
        await self.world.sleep(5)  # the card reader lets the same card rest for a while
        transaction = self.csms.open_transaction(IDENTITY, connector)
        assert transaction is not None
        self.mark()
        return int(transaction.id)

    def transaction(self, transaction_id: int) -> Transaction:
        """What the CSMS knows of one."""
        return next(t for t in self.csms.transactions if t.id == str(transaction_id))

    async def configured(self, **keys: str) -> None:
        for key, value in keys.items():
            assert await self.told("ChangeConfiguration", key=key, value=value) == "Accepted", key

    async def key(self, name: str) -> str:
        """The value of a configuration key."""
        reply = await self.command("GetConfiguration", key=[name])
        return str(reply["configurationKey"][0]["value"])


def _is_call(frame: Frame, action: str | None, fields: Mapping[str, Any]) -> bool:
    if frame.sender is not Party.STATION or frame.kind != "call" or (action is not None and frame.action != action):
        return False
    return not fields or (isinstance(frame.payload, dict) and fields.items() <= frame.payload.items())


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@overload
def scenario(test: Test) -> Callable[..., None]: ...


@overload
def scenario(
    *,
    keys: Mapping[str, Any] | None = ...,
    variables: Mapping[str, Any] | None = ...,
    station: Mapping[str, Any] | None = ...,
    boot: bool = ...,
    may_break: tuple[str, ...] = ...,
) -> Callable[[Test], Callable[..., None]]: ...


def scenario(
    test: Test | None = None,
    *,
    keys: Mapping[str, Any] | None = None,
    variables: Mapping[str, Any] | None = None,
    station: Mapping[str, Any] | None = None,
    boot: bool = True,
    may_break: tuple[str, ...] = (),
) -> Callable[..., None] | Callable[[Test], Callable[..., None]]:
    """Play an asynchronous test whose first parameter is the `Octt`. keys, variables, station: as configured at the site.

    boot: it begins with a station that is accepted; else with one that just starts.
    """

    def decorate(test: Test) -> Callable[..., None]:
        @functools.wraps(test)
        def play(tmp_path: Path, **arguments: Any) -> None:
            async def run() -> None:
                async with SimWorld(tmp_path, version="1.6", keys=keys, variables=variables, station=station) as world:
                    octt = Octt(world)
                    octt.may_break.update(may_break)
                    if boot:
                        await octt.booted()
                    try:
                        await test(octt, **arguments)
                        _judge(octt)
                    except BaseException:
                        octt.print_frames()
                        raise

            run_virtual(run())

        parameters = list(inspect.signature(test).parameters.values())[1:]
        path = inspect.Parameter("tmp_path", inspect.Parameter.POSITIONAL_OR_KEYWORD)
        play.__signature__ = inspect.Signature([path, *parameters])  # type: ignore[attr-defined]
        return play

    return decorate if test is None else decorate(test)


def _judge(octt: Octt) -> None:
    """Nothing the station sent may break a rule, and nothing may have failed inside it."""
    broken = [v for v in octt.csms.violations if v.guilty is Party.STATION and v.kind not in octt.may_break]
    assert not broken, "\n".join(map(str, broken))
    failed = [
        frame.text
        for frame in octt.csms.frames
        if frame.sender is Party.STATION and frame.kind == "error" and "InternalError" in frame.text
    ]
    assert not failed, failed


async def stays(octt: Octt, seconds: float, holds: Callable[[], bool]) -> None:
    """Let time pass while something remains true."""
    for _ in range(int(seconds * 2)):
        await octt.sleep(0.5)
        assert holds()
