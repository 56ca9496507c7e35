"""How long to wait before connecting again (Part 4 §5.3, with errata 2025-04)."""

from __future__ import annotations

from random import Random

from controller.ocpp.device_model import DeviceModel


class BackOff:
    """Doubles RetryBackOffRepeatTimes times, each wait with fresh jitter; a success sets it back."""

    def __init__(self, model: DeviceModel, random: Random) -> None:
        self._model = model
        self._random = random
        self._failures = 0

    def next_s(self) -> float:
        """Return the wait before the next attempt, seconds."""
        doublings = min(self._failures, self._model.int("OCPPCommCtrlr.RetryBackOffRepeatTimes"))
        self._failures += 1
        jitter_s = self._random.uniform(0, self._model.int("OCPPCommCtrlr.RetryBackOffRandomRange"))
        return self._model.int("OCPPCommCtrlr.RetryBackOffWaitMinimum") * 2.0**doublings + jitter_s

    def succeeded(self) -> None:
        """A CALLRESULT came: the other side is a CSMS that works. A handshake alone proves nothing."""
        self._failures = 0
