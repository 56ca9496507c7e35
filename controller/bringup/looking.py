"""A look at the pilot line without the safety machine, while nothing can close the contactor."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from statistics import median

from controller.bringup.judge import Line
from controller.hal import plateaus_of
from controller.safety.ports import BoardPorts, EvsePorts

SETTLE_S = 0.4  # the hold circuit follows a lower voltage with tau = 47 ms
LOOKS = 5

Sleep = Callable[[float], Awaitable[None]]


async def look(
    ports: EvsePorts, shared: BoardPorts, period_s: float, monotonic: Callable[[], float], sleep: Sleep
) -> Line:
    """Let the line settle, then return what is seen of it. Kicks, as the one-shot gates the pilot's switch too. Raises DeviceError."""
    until = monotonic() + SETTLE_S
    highs: list[float] = []
    lows: list[float] = []
    duties: list[float] = []
    while monotonic() < until or len(highs) < LOOKS:
        if shared.watchdog is not None:
            shared.watchdog.kick()
        ports.pilot_sense.begin()
        reading = plateaus_of(ports.pilot_sense.collect())
        highs.append(reading.high_v)
        if reading.low_v is not None:
            lows.append(reading.low_v)
        if reading.duty_pct is not None:
            duties.append(reading.duty_pct)
        await sleep(period_s)
    last = (median(seen[-LOOKS:]) if seen else None for seen in (lows, duties))
    return Line(median(highs[-LOOKS:]), *last)
