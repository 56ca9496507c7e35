"""The reusable states of Part 6, chapter 2.18, with the validations they carry.

Which TransactionEvents a step must bring depends on TxStartPoint and TxStopPoint and on what has happened: `Run` knows it as the
chapter's notes put it, and no better.
"""

from __future__ import annotations

from typing import Any

from tests.conformance_v201.octt import ANNA, Octt, Payload
from tests.conformance_v201.patterns import ABSENT, one_of

IMMEDIATE_S = 5.0


class Run:
    """One EVSE on its way through the states. start, stop: the points configured."""

    def __init__(
        self, tool: Octt, start: str = "PowerPathClosed", stop: str = "Authorized,EVConnected", *, evse: int = 1
    ) -> None:
        self.tool = tool
        self.evse = evse
        self.token = ANNA
        self._start = frozenset(start.split(","))
        self._stop = frozenset(stop.split(","))
        self.is_connected = False
        self.is_authorized = False
        self.transaction_id: str | None = None
        self._occupied = False
        self._untold: Payload | None = None  # what the first event after a remote start must say

    @classmethod
    async def configured(cls, tool: Octt, start: str, stop: str = "Authorized,EVConnected", *, evse: int = 1) -> Run:
        """Set the points first."""
        await tool.configure({"TxCtrlr.TxStartPoint": start, "TxCtrlr.TxStopPoint": stop})
        return cls(tool, start, stop, evse=evse)

    @property
    def is_running(self) -> bool:
        return self.transaction_id is not None

    @property
    def place(self) -> Payload:
        return {"id": self.evse, "connectorId": 1}

    async def _event(self, kind: str, trigger: Any, info: Payload, **more: Any) -> Payload:
        if self._untold is not None:
            trigger = "RemoteStart"
            info, self._untold = {**info, "remoteStartId": self._untold["remoteStartId"]}, None
            more.setdefault("idToken", {"idToken": self.token})
        pattern = {"eventType": kind, "triggerReason": trigger, "transactionInfo": info, **more}
        payload = await self.tool.event(pattern)
        transaction_id = payload["transactionInfo"]["transactionId"]
        if kind == "Started":
            self.transaction_id = transaction_id
        assert transaction_id == self.transaction_id
        if kind == "Ended":
            self.transaction_id = None
        return payload

    async def ev_connected(self, **ev: Any) -> Payload | None:
        """State EVConnectedPreSession. Returns the TransactionEvent, where one must come."""
        self.tool.plug(self.evse, **ev)
        self.is_connected = True
        if not self._occupied:
            await self.tool.status("Occupied", self.evse)
            self._occupied = True
        begins = "EVConnected" in self._start or ("PowerPathClosed" in self._start and self.is_authorized)
        if not (self.is_running or begins):
            return None
        kind = "Updated" if self.is_running else "Started"
        state = one_of("EVConnected", "SuspendedEVSE", "Charging") if self.is_authorized else "EVConnected"
        reasons = one_of("CablePluggedIn", "ChargingStateChanged", "RemoteStart")
        return await self._event(kind, reasons, {"chargingState": state}, evse=self.place)

    async def authorized(self, token: str = ANNA, *, is_cached: bool = False) -> Payload | None:
        """State Authorized (local)."""
        self.token = token
        self.tool.swipe(token)
        if not is_cached:
            await self.tool.expect("Authorize", {"idToken": {"idToken": token, "type": "ISO14443"}})
        return await self._now_authorized("Authorized", {"remoteStartId": ABSENT})

    async def authorized_remotely(self, token: str = ANNA, *, asks: bool = False, **more: Any) -> Payload | None:
        """State Authorized (remote)."""
        self.token = token
        request = {
            "idToken": {"idToken": token, "type": "ISO14443"},
            "evseId": self.evse,
            "remoteStartId": 4711,
            **more,
        }
        answer = await self.tool.command("RequestStartTransaction", request)
        assert answer["status"] == "Accepted", answer
        assert answer.get("transactionId") == self.transaction_id, answer  # F01.FR.13
        if asks:
            await self.tool.expect("Authorize", {"idToken": {"idToken": token}})
        if not self._occupied:
            await self.tool.status("Occupied", self.evse)
            self._occupied = True
        self._untold = request
        return await self._now_authorized("RemoteStart", {})

    async def _now_authorized(self, trigger: str, info: Payload) -> Payload | None:
        self.is_authorized = True
        begins = "Authorized" in self._start or ("PowerPathClosed" in self._start and self.is_connected)
        if not (self.is_running or begins):
            return None
        kind = "Updated" if self.is_running else "Started"
        return await self._event(kind, trigger, info, idToken={"idToken": self.token, "type": "ISO14443"})

    async def energy_started(self, *, is_cached: bool = False) -> Payload:
        """State EnergyTransferStarted."""
        if not self.is_authorized:
            await self.authorized(is_cached=is_cached)
        if not self.is_connected:
            await self.ev_connected()
        kind = "Updated" if self.is_running else "Started"
        payload = await self._event(kind, "ChargingStateChanged", {"chargingState": "Charging"})
        assert self.tool.contact(self.evse) == "closed"
        await self.tool.until(lambda: self.tool.drawn_a(self.evse) > 5, 15, "current flows")
        return payload

    async def charging(self, seconds: float = 20.0) -> None:
        """Cable first, card, energy, and some time passed: where most cases begin."""
        await self.ev_connected()
        await self.energy_started()
        await self.tool.sleep(seconds)

    async def suspended_by_ev(self) -> None:
        """State EnergyTransferSuspended."""
        self.tool.world.verb("pause", evse=self.evse)
        ends = "EnergyTransfer" in self._stop
        kind = "Ended" if ends else "Updated"
        reason = "StoppedByEV" if ends else ABSENT
        await self._event(
            kind,
            "ChargingStateChanged",
            {"chargingState": one_of("EVConnected", "SuspendedEV"), "stoppedReason": reason},
        )

    async def stop_authorized(self, token: str | None = None) -> Payload:
        """State StopAuthorized (local)."""
        self.tool.swipe(token or self.token)
        self.is_authorized = False
        info = {"stoppedReason": one_of("Local", ABSENT)}
        told = one_of(ABSENT, {"idToken": token or self.token, "type": "ISO14443"})
        payload = await self._event(self._kind_after_stop(), "StopAuthorized", info, idToken=told)
        return await self._energy_stopped(payload, one_of("Local", ABSENT))

    async def stop_authorized_remotely(self) -> Payload:
        """State StopAuthorized (remote)."""
        answer = await self.tool.command("RequestStopTransaction", {"transactionId": self.transaction_id})
        assert answer == {"status": "Accepted"}
        self.is_authorized = False
        payload = await self._event(self._kind_after_stop(), "RemoteStop", {})
        return await self._energy_stopped(payload, "Remote")

    def _kind_after_stop(self) -> str:
        return "Ended" if self._stop & {"Authorized", "PowerPathClosed"} else "Updated"

    async def _energy_stopped(self, payload: Payload, reason: Any) -> Payload:
        """The rest of StopAuthorized, and state EVConnectedPostSession."""
        if self.is_running:
            ends = "EnergyTransfer" in self._stop
            payload = await self._event(
                "Ended" if ends else "Updated",
                "ChargingStateChanged",
                {"chargingState": "EVConnected", "stoppedReason": reason if ends else ABSENT},
            )
        elif reason == "Remote":
            assert payload["transactionInfo"]["stoppedReason"] == "Remote"
        assert payload["transactionInfo"]["chargingState"] == "EVConnected"
        assert self.tool.contact(self.evse) == "open"
        return payload

    async def ev_disconnected(self, reason: Any = None, *, leaves: str = "Available") -> Payload | None:
        """State EVDisconnected, after the end of authorisation. leaves: the status the connector has then."""
        await self.tool.until(
            lambda: self.tool.world.evse(self.evse)["lock_position"] == 0, IMMEDIATE_S, "the bolt is back"
        )
        assert not self.tool.unplug(self.evse)
        self.is_connected = self._occupied = False
        await self.tool.status(leaves, self.evse)
        if not self.is_running:
            return None
        return await self._event(
            "Ended" if "EVConnected" in self._stop else "Updated",
            "EVCommunicationLost",
            {"chargingState": "Idle", "stoppedReason": reason or one_of("Local", "EVDisconnected", ABSENT)},
        )
