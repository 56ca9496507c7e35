"""A contactor on a GPIO line, watched by its mirror contact (family contactor)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from controller.hal import DeviceError, MirrorReading, setting
from drivers.bus import PULLS, Buses, CloseStage

if TYPE_CHECKING:
    from drivers.bus.lines import InputLine


class GpioContactor:
    """Coil active high. The mirror contact is normally closed: a closed circuit means the main contacts are open.

    Both contacts are wired so that a broken wire never reads "open". A phase relay, where fitted, is off for one phase, and
    moves only while the coil is off and the mirror contact says open.
    """

    @dataclass(frozen=True)
    class Settings:
        pin: int = setting("Line of the coil's interposing relay, high = energised.", pin="out")
        mirror_pin: int = setting("Line of the mirror contact (normally closed).", pin="in")
        auxiliary_pin: int | None = setting(
            "Line of a normally open auxiliary contact, which must contradict the mirror contact.",
            default=None,
            pin="in",
        )
        phase_pin: int | None = setting(
            "Line of the relay that adds L2 and L3, high = three phases.", default=None, pin="out"
        )
        contact_active_low: bool = setting("A closed contact circuit reads low.", default=True)
        contact_pull: str = setting("Internal pull of the contact lines.", default="up", choices=PULLS)
        gpio: str = setting("Name of the GPIO bus.", default="gpio")

    def __init__(self, settings: Settings, buses: Buses, where: str) -> None:
        def contact(pin: int, key: str) -> InputLine:
            return buses.input(
                settings.gpio,
                pin,
                f"{where} {key}",
                active_low=settings.contact_active_low,
                pull=settings.contact_pull,
            )

        self._where = where
        self._coil = buses.output(settings.gpio, settings.pin, f"{where} pin", stage=CloseStage.POWER)
        self._mirror = contact(settings.mirror_pin, "mirror_pin")
        self._auxiliary = None if settings.auxiliary_pin is None else contact(settings.auxiliary_pin, "auxiliary_pin")
        self._three_phases = (
            None
            if settings.phase_pin is None
            else buses.output(settings.gpio, settings.phase_pin, f"{where} phase_pin")
        )

    def command(self, closed: bool, phases: int) -> None:
        """Energise or release the coil. Raises DeviceError when that would move the phase relay under load."""
        if not closed:
            was_energised = self._coil.is_high
            self._coil.set(False)
            if not was_energised and self.mirror() is MirrorReading.OPEN:
                self._select(phases)
            return
        if self._needs_switching(phases):
            if self._coil.is_high or self.mirror() is not MirrorReading.OPEN:
                raise DeviceError(
                    f"contactor of {self._where}", "the phase relay moves only while the contactor is open"
                )
            self._select(phases)
        self._coil.set(True)

    def mirror(self) -> MirrorReading:
        main_open = self._mirror.is_active()
        if self._auxiliary is not None and self._auxiliary.is_active() is main_open:
            return MirrorReading.UNKNOWN
        return MirrorReading.OPEN if main_open else MirrorReading.CLOSED

    def _needs_switching(self, phases: int) -> bool:
        return self._three_phases is not None and self._three_phases.is_high is not (phases == 3)

    def _select(self, phases: int) -> None:
        if self._three_phases is not None:
            self._three_phases.set(phases == 3)
