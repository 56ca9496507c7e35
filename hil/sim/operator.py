"""Who sits at the CSMS: starts, stops, limits and asks, whether the station can be reached or not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from hil.csms.csms import CommandFailed
from hil.csms.schemas import Version
from hil.csms.words import Scene, expand
from hil.sim.chance import CROWDED, Dice, Pace
from hil.sim.world import IDENTITY, SUBPROTOCOLS, SimWorld

_WHIMS = {
    "limit": 30,
    "profile": 20,
    "no limits": 12,
    "trigger": 8,
    "unlock": 4,
    "availability": 5,
    "start": 4,
    "stop": 3,
    "get": 4,
    "set": 4,
    "report": 2,
    "clear-cache": 2,
    "reset": 2,
}
_NO_ANSWER = ("NotConnected", "Timeout")
_TRIGGERS = ("Heartbeat", "StatusNotification", "MeterValues")


class Operator:
    """note: told of everything that is done. `commands`: how many of each were answered."""

    def __init__(self, world: SimWorld, dice: Dice, note: Callable[[str], None], pace: Pace = CROWDED) -> None:
        self._world = world
        self._dice = dice
        self._note = note
        self._pace = pace
        self._version: Version = SUBPROTOCOLS[world.version]
        self._request_id = 0
        self.commands: Counter[str] = Counter()

    async def run(self) -> None:
        """Act on a whim now and then, for ever."""
        while True:
            await self._world.sleep(self._pace.until_next(self._dice, 20, 3600))
            await self._act(self._dice.weighed(_WHIMS))

    async def start(self, evse: int, token: str) -> None:
        await self.say("start", token, str(evse))

    async def stop(self, evse: int) -> None:
        transaction = self._world.csms.open_transaction(IDENTITY, evse)
        if transaction is not None:
            await self.say("stop", transaction.id)

    async def say(self, *words: str) -> dict[str, Any] | None:
        """Send what these words mean and return the answer, None where none came. A CALLERROR is the station's mistake."""
        self._request_id += 1
        action, payload = expand(list(words), Scene(self._version, None, self._request_id))
        return await self._send(action, payload)

    async def put_right(self) -> None:
        """No limits any more, everything in service and free. Where StopTxOnEVSideDisconnect is false a session may be open."""
        await self._send("ClearChargingProfile", {})
        await self.say("availability", "on")
        for evse in self._world.plant.evses:
            await self.say("availability", "on", str(evse))
            await self.stop(evse)
            await self.say("unlock", str(evse))  # somebody forgot his cable

    async def _act(self, whim: str) -> None:
        dice, evse = self._dice, str(self._dice.one_of(1, 2))
        match whim:
            case "limit":
                await self.say("limit", dice.one_of("0", "3", "6", "8", "10", "16", "20", "32"), dice.one_of("0", evse))
            case "profile":
                await self._send("SetChargingProfile", self._profile())
            case "no limits":
                await self._send("ClearChargingProfile", {})
            case "trigger":
                await self.say("trigger", dice.one_of(*_TRIGGERS), evse)
            case "unlock":
                await self.say("unlock", evse)
            case "availability":
                await self._out_of_service(dice.one_of("0", evse))
            case "start":
                await self.start(int(evse), "REMOTE-1")
            case "stop":
                await self.stop(int(evse))
            case "set":
                await self._set()
            case "reset":
                await self.say("reset", dice.one_of("hard", "soft"))
            case "report":
                await self.say("report")
            case "get" | "clear-cache":
                await self.say(whim)

    async def _out_of_service(self, evse: str) -> None:
        await self.say("availability", "off", evse)
        await self._world.sleep(self._dice.lasting(5, 900))
        await self.say("availability", "on", evse)

    async def _set(self) -> None:
        interval = self._dice.one_of("0", "60", "300")
        key = "MeterValueSampleInterval" if self._version is Version.V16 else "SampledDataCtrlr.TxUpdatedInterval"
        await self.say("set", f"{key}={interval}")

    def _profile(self) -> dict[str, Any]:
        """A schedule of several periods in either unit, for the station or for one EVSE."""
        dice, unit = self._dice, self._dice.one_of("A", "W")
        whole = dice.happens(0.3)
        limits = (0.0, 6.0, 9.5, 16.0, 32.0) if unit == "A" else (0.0, 1500.0, 4200.0, 7000.0, 22000.0)
        starts = [0, *sorted(int(dice.lasting(10, 3600)) for _ in range(dice.one_of(0, 1, 2)))]
        periods: list[dict[str, Any]] = [
            {"startPeriod": at, "limit": dice.one_of(*limits)} for at in dict.fromkeys(starts)
        ]
        schedule: dict[str, Any] = {"chargingRateUnit": unit, "chargingSchedulePeriod": periods}
        if whole or dice.happens(0.5):
            schedule["startSchedule"] = self._world.clock.true_wall().isoformat(timespec="seconds")
        if dice.happens(0.4):
            schedule["duration"] = int(dice.lasting(60, 7200))
        id = dice.one_of(2, 3, 4)
        profile: dict[str, Any] = {
            "stackLevel": id,
            "chargingProfileKind": "Absolute" if "startSchedule" in schedule else "Relative",
        }
        evse = 0 if whole else dice.one_of(1, 2)
        if self._version is Version.V16:
            purpose = "ChargePointMaxProfile" if whole else "TxDefaultProfile"
            profile |= {"chargingProfileId": id, "chargingProfilePurpose": purpose, "chargingSchedule": schedule}
            return {"connectorId": evse, "csChargingProfiles": profile}
        purpose = "ChargingStationMaxProfile" if whole else "TxDefaultProfile"
        profile |= {"id": id, "chargingProfilePurpose": purpose, "chargingSchedule": [{"id": id, **schedule}]}
        return {"evseId": evse, "chargingProfile": profile}

    async def _send(self, action: str, payload: dict[str, Any]) -> dict[str, Any] | None:
        self._note(f"CSMS: {action} {payload}")
        is_rejected = self._world.csms.station(IDENTITY).registration == "Rejected"
        try:
            answer: dict[str, Any] = await self._world.watch(self._world.csms.command(IDENTITY, action, payload))
        except CommandFailed as failure:
            is_right = is_rejected and failure.code == "SecurityError"  # B03.FR.08: it was told to listen to nobody
            if failure.code not in _NO_ANSWER and not is_right:
                raise AssertionError(f"the station answered {action} {payload} with {failure}") from failure
            self._note(f"CSMS: {action}: {failure}")
            return None
        self.commands[action] += 1
        self._note(f"CSMS: {action}: {answer.get('status', 'answered')}")
        return answer
