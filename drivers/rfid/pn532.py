"""A PN532 card reader on a serial port, in its high-speed UART mode (family reader)."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass

from controller.hal import DeviceError, DeviceSilent, TokenRead, setting
from controller.logic.values import IdTokenType
from drivers.bus import Buses
from drivers.bus.serial_port import SerialPort
from drivers.rfid import pn532_frames as chip
from drivers.rfid.presence import Presence
from drivers.rfid.spelling import CASES, RADIXES, Spelling

_TRIES = 3
_ACK_S = 0.1  # the chip acknowledges within 1 ms; USB adapters hold bytes back for 16 ms
_ANSWER_S = 1.0  # 16 activation tries take some 100 ms

log = logging.getLogger(__name__)


class Pn532:
    """Polls for ISO 14443 type A cards while somebody waits for one."""

    @dataclass(frozen=True)
    class Settings:
        port: str = setting("Serial port of the reader, best by /dev/serial/by-path.")
        baud: int = setting("Line speed.", default=115200, low=9600, high=1288000)
        poll_s: float = setting("Pause between two looks for a card.", default=0.15, low=0.02, high=1, unit="s")
        accept_random_uid: bool = setting(
            "Accept UIDs that change with every presentation (phones, passports).", default=False
        )
        case: str = setting("Case of hex digits.", default="upper", choices=CASES)
        reverse: bool = setting("Last UID byte first.", default=False)
        prefix: str = setting("Text put before every token.", default="")
        radix: int = setting("16: hex digits. 10: one decimal number.", default=16, choices=RADIXES)

    def __init__(self, settings: Settings, buses: Buses, where: str) -> None:
        self._settings = settings
        self._device = f"PN532 on {settings.port} of {where}"
        self._monotonic = buses.monotonic
        self._port = SerialPort(settings.port, settings.baud, self._device, buses.monotonic)
        self._parser = chip.FrameParser()
        self._received: list[chip.Frame] = []
        self._presence = Presence()
        self._spelling = Spelling(settings.case, settings.reverse, settings.prefix, settings.radix)
        self._looked_until_s: float | None = None
        self._is_awake = False
        self._is_waiting = False  # a command was sent whose answer is still to come

    async def read(self) -> TokenRead:
        if self._looked_until_s is not None:
            self._presence.skip(self._monotonic() - self._looked_until_s)
        try:
            await self._start()
            while True:
                token = await self._look()
                if token is not None:
                    return token
                await asyncio.sleep(self._settings.poll_s)
        except DeviceError:
            self._port.close()
            raise
        finally:
            self._looked_until_s = self._monotonic()

    async def close(self) -> None:
        self._port.close()

    async def _start(self) -> None:
        """Open the port and wake the chip, unless that has been done."""
        if self._port.is_open and self._is_awake:
            return
        self._is_awake = False
        self._port.open()
        self._parser.reset()
        self._received.clear()
        self._is_waiting = False
        await self._command(chip.SAM_NORMAL_MODE, before=chip.WAKE_UP)
        await self._command(chip.GET_FIRMWARE_VERSION)
        await self._command(chip.FEW_ACTIVATION_RETRIES)
        self._is_awake = True
        log.info("%s is ready", self._device)

    async def _look(self) -> TokenRead | None:
        """Poll once. Return a token that is newly presented."""
        answer = await self._command(chip.LIST_ONE_TYPE_A_TARGET)
        try:
            uid = chip.uid_of(answer)
        except chip.MalformedTarget as error:
            log.debug("%s: %s", self._device, error)
            return None
        if uid is None:
            return None
        now = self._monotonic()
        if not self._presence.is_new(uid.hex(), now):
            return None
        if chip.is_random(uid) and not self._settings.accept_random_uid:
            log.info("%s: a random UID (a phone?) was ignored; accept_random_uid would take it", self._device)
            return None
        return TokenRead(self._spelling.of(uid), IdTokenType.ISO14443, now)

    # --- one command, one answer ---------------------------------------------------------------------------------------

    async def _command(self, data: bytes, before: bytes = b"") -> bytes:
        """Send a command until it is acknowledged and return its answer. Raises DeviceGone, DeviceSilent."""
        if self._is_waiting:  # a read was cancelled half-way: an ACK from the host ends the chip's command
            self._port.send(chip.ACK_FRAME)
        for _ in range(_TRIES):
            self._forget()
            self._port.send(before + chip.command_frame(data))
            self._is_waiting = True
            if await self._await_ack():
                answer = await self._await_answer(data[0] + 1)
                if answer is not None:
                    self._is_waiting = False
                    return answer
        raise DeviceSilent(
            self._device, "does not answer", f"check TX and RX, supply, {self._settings.baud} baud, switches on HSU"
        )

    async def _await_ack(self) -> bool:
        deadline = self._monotonic() + _ACK_S
        while (frame := await self._next_frame(deadline)) is not None:
            if not isinstance(frame, chip.Corrupt | chip.Response):
                return isinstance(frame, chip.Ack)
        return False

    async def _await_answer(self, code: int) -> bytes | None:
        """Return the answer's data; a damaged one is asked for again. None when the command must be repeated."""
        deadline = self._monotonic() + _ANSWER_S
        while (frame := await self._next_frame(deadline)) is not None:
            match frame:
                case chip.Response(code=answered, data=data) if answered == code:
                    return data
                case chip.Corrupt(why=why):
                    log.debug("%s: bad frame (%s)", self._device, why)
                    self._forget()
                    self._port.send(chip.NACK_FRAME)
                case chip.Nack() | chip.SyntaxRefused():
                    return None
        return None

    async def _next_frame(self, deadline: float) -> chip.Frame | None:
        """Return the next frame, None when none came until then."""
        while not self._received:
            chunk = await self._port.receive(max(0.0, deadline - self._monotonic()))
            if chunk is None:
                return None
            self._received.extend(self._parser.feed(chunk.data))
        return self._received.pop(0)

    def _forget(self) -> None:
        self._port.discard()
        self._parser.reset()
        self._received.clear()
