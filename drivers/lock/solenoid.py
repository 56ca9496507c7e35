"""A connector lock with a solenoid that is held energised, and a feedback switch (family lock)."""

from __future__ import annotations

from dataclasses import dataclass

from controller.hal import LockMotion, setting
from drivers.bus import PULLS, Buses, CloseStage

ENERGISED = ("locked", "unlocked")


class SolenoidLock:
    """One line, held: at rest it stays as the last motion left it, so that nothing unlocks which was not told to.

    What lowers the current of a coil that is held for hours is the board's circuit, not this line. energised = "unlocked" keeps the
    plug locked without supply: with "locked", a power cut, a restart or a killed process lets the plug go, also from a welded contactor.
    """

    @dataclass(frozen=True)
    class Settings:
        pin: int = setting("Line that energises the solenoid.", pin="out")
        energised: str = setting("What an energised solenoid makes of the plug.", choices=ENERGISED)
        feedback_pin: int = setting("Line of the switch that is closed while locked.", pin="in")
        feedback_active_low: bool = setting("The closed switch reads low.", default=True)
        feedback_pull: str = setting("Internal pull of the feedback line.", default="up", choices=PULLS)
        gpio: str = setting("Name of the GPIO bus.", default="gpio")

    def __init__(self, settings: Settings, buses: Buses, where: str) -> None:
        # Let go of after the contactors, whose stage is POWER: a solenoid that holds the plug holds it while they open.
        self._coil = buses.output(settings.gpio, settings.pin, f"{where} pin", stage=CloseStage.LINES)
        self._energising = LockMotion.LOCK if settings.energised == "locked" else LockMotion.UNLOCK
        self._feedback = buses.input(
            settings.gpio,
            settings.feedback_pin,
            f"{where} feedback_pin",
            active_low=settings.feedback_active_low,
            pull=settings.feedback_pull,
        )

    def drive(self, motion: LockMotion) -> None:
        if motion is not LockMotion.REST:
            self._coil.set(motion is self._energising)

    def is_locked(self) -> bool:
        return self._feedback.is_active()
