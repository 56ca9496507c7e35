"""The serial line to a rig: one request at a time, its answer found among whatever else the line says."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

from controller.exits import ExitCode
from controller.hal import DeviceError
from drivers.bus.serial_port import SerialPort
from hil.bench.layout import BenchError

BAUD = 115200  # means nothing to USB
ANSWER_S = 1.0
LONGEST_ANSWER = 1 << 16
PROTOCOL = 1
RIG = "pilotline-rig"
SHOWN = 60


class RigGone(BenchError):
    """The port is not there, or nothing answers on it."""


class RigRefused(BenchError):
    """The rig did not do it; the message is its own."""


class RigLink:
    """port: `/dev/ttyACM0`, or better its name in /dev/serial/by-id. `hello` first, then `ask`."""

    def __init__(self, port: str) -> None:
        self.name = f"rig {port}"
        self._port = SerialPort(port, BAUD, "rig", time.monotonic)
        self._begun = b""
        self._number = 0
        self._turn = asyncio.Lock()
        self._garbage = b""

    @property
    def is_open(self) -> bool:
        return self._port.is_open

    def open(self) -> None:
        """Raises RigGone."""
        try:
            self._port.open()
        except DeviceError as error:
            raise RigGone(str(error), ExitCode.DEVICE) from error
        self._begun = self._garbage = b""

    def close(self) -> None:
        self._port.close()

    async def hello(self) -> dict[str, Any]:
        """Return what the rig says of itself. Raises RigGone for something else, or for a rig of another age."""
        async with self._turn:
            self._send(b"\n")  # ends whatever a program before us left half said
        try:
            said = await self.ask("hello")
        except RigRefused as error:
            raise self._not_a_rig(f"it answers: {error}") from error
        if said.get("rig") != RIG:
            raise self._not_a_rig(f"it calls itself {str(said.get('rig'))[:SHOWN]!r}")
        if said.get("protocol") != PROTOCOL:
            text = f"{self.name}: its firmware {str(said.get('firmware'))[:SHOWN]} speaks protocol {str(said.get('protocol'))[:SHOWN]}, "
            raise RigGone(
                f"{text}this program {PROTOCOL}: install the folder hil/rig/firmware of this version", ExitCode.DEVICE
            )
        kinds = {"boot": int, "now_us": int, "silences": int, "can": list}
        if wrong := next((key for key, kind in kinds.items() if type(said.get(key)) is not kind), None):
            raise self._not_a_rig(f"`{wrong}` of its hello makes no sense")
        return said

    def _not_a_rig(self, why: str) -> RigGone:
        return RigGone(f"{self.name}: no rig, {why}; is this its port, and is its firmware installed?", ExitCode.DEVICE)

    async def ask(self, verb: str, /, **args: Any) -> dict[str, Any]:
        """Return the answer to a verb. Raises RigRefused with the rig's own words, RigGone when no answer comes."""
        async with self._turn:
            self._number += 1
            self._garbage = b""
            self._send(json.dumps({"id": self._number, "verb": verb, **args}).encode() + b"\n")
            try:
                async with asyncio.timeout(ANSWER_S):
                    answer = await self._answer(self._number)
            except TimeoutError:
                raise RigGone(f"{self.name}: {self._silence(verb)}", ExitCode.DEVICE) from None
        answer.pop("id")
        if answer.pop("ok") is not True:
            raise RigRefused(str(answer.get("error", "it gives no reason")), ExitCode.FAILED)
        return answer

    def _silence(self, verb: str) -> str:
        text = f"no answer to `{verb}` within {ANSWER_S:g} s"
        if self._garbage:
            heard = self._garbage.decode("ascii", "backslashreplace").strip()
            text += f"; what came instead ends with {heard[-SHOWN:]!r}"
        return text

    def _send(self, data: bytes) -> None:
        try:
            self._port.send(data)
        except DeviceError as error:
            self.close()
            raise RigGone(str(error), ExitCode.DEVICE) from error

    async def _answer(self, number: int) -> dict[str, Any]:
        while True:
            line = await self._line()
            answer = parsed(line)
            if answer is not None and answer.get("id") == number and isinstance(answer.get("ok"), bool):
                return answer
            if answer is None or "ok" not in answer:  # an answer that comes too late is no garbage
                self._garbage = (self._garbage + line + b"\n")[-4 * SHOWN :]

    async def _line(self) -> bytes:
        while b"\n" not in self._begun:
            if len(self._begun) > LONGEST_ANSWER:
                self._garbage, self._begun = self._begun[-4 * SHOWN :], b""
            try:
                chunk = await self._port.receive(None)
            except DeviceError as error:
                self.close()
                raise RigGone(str(error), ExitCode.DEVICE) from error
            self._begun += chunk.data if chunk is not None else b""
        line, _, self._begun = self._begun.partition(b"\n")
        return line.strip()


def parsed(line: bytes) -> dict[str, Any] | None:
    """Return the object that a line is, None for anything else."""
    try:
        said: object = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return said if isinstance(said, dict) else None
