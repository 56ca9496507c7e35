"""A connector lock with a motor on an H-bridge and a feedback switch (family lock)."""

from __future__ import annotations

from dataclasses import dataclass

from controller.hal import LockMotion, setting
from drivers.bus import PULLS, Buses, CloseStage


class MotorLock:
    """Two lines of which at most one is ever high; the caller times the pulse."""

    @dataclass(frozen=True)
    class Settings:
        lock_pin: int = setting("Line that drives the motor towards locked.", pin="out")
        unlock_pin: int = setting("Line that drives the motor towards unlocked.", pin="out")
        feedback_pin: int = setting("Line of the switch that is closed while locked.", pin="in")
        feedback_active_low: bool = setting("The closed switch reads low.", default=True)
        feedback_pull: str = setting("Internal pull of the feedback line.", default="up", choices=PULLS)
        gpio: str = setting("Name of the GPIO bus.", default="gpio")

    def __init__(self, settings: Settings, buses: Buses, where: str) -> None:
        self._lock = buses.output(settings.gpio, settings.lock_pin, f"{where} lock_pin", stage=CloseStage.POWER)
        self._unlock = buses.output(settings.gpio, settings.unlock_pin, f"{where} unlock_pin", stage=CloseStage.POWER)
        self._feedback = buses.input(
            settings.gpio,
            settings.feedback_pin,
            f"{where} feedback_pin",
            active_low=settings.feedback_active_low,
            pull=settings.feedback_pull,
        )

    def drive(self, motion: LockMotion) -> None:
        # The line that ends is dropped first: both high would short the bridge on some chips and brake on others.
        if motion is not LockMotion.LOCK:
            self._lock.set(False)
        if motion is not LockMotion.UNLOCK:
            self._unlock.set(False)
        if motion is LockMotion.LOCK:
            self._lock.set(True)
        elif motion is LockMotion.UNLOCK:
            self._unlock.set(True)

    def is_locked(self) -> bool:
        return self._feedback.is_active()
