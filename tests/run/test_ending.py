"""What ends the demo and the bundled CSMS: each signal, and an output that fails - also where an observer prints."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
from collections.abc import Callable

import pytest

from controller.exits import OutputFailed
from hil.ending import Ending

pytestmark = pytest.mark.asyncio


class Full:
    """A standard output that takes nothing."""

    def write(self, text: str) -> int:
        raise OutputFailed(OSError(errno.ENOSPC, "No space left on device"))

    def flush(self) -> None:
        """There is nothing to flush."""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_a_signal_cancels_the_work_and_names_the_code(number: signal.Signals) -> None:
    ending = Ending()
    cleaned = []

    async def work() -> None:
        os.kill(os.getpid(), number)
        try:
            await asyncio.sleep(60)
        finally:
            os.kill(os.getpid(), number)  # a second one does not disturb the tidying up
            await asyncio.sleep(0)
            cleaned.append(True)

    assert not await ending.unless_told(work())
    assert cleaned and ending.code() == 128 + number


async def test_work_that_comes_to_its_end_is_done_and_what_it_raises_is_raised() -> None:
    ending = Ending()

    async def fails() -> None:
        raise ZeroDivisionError

    assert await ending.unless_told(asyncio.sleep(0))
    with pytest.raises(ZeroDivisionError):
        await ending.unless_told(fails())
    assert ending.code() == 0


async def test_an_output_that_fails_is_the_end_and_is_raised_at_the_end_only(monkeypatch: pytest.MonkeyPatch) -> None:
    ending = Ending()
    monkeypatch.setattr("sys.stdout", Full())
    observer: Callable[[str], None] = ending.say
    observer("a frame")
    observer("another")
    monkeypatch.undo()
    assert not await ending.unless_told(asyncio.sleep(60))
    with pytest.raises(OutputFailed, match="standard output: no space left on device"):
        ending.code()
