"""One RS-485 line: a serial port that several meters share, one request at a time."""

from __future__ import annotations

import asyncio
import logging
import termios
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from controller.hal import DeviceError, DeviceGone, DeviceSilent, ImplausibleReading
from drivers.meter.line_trouble import trouble_of
from drivers.meter.port_trouble import not_open

if TYPE_CHECKING:
    from pymodbus.client import AsyncModbusSerialClient
    from pymodbus.pdu import ModbusPDU

_BITS_PER_CHARACTER = 11  # start, eight data, parity or second stop, stop
_LONGEST_EXCHANGE = 8 + 255  # characters of a request and of its answer
_SILENCE_CHARACTERS = 3.5
_AFTER_TIMEOUT_S = 0.2  # an answer that comes late is let pass before the next request

_EXCEPTIONS = {
    1: "illegal function",
    2: "illegal data address",
    3: "illegal data value",
    4: "device failure",
    6: "device busy",
}


@dataclass(frozen=True, slots=True)
class LineFormat:
    """How characters go over the line."""

    baud: int
    parity: str
    stop_bits: int

    def __str__(self) -> str:
        return f"{self.baud} baud 8{self.parity}{self.stop_bits}"


@dataclass(frozen=True, slots=True)
class Unit:
    """One meter on the line. device: how errors name it. where: its section. pause_s: silence it wants before a request."""

    device: str
    where: str
    address: int
    pause_s: float


@dataclass(frozen=True, slots=True)
class Request:
    """function: 3 or 4. start: zero-based."""

    function: int
    start: int
    count: int


@dataclass
class ModbusLine:
    """The port, opened by the first request and again after it vanished. All its meters have the same line format.

    longest: characters of the longest request and answer together. late_s: how long an answer that comes late is let pass.
    """

    port: str
    format: LineFormat
    opened_by: str
    answer_within_s: float
    longest: int = _LONGEST_EXCHANGE
    late_s: float = _AFTER_TIMEOUT_S
    _client: AsyncModbusSerialClient | None = field(default=None, init=False)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)
    _quiet_until_s: float = field(default=0.0, init=False)
    _users: int = field(default=0, init=False)
    _sent: bytes = field(default=b"", init=False)
    _heard: bytes = field(default=b"", init=False)  # since `_sent`

    @property
    def timeout_s(self) -> float:
        """How long a request and its whole answer may take."""
        return self.answer_within_s + self.longest * _BITS_PER_CHARACTER / self.format.baud

    def join(self, unit: Unit, format: LineFormat) -> None:
        """Count one more meter. Raises DeviceError when it wants another line format than those before it."""
        if format != self.format:
            raise DeviceError(
                unit.device,
                f"wants {format}, but {self.opened_by} set {self.port} to {self.format}",
                "all meters of one RS-485 line need the same baud, parity and stop bits",
            )
        self._users += 1

    def leave(self) -> None:
        """The last meter to leave closes the port."""
        self._users -= 1
        if self._users <= 0:
            self.drop()

    def drop(self) -> None:
        """Close the port; the next request opens it again."""
        if self._client is not None:
            self._client.close()
            self._client = None

    async def read(self, unit: Unit, request: Request) -> list[int]:
        """Return the words of one block. Raises DeviceGone, DeviceSilent, ImplausibleReading."""
        async with self._turn:
            client = await self._connected(unit)
            await self._pause(unit)
            loop = asyncio.get_running_loop()
            self._quiet_until_s = loop.time() + self.timeout_s  # should this be cancelled, the answer is still to come
            answer = await self._exchange(client, unit, request)
            self._quiet_until_s = loop.time()
        return self._words(unit, request, answer)

    async def _exchange(self, client: AsyncModbusSerialClient, unit: Unit, request: Request) -> ModbusPDU:
        from pymodbus.exceptions import ModbusException

        ask = client.read_holding_registers if request.function == 3 else client.read_input_registers
        try:
            return await ask(request.start, count=request.count, device_id=unit.address)
        except ModbusException as error:
            self._quiet_until_s = asyncio.get_running_loop().time() + self.late_s
            if client.connected:
                raise self._silent(unit) from error
            self.drop()
            raise DeviceGone(unit.device, f"{self.port} vanished", "is the adapter plugged in?") from error

    async def _connected(self, unit: Unit) -> AsyncModbusSerialClient:
        if self._client is not None and self._client.connected:
            return self._client
        self.drop()
        from pymodbus.client import AsyncModbusSerialClient

        # Its own log repeats on every poll what the errors raised here say.
        logging.getLogger("pymodbus").setLevel(logging.CRITICAL)
        client = AsyncModbusSerialClient(
            self.port,
            baudrate=self.format.baud,
            parity=self.format.parity,
            stopbits=self.format.stop_bits,
            timeout=self.timeout_s,
            retries=0,
            reconnect_delay=0,
            trace_packet=self._passes,
        )
        try:
            is_open = await client.connect()
        except (termios.error, ValueError) as error:
            raise DeviceGone(unit.device, f"{self.port} does not take {self.format}: {error}") from error
        if not is_open:
            client.close()
            raise not_open(unit.device, self.port)
        self._client = client
        return client

    def _passes(self, is_sent: bool, data: bytes) -> bytes:
        """Bytes go by: what came since the last request, all of it each time."""
        if is_sent:
            self._sent, self._heard = data, b""
        else:
            self._heard = data
        return data

    async def _pause(self, unit: Unit) -> None:
        silence_s = max(unit.pause_s, _SILENCE_CHARACTERS * _BITS_PER_CHARACTER / self.format.baud)
        wait_s = self._quiet_until_s + silence_s - asyncio.get_running_loop().time()
        if wait_s > 0:
            await asyncio.sleep(wait_s)

    def _words(self, unit: Unit, request: Request, answer: ModbusPDU) -> list[int]:
        asked = f"function {request.function}, register {request.start:#06x}, {request.count} words"
        if answer.isError():
            code = int(getattr(answer, "exception_code", 0))
            raise ImplausibleReading(
                unit.device,
                f"refuses {asked}: {_EXCEPTIONS.get(code, f'exception {code}')}",
                "is it this model of meter?",
            )
        if answer.function_code != request.function or len(answer.registers) != request.count:
            raise ImplausibleReading(unit.device, f"answers {len(answer.registers)} words to {asked}")
        return list(answer.registers)

    def _silent(self, unit: Unit) -> DeviceSilent:
        found = trouble_of(self._sent, self._heard, unit.address, f"{self.port}, {self.format}")
        return DeviceSilent(unit.device, found.problem, f"check {found.hint}")
