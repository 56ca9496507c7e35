"""What ends a command that runs on and prints: a signal, or an output that nobody takes any more."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any

from controller.exits import OutputFailed
from controller.signals import stop_signals


class Ending:
    """Make it on the event loop, before anything that has to be ended in good order. Holds the loop's stop signals."""

    def __init__(self) -> None:
        self._told = asyncio.Event()
        self._number: signal.Signals | None = None
        self._failure: OutputFailed | None = None
        for number in stop_signals():
            asyncio.get_running_loop().add_signal_handler(number, self._signalled, number)

    def say(self, text: str) -> None:
        """Print a line. Never raises, because observers call it too: an output that fails is the end."""
        if self._failure is not None:
            return
        try:
            print(text, flush=True)
        except OutputFailed as error:
            self._failure = error
            self._told.set()

    async def unless_told(self, work: Coroutine[Any, Any, None]) -> bool:
        """Do it, but cancel it when the end comes first. Return whether it was done; raise what it raised."""
        task, told = asyncio.ensure_future(work), asyncio.ensure_future(self._told.wait())
        await asyncio.wait({task, told}, return_when=asyncio.FIRST_COMPLETED)
        told.cancel()
        if self._told.is_set():
            task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            if not self._told.is_set():
                raise
            return False
        return True

    async def wait(self) -> None:
        await self._told.wait()

    def code(self) -> int:
        """Return 128 + the signal's number, 0 without one. Raises OutputFailed where that was the end."""
        if self._failure is not None:
            raise self._failure
        return 0 if self._number is None else 128 + self._number

    def _signalled(self, number: signal.Signals) -> None:
        self._number = number
        self._told.set()
