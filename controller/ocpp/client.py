"""The CSMS as the station sees it: connects, registers, keeps alive, reports, delivers, and comes back after every failure.

One task (`run`) holds the connection. What differs between OCPP versions is in the dialect, the waiting in `backoff`, one connection's life
in `conversation`.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from msgspec import Raw, Struct

from controller.clock import Clock
from controller.logic.values import AuthorizationStatus, IdToken, TokenInfo
from controller.ocpp.backoff import BackOff
from controller.ocpp.conversation import Conversation, Memory, Surroundings
from controller.ocpp.delivery import Report
from controller.ocpp.device_model import DeviceModel
from controller.ocpp.dialect import BootReason, Context, Dialect, DialectFactory, Identity, Message, Registration
from controller.ocpp.exc import CallError, CallTimeout, ConnectFailed, ConnectionLost, PayloadError
from controller.ocpp.live import bind_live
from controller.ocpp.outbox import Outbox
from controller.ocpp.ports import ChargingStation, NotOnline, SecurityEventType
from controller.ocpp.security import SecurityEvents
from controller.ocpp.transport import Connection, Connector, connection_url
from controller.store.store import Store

_log = logging.getLogger(__name__)

_POLICY_VIOLATION = 1008
_GOING_AWAY = 1001
_SETTLE_WITHIN_S = 5.0  # a station whose hardware does not answer says so to its CSMS, too
_PASSWORD = "SecurityCtrlr.BasicAuthPassword"

Emit = Callable[[dict[str, Any]], None]


@dataclass(frozen=True, slots=True)
class LinkSettings:
    """endpoint: the CSMS's URL without the identity. protocols: WebSocket subprotocols, preferred first."""

    endpoint: str
    station_id: str
    protocols: tuple[str, ...]
    password: str | None = field(default=None, repr=False)


class CsmsClient:
    """Implements `ports.Csms`, and `dialect.Uplink` for the handlers.

    emit: gets a small dict for every frame (`kind` "frame": direction, text) and every change of the link (`kind` "link":
    state, detail). boot_reason: why the station started.
    """

    def __init__(
        self,
        settings: LinkSettings,
        connector: Connector,
        dialects: Mapping[str, DialectFactory],
        model: DeviceModel,
        store: Store,
        clock: Clock,
        random: Random,
        identity: Identity,
        *,
        boot_reason: BootReason = BootReason.POWER_UP,
        emit: Emit = lambda event: None,
    ) -> None:
        self._settings = settings
        self._connector = connector
        self._factories = dialects
        self._model = model
        self._store = store
        self._clock = clock
        self._random = random
        self._identity = identity
        self._emit = emit
        self._memory = Memory(boot_reason)
        self._memory.recall_interval(store, clock, settings.endpoint)
        self._security = SecurityEvents(store)
        self._backoff = BackOff(model, random)
        self._dialects: dict[str, Dialect] = {}
        self._station: ChargingStation | None = None
        self._outbox: Outbox | None = None
        self._conversation: Conversation | None = None
        self._last_protocol = settings.protocols[0]
        self._problem = "not connected yet"
        self._has_heard = False

    def attach(self, station: ChargingStation) -> None:
        """Say whose CSMS this is; before `run`."""
        self._station = station
        bind_live(self._model, station, self._clock, self._store, self._settings.endpoint)
        for protocol in self._settings.protocols:
            context = Context(station, self._model, self._store, self._clock, self, self._identity)
            self._dialects[protocol] = self._factories[protocol](context)
        self._outbox = Outbox(
            self._store,
            self._clock,
            {protocol: dialect.encoder for protocol, dialect in self._dialects.items()},
            self._deliver,
            lambda protocol: self._dialects[protocol].retry_policy(),
            lanes=[(protocol, self._settings.endpoint) for protocol in self._settings.protocols],
            on_token=station.token_learned,
            on_report=self._tell_report,
        )

    # --- ports.Csms ---

    @property
    def is_online(self) -> bool:
        return self._conversation is not None and self._conversation.is_online

    @property
    def problem(self) -> str:
        return "" if self.is_online else self._problem

    @property
    def protocol(self) -> str:
        return self._last_protocol

    @property
    def csms(self) -> str:
        """What names the CSMS in the store: transactions are pinned to it and to `protocol`."""
        return self._settings.endpoint

    async def authorize(self, id_token: IdToken, evse_id: int | None) -> TokenInfo:
        """Ask the CSMS. Raises NotOnline, TokenUnfit; a refusal to answer at all (CALLERROR) is a refusal of the token."""
        conversation = self._online()
        request = conversation.dialect.authorize_request(id_token, evse_id)
        try:
            answer = await conversation.call(request)
        except (ConnectionLost, CallTimeout) as error:
            raise NotOnline(str(error)) from error
        except (CallError, PayloadError) as error:
            _log.warning("the CSMS could not be asked about a token: %s", error)
            return TokenInfo(AuthorizationStatus.INVALID)
        info = conversation.dialect.authorize_answer(answer)
        if evse_id is not None and info.evses and evse_id not in info.evses:  # C01.FR.21
            return replace(info, status=AuthorizationStatus.NOT_ALLOWED_TYPE_EVSE)
        return info

    def status_changed(self, evse_id: int, connector_id: int) -> None:
        if self._conversation is not None and self._conversation.is_online:
            self._conversation.statuses.changed(evse_id, connector_id)

    def records_added(self) -> None:
        if self._outbox is not None:
            self._outbox.records_added()

    def security_event(self, type: SecurityEventType, tech_info: str) -> None:
        self._security.happened(type, tech_info)

    # --- dialect.Uplink ---

    @property
    def registration(self) -> Registration:
        return self._memory.registration

    async def send(self, message: Message) -> Struct:
        """Send what the CSMS asked for. Raises NotOnline before the first answer to a boot and while rejected."""
        if self._conversation is None or self.registration not in (Registration.ACCEPTED, Registration.PENDING):
            raise NotOnline("not registered")
        return await self._conversation.call(message)

    async def heartbeat(self) -> None:
        if self._conversation is not None:
            await self._conversation.heartbeat()

    async def report_status(self, evse_id: int, connector_id: int) -> None:
        if self._conversation is not None:
            await self._conversation.statuses.report_now(evse_id, connector_id)

    def boot_again(self) -> None:
        if self._conversation is not None:
            self._conversation.boot_now()

    def reconnect(self) -> None:
        if self._conversation is not None:
            self._conversation.leave("credentials changed")

    # --- the link ---

    async def run(self) -> None:
        """Keep the station connected until cancelled."""
        assert self._outbox is not None, "attach comes first"
        async with asyncio.TaskGroup() as group:
            group.create_task(self._outbox.run())
            group.create_task(self._stay_connected())

    async def _stay_connected(self) -> None:
        assert self._station is not None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_SETTLE_WITHIN_S):
                await self._station.settled()
        while True:
            try:
                await self._connect_once()
            except ConnectFailed as failure:
                _log.warning("no connection to the CSMS: %s", failure)
                self._tell_link("failed", str(failure))
            wait_s = self._backoff.next_s()
            self._tell_link("waiting", f"{wait_s:.1f} s")
            await asyncio.sleep(wait_s)

    async def _connect_once(self) -> None:
        """Connect and converse to the end of the connection. Raises ConnectFailed."""
        settings = self._settings
        self._tell_link("connecting", settings.endpoint)
        url = connection_url(settings.endpoint, settings.station_id)
        connection = await self._connector.connect(url, settings.protocols, self._headers())
        picked = connection.subprotocol
        if picked not in self._dialects:
            offered = ", ".join(settings.protocols)
            await connection.close(_POLICY_VIOLATION, "no common OCPP version")
            said = "no OCPP version" if picked is None else f"{picked!r}"
            raise ConnectFailed(f"the CSMS picked {said}, offered were {offered}: check csms.protocols and the CSMS")
        self._last_protocol = picked
        self._tell_link("connected", picked)
        await self._converse(connection, picked)

    async def _converse(self, connection: Connection, protocol: str) -> None:
        assert self._station is not None and self._outbox is not None
        self._has_heard = False
        surroundings = Surroundings(
            station=self._station,
            model=self._model,
            store=self._store,
            clock=self._clock,
            random=self._random,
            outbox=self._outbox,
            security=self._security,
            csms=self._settings.endpoint,
            heard=self._heard,
            tell_frame=self._tell_frame,
            tell_link=self._tell_link,
        )
        self._conversation = Conversation(connection, protocol, self._dialects[protocol], self._memory, surroundings)
        how = "stopped"
        try:
            how = await self._conversation.run()
            if not self._has_heard and self.registration is Registration.NONE:
                how += f", before it answered anything: does it know the identity {self._settings.station_id!r}?"
        finally:
            self._conversation = None
            self._outbox.link_down()
            self._memory.offline_since(self._clock.monotonic())
            self._tell_link("lost", how)
            self._station.link_lost()
            await connection.close(_GOING_AWAY, "station stops" if how == "stopped" else "")
        _log.info("connection to the CSMS ended: %s", how)

    def _heard(self) -> None:
        """The CSMS has answered something on this connection."""
        self._has_heard = True
        self._backoff.succeeded()

    def _headers(self) -> dict[str, str]:
        """Basic authentication with the identity as user (A00.FR.204); what the CSMS set goes before the configured one."""
        password = self._model.text(_PASSWORD) or self._settings.password
        if not password:
            return {}
        credentials = f"{self._settings.station_id}:{password}".encode()
        return {"Authorization": f"Basic {base64.b64encode(credentials).decode()}"}

    def _online(self) -> Conversation:
        if self._conversation is None or not self._conversation.is_online:
            raise NotOnline("no registered connection")
        return self._conversation

    async def _deliver(self, action: str, payload: Raw, sent: Callable[[], None]) -> Struct:
        """The outbox's way out: `delivery.Send`."""
        return await self._online().call(Message(action, payload), sent)

    # --- telling ---

    def _tell(self, kind: str, **facts: Any) -> None:
        self._emit({"at": self._clock.now().wall.isoformat(), "kind": kind, **facts})

    def _tell_frame(self, direction: str, text: str) -> None:
        self._tell("frame", direction=direction, text=text, protocol=self._last_protocol)

    def _tell_link(self, state: str, detail: str) -> None:
        if state == "connected":
            self._problem = f"connected with {detail}, not registered yet"
        elif state in ("failed", "lost"):
            self._problem = detail
        elif state in (Registration.PENDING, Registration.REJECTED):
            self._problem = f"the CSMS answered BootNotification: {state}"
        self._tell("link", state=state, detail=detail)

    def _tell_report(self, report: Report) -> None:
        self._tell(
            "delivery",
            trouble=report.trouble.value,
            action=report.action,
            transaction_id=report.transaction_id,
            why=report.why,
        )
