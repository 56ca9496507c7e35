"""The fixed-period loop: one thread, absolute deadlines, no logging and no allocation to speak of inside."""

from __future__ import annotations

import time
from collections.abc import Callable

from controller.safety.server import StationServer
from controller.safety.supervisor import SafetySupervisor


class SafetyLoop:
    """Calls the supervisor's pass every period until `stop` is set.

    monotonic, sleep: injected by tests. alive: called at most every `alive_s` after a complete pass (the service manager's
    watchdog). woke: called with when a pass was due and when it began, for a measurement. overruns: passes that ended after the next
    one was due. The slots that one missed are not made up for, but the next pass follows it after half a period: what changed
    meanwhile is confirmed by a second reading that soon (plateau.TWO_READINGS_S). longest_s: of a pass.
    """

    def __init__(
        self,
        supervisor: SafetySupervisor,
        server: StationServer,
        period_s: float,
        *,
        alive: Callable[[], None] = lambda: None,
        alive_s: float = 0.5,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        woke: Callable[[float, float], None] | None = None,
    ) -> None:
        self._supervisor = supervisor
        self._server = server
        self._period_s = period_s
        self._alive = alive
        self._alive_s = alive_s
        self._alive_at = float("-inf")
        self._monotonic = monotonic
        self._sleep = sleep
        self._woke = woke
        self.stop = False
        self.overruns = 0
        self.longest_s = 0.0

    def run(self, ready: Callable[[], None]) -> None:
        """Loop. `ready` is called after the first complete pass. Whatever a pass raises comes out, outputs safe."""
        self.once()
        ready()
        due = self._monotonic() + self._period_s
        while not self.stop:
            wait_s = due - self._monotonic()
            if wait_s > 0.0:
                self._sleep(wait_s)
            if self.stop:
                return
            if self._woke is not None:
                self._woke(due, self._monotonic())
            now = self.once()
            due += self._period_s
            if now > due:
                self.overruns += 1
                due = now + self._period_s / 2.0

    def once(self) -> float:
        """Receive, pass, send. Returns the time at its end."""
        now = self._monotonic()
        self._server.receive(self._supervisor, now)
        self._supervisor.pass_(now)
        self._server.send(self._supervisor.outgoing(now))
        ended = self._monotonic()
        self.longest_s = max(self.longest_s, ended - now)
        if now - self._alive_at >= self._alive_s:
            self._alive_at = now
            self._alive()
        return ended
