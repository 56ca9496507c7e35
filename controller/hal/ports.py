"""The ports: what the safety loop and the station need of hardware, and no more.

Ports of the safety loop are synchronous, must return within 5 ms, never log and never block on another process. Ports of the
station are asynchronous. Every method may raise `DeviceError`; a caller treats that as "unknown" and acts safe.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from controller.logic.evse import PilotState
from controller.logic.values import MeterReading

if TYPE_CHECKING:
    from controller.logic.indication import Shown  # with the session's machine, which the safety process does not need

# --- of the safety loop: synchronous -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PilotReading:
    """Plateaus of the pilot at the station's end, volts. *_at_s: monotonic time at which each was sampled.

    low_v is None until the first low sample. duty_pct: share of the high plateau, measured with it; None on a steady line, and from a front
    end that cannot tell.
    """

    high_v: float
    high_at_s: float
    low_v: float | None
    low_at_s: float | None
    duty_pct: float | None = None


class LowPlateau(StrEnum):
    """What a co-processor saw of the pilot's low plateau."""

    NEGATIVE = "negative"  # -12 V: a diode is there, or nothing is plugged in
    NO_DIODE = "no diode"  # negative, but not enough: what is plugged in has none
    NO_PWM = "no PWM"  # the line does not go low although it is told to
    UNKNOWN = "unknown"  # not looked at now, as under a steady output


@dataclass(frozen=True, slots=True)
class PilotDecoded:
    """The pilot as a co-processor decoded it, unfiltered: it confirms nothing, that is the safety machine's.

    at_s: monotonic time at which it was sampled, as well as it is known; never later. duty_pct: measured, or None.
    """

    state: PilotState
    low: LowPlateau
    at_s: float
    duty_pct: float | None = None


class PilotSense(Protocol):
    """Sees the pilot: measures its plateaus, or has a co-processor that decodes them."""

    def begin(self) -> None:
        """Start this pass's conversions (several EVSEs convert in parallel)."""

    def collect(self) -> PilotReading | PilotDecoded:
        """Return the newest reading. The high plateau is new on every pass; others may take turns."""


class PilotDriver(Protocol):
    """Drives the pilot. The last call stands until the next one."""

    def steady_high(self) -> None:
        """X1: +12 V."""

    def pulse(self, duty_pct: float) -> None:
        """X2: 1 kHz PWM with `duty_pct` in 10..97."""

    def steady_low(self) -> None:
        """F: -12 V."""

    def disconnect(self) -> None:
        """E: open CP_EN. Any other call connects it again."""


@dataclass(frozen=True, slots=True)
class ProximityReading:
    """resistance_ohm: PP to PE, inf when open. at_s: monotonic."""

    resistance_ohm: float
    at_s: float


class ProximitySense(Protocol):
    def read(self) -> ProximityReading:
        """Return the newest reading (the analogue channels take turns)."""


@dataclass(frozen=True, slots=True)
class TemperatureReading:
    """Of the enclosure, degC. at_s: monotonic."""

    temperature_c: float
    at_s: float


class TemperatureSense(Protocol):
    def read(self) -> TemperatureReading:
        """Return the newest reading. Raises ImplausibleReading for what a broken or shorted sensor shows."""


@dataclass(frozen=True, slots=True)
class PhaseReading:
    """Currents (A) and voltages (V) of the phases, L1 first; empty where a board does not sense them. at_s: of the oldest of them."""

    current_a: tuple[float, ...]
    voltage_v: tuple[float, ...]
    at_s: float


class PhaseSense(Protocol):
    """Measures what flows to the vehicle, fast enough for the safety loop to judge by itself."""

    def read(self) -> PhaseReading:
        """Return the newest readings (the analogue channels take turns)."""


class MirrorReading(StrEnum):
    OPEN = "open"
    CLOSED = "closed"
    UNKNOWN = "unknown"  # the lines contradict each other


class Contactor(Protocol):
    """The main contactor with its mirror contact."""

    def command(self, closed: bool, phases: int) -> None:
        """Energise or release the coil. phases: 1 or 3; a board without a phase relay ignores it."""

    def mirror(self) -> MirrorReading: ...


class LockMotion(StrEnum):
    LOCK = "lock"
    UNLOCK = "unlock"
    REST = "rest"


class ConnectorLock(Protocol):
    """A lock with feedback. The pulse length is the caller's to time."""

    def drive(self, motion: LockMotion) -> None:
        """REST stops a motor; a solenoid stays where the last motion put it, and never unlocks by it."""

    def is_locked(self) -> bool: ...


class ResidualCurrent(Protocol):
    """A residual-current monitor whose trip also gates the relay in hardware."""

    def is_tripped(self) -> bool:
        """Whether any trip output is active."""

    def is_partly_tripped(self) -> bool:
        """Whether of several trip outputs some are active and others are not; False where there is one."""

    def has_error(self) -> bool: ...

    def test(self, active: bool) -> None: ...


class DigitalInput(Protocol):
    """An input such as mains-present, e-stop or earth-present. True: the named condition holds."""

    def is_active(self) -> bool: ...


class Watchdog(Protocol):
    """The hardware one-shot that drops relay supply and CP_EN 150 to 220 ms after the last kick (`hw/docs/safety-gate.md`)."""

    def kick(self) -> None: ...


# --- of the station: asynchronous ----------------------------------------------------------------------------------------


class EnergyMeter(Protocol):
    async def read(self) -> MeterReading:
        """Return one whole, plausible poll. Opens the device on first use and re-opens it after it vanished.

        Raises DeviceGone, DeviceSilent, ImplausibleReading.
        """

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class TokenRead:
    """A token held to a reader, as upper hex for a UID (byte 0 first, no separators) or the text of a line reader.

    kind: an IdTokenType value (`ISO14443`, `ISO15693`, `Local`, `KeyCode`…).
    """

    value: str
    kind: str
    at_s: float


@dataclass(frozen=True, slots=True)
class TokenRefused:
    """Something was held to a reader that can be no token here. why: for people, what it is and which key would change that."""

    why: str
    at_s: float


Presented = TokenRead | TokenRefused


class TokenReader(Protocol):
    async def read(self) -> Presented:
        """Wait for the next presentation: one event each, re-armed after the token was away 1.5 s.

        A token has 1 to 36 printable ASCII characters. Cancellation-safe. Raises DeviceGone when the reader vanishes; the next call tries to open it again.
        """

    async def close(self) -> None: ...


class Indicator(Protocol):
    """Lights or a display that tell people at the station what it is doing."""

    async def show(self, shown: Sequence[Shown], now: float) -> float | None:
        """Show this from now on. Return when to be called again although nothing changed (a light that blinks), None: not at all.

        shown: at least one EVSE. now: monotonic. Opens the device on first use and again after it vanished; holds up the event
        loop for a few ms at a time at most. Raises DeviceError.
        """

    async def close(self) -> None:
        """Show nothing any more. Raises DeviceError."""
