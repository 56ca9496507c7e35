"""A PN532 card reader on a serial port, in its high-speed UART mode (family reader).

It finds ISO 14443 type A cards, UIDs of 4, 7 and 10 bytes; type B is not looked for and ISO 15693 is beyond the chip. It is asked for one
card at a time (with two, single cards are known to be missed every other time): of several in the field it names any one, and each is
one event.

Wiring: the chip's UART is 3.3 V, fit for the Pi's pins, TX to RX crosswise (boards print SDA for TX and SCL for RX); supply as the board
says, 3.3 or 5 V, 150 mA while the field is on. Both DIP switches (I0, I1) on 0: HSU. 115200 baud 8N1 with a full UART: Pi 3 and Zero 2 W have
one on pins 14 and 15 only with `dtoverlay=disable-bt`, and the console must be off there. Name the port by /dev/serial/by-path.
Source: NXP UM0701-02 (unverified).
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass

from controller.hal import DeviceError, DeviceSilent, Presented, setting
from controller.logic.values import IdTokenType
from drivers.bus import Buses
from drivers.bus.serial_port import SerialPort
from drivers.rfid import pn532_frames as chip
from drivers.rfid.presence import Sightings, Tag
from drivers.rfid.spelling import Spelling, UidSettings

_TRIES = 3
_ACK_S = 0.1  # the chip acknowledges within 1 ms; USB adapters hold bytes back for 16 ms
_ANSWER_S = 1.0  # 16 activation tries take some 100 ms

log = logging.getLogger(__name__)


class Pn532:
    """Polls for ISO 14443 type A cards while somebody waits for one."""

    @dataclass(frozen=True)
    class Settings(UidSettings):
        port: str = setting("Serial port of the reader, best by /dev/serial/by-path.")
        baud: int = setting("Line speed.", default=115200, low=9600, high=1288000)
        poll_s: float = setting("Pause between two looks for a card.", default=0.15, low=0.02, high=1, unit="s")
        accept_random_uid: bool = setting(
            "Accept UIDs that change with every presentation (phones, passports).", default=False
        )

    def __init__(self, settings: Settings, buses: Buses, where: str) -> None:
        self._settings = settings
        self._device = f"PN532 on {settings.port} of {where}"
        self._monotonic = buses.monotonic
        self._port = SerialPort(settings.port, settings.baud, self._device, buses.monotonic)
        self._parser = chip.FrameParser()
        self._received: list[chip.Frame] = []
        self._sightings = Sightings(Spelling.by(settings), settings.accept_random_uid, where)
        self._is_awake = False
        self._is_waiting = False  # a command was sent whose answer is still to come

    async def read(self) -> Presented:
        self._sightings.interrupt()  # nobody looked since the last call
        try:
            await self._start()
            while True:
                uid = await self._look()
                tag = None if uid is None else Tag(uid, IdTokenType.ISO14443)
                event = self._sightings.saw(tag, self._monotonic())
                if event is not None:
                    return event
                await asyncio.sleep(self._settings.poll_s)
        except DeviceError:
            self._port.close()
            raise

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
        firmware = await self._command(chip.GET_FIRMWARE_VERSION)
        await self._command(chip.FEW_ACTIVATION_RETRIES)
        self._is_awake = True
        log.info("%s is ready: %s", self._device, chip.firmware_of(firmware))

    async def _look(self) -> bytes | None:
        """Poll once; return the UID of a card. A chip that has lost its power, and so its settings, is started again at once."""
        try:
            return chip.uid_of(await self._command(chip.LIST_ONE_TYPE_A_TARGET))
        except (DeviceSilent, chip.MalformedTarget) as error:
            log.info("%s: is started again: %s", self._device, getattr(error, "problem", error))
        self._sightings.interrupt()
        self._is_awake = False
        await self._start()
        try:
            return chip.uid_of(await self._command(chip.LIST_ONE_TYPE_A_TARGET))
        except chip.MalformedTarget as error:
            raise DeviceSilent(self._device, f"answers nonsense ({error})", self._hint) from error

    # --- one command, one answer ---------------------------------------------------------------------------------------

    async def _command(self, data: bytes, before: bytes = b"") -> bytes:
        """Send a command until it is acknowledged and return its answer. Raises DeviceGone, DeviceSilent."""
        if self._is_waiting:  # a read was cancelled half-way: an ACK from the host ends the chip's command
            self._port.send(chip.ACK_FRAME)
        for attempt in range(_TRIES):
            if attempt:
                self._sightings.interrupt()
            self._forget()
            self._port.send(before + chip.command_frame(data))
            self._is_waiting = True
            if await self._await_ack():
                answer = await self._await_answer(data[0] + 1)
                if answer is not None:
                    self._is_waiting = False
                    return answer
        raise DeviceSilent(self._device, "does not answer", self._hint)

    @property
    def _hint(self) -> str:
        return f"check TX and RX, supply, {self._settings.baud} baud, switches on HSU"

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
