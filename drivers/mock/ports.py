"""The ports of `controller.hal` straight on a plant, for virtual time: no buses, no bytes, the same rules as the drivers.

Each takes the plant (any object with the part of its interface that `World` names) and, where it belongs to one, an EVSE's
number. Synchronous ports stamp with the plant's own time; asynchronous ones take their time by the running loop.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import Protocol

from controller.hal import (
    DeviceError,
    DeviceGone,
    DeviceSilent,
    ImplausibleReading,
    LockMotion,
    MirrorReading,
    PhaseReading,
    PilotReading,
    ProximityReading,
    TemperatureReading,
    TokenRead,
)
from controller.logic.values import IdTokenType, MeterReading

REARM_S = 1.5  # a token counts as new again after it was away this long
CARD_HELD_S = 1.0  # a card is in the field this long; a code is read in an instant
_LEAP_WH = 1000.0  # and what 250 kW bring in the time between: more must be seen twice
_LEAP_W = 250_000.0


class Shown(Protocol):
    """What a meter shows: three phases always."""

    @property
    def voltage_v(self) -> tuple[float, float, float]: ...
    @property
    def current_a(self) -> tuple[float, float, float]: ...
    @property
    def power_w(self) -> tuple[float, float, float]: ...
    @property
    def energy_wh(self) -> float: ...
    @property
    def frequency_hz(self) -> float: ...
    @property
    def power_factor(self) -> float: ...


class Field(Protocol):
    """What a card reader sees."""

    @property
    def present(self) -> str | None: ...
    @property
    def last(self) -> str | None: ...
    @property
    def swipes(self) -> int: ...
    @property
    def is_connected(self) -> bool: ...


class World(Protocol):
    """The part of the plant that the ports touch."""

    @property
    def now(self) -> float: ...
    @property
    def mains(self) -> bool: ...
    @property
    def estop(self) -> bool: ...
    @property
    def limit(self) -> bool: ...
    @property
    def adc_works(self) -> bool: ...
    @property
    def are_kicks_implied(self) -> bool: ...
    def pwm(self, evse: int, duty_pct: float | None, level: bool = False) -> None: ...
    def cp_enable(self, evse: int, enabled: bool) -> None: ...
    def contactor(self, evse: int, closed: bool) -> None: ...
    def phase_relay(self, evse: int, closed: bool) -> None: ...
    def has_phase_relay(self, evse: int) -> bool: ...
    def phases(self, evse: int) -> int: ...
    def lock(self, evse: int, direction: int) -> None: ...
    def rcd_test(self, evse: int, active: bool) -> None: ...
    def kick(self) -> None: ...
    def imply_kicks(self, kicking: bool) -> None: ...
    def pilot(self, evse: int) -> tuple[float, float]: ...
    def proximity_ohm(self, evse: int) -> float: ...
    def temperature_c(self, evse: int) -> float: ...
    def ground(self, evse: int) -> bool: ...
    def phase_values(self, evse: int) -> tuple[tuple[float, ...], tuple[float, ...]]: ...
    def mirror(self, evse: int) -> tuple[bool, bool]: ...
    def lock_feedback(self, evse: int) -> bool: ...
    def rcd(self, evse: int) -> tuple[bool, bool]: ...
    def rcd_partly(self, evse: int) -> bool: ...
    def meter(self, evse: int) -> Shown | None: ...
    def card(self, reader: str) -> Field: ...
    def subscribe(self, on_change: Callable[[], None]) -> Callable[[], None]: ...


class _OfEvse:
    def __init__(self, plant: World, evse: int) -> None:
        self._plant = plant
        self._evse = evse

    def _need_adc(self, what: str) -> None:
        if not self._plant.adc_works:
            raise DeviceError(f"{what} of EVSE {self._evse}", "the analogue bus does not answer")


class SimPilotSense(_OfEvse):
    def begin(self) -> None:
        self._need_adc("pilot")

    def collect(self) -> PilotReading:
        self._need_adc("pilot")
        high_v, low_v = self._plant.pilot(self._evse)
        return PilotReading(high_v, self._plant.now, low_v, self._plant.now)


class SimProximity(_OfEvse):
    def read(self) -> ProximityReading:
        self._need_adc("proximity")
        return ProximityReading(self._plant.proximity_ohm(self._evse), self._plant.now)


class SimTemperature(_OfEvse):
    def read(self) -> TemperatureReading:
        self._need_adc("temperature sensor")
        return TemperatureReading(self._plant.temperature_c(self._evse), self._plant.now)


class SimPhaseSense(_OfEvse):
    def read(self) -> PhaseReading:
        self._need_adc("phase sense")
        return PhaseReading(*self._plant.phase_values(self._evse), self._plant.now)


class SimGround(_OfEvse):
    """Active while the protective conductor is there."""

    def is_active(self) -> bool:
        return self._plant.ground(self._evse)


class SimPilotDriver(_OfEvse):
    def steady_high(self) -> None:
        self._drive(None, True)

    def pulse(self, duty_pct: float) -> None:
        if not 10.0 <= duty_pct <= 97.0:
            raise ValueError(f"duty {duty_pct} % is not in 10..97")
        self._drive(duty_pct, False)

    def steady_low(self) -> None:
        self._drive(None, False)

    def disconnect(self) -> None:
        self._plant.cp_enable(self._evse, False)

    def _drive(self, duty_pct: float | None, level: bool) -> None:
        self._plant.pwm(self._evse, duty_pct, level)
        self._plant.cp_enable(self._evse, True)


class SimContactor(_OfEvse):
    """With a phase relay it refuses to move that under load."""

    def __init__(self, plant: World, evse: int) -> None:
        super().__init__(plant, evse)
        self._closed = False
        self._three_phases = False

    def command(self, closed: bool, phases: int) -> None:
        if self._plant.has_phase_relay(self._evse):
            self._select(closed, phases == 3)
        self._closed = closed
        self._plant.contactor(self._evse, closed)

    def _select(self, closed: bool, three_phases: bool) -> None:
        if three_phases == self._three_phases:
            return
        if self._closed or self.mirror() is not MirrorReading.OPEN:
            if closed:
                raise DeviceError(
                    f"contactor of EVSE {self._evse}", "the phase relay moves only while the contactor is open"
                )
            return
        self._three_phases = three_phases
        self._plant.phase_relay(self._evse, three_phases)

    def mirror(self) -> MirrorReading:
        auxiliary, main_open = self._plant.mirror(self._evse)
        if auxiliary is main_open:
            return MirrorReading.UNKNOWN
        return MirrorReading.OPEN if main_open else MirrorReading.CLOSED


class SimLock(_OfEvse):
    def drive(self, motion: LockMotion) -> None:
        directions = {LockMotion.LOCK: 1, LockMotion.UNLOCK: -1, LockMotion.REST: 0}
        self._plant.lock(self._evse, directions[motion])

    def is_locked(self) -> bool:
        return self._plant.lock_feedback(self._evse)


class SimSolenoid(SimLock):
    """A lock whose bolt a spring brings back: rests as `BoltModel` counts. Held as the last motion left it."""

    def __init__(self, plant: World, evse: int, rests: int) -> None:
        super().__init__(plant, evse)
        self._rests = rests

    def drive(self, motion: LockMotion) -> None:
        if motion is not LockMotion.REST:
            wanted = 1 if motion is LockMotion.LOCK else -1
            self._plant.lock(self._evse, 0 if wanted == self._rests else wanted)


class SimResidual(_OfEvse):
    def is_tripped(self) -> bool:
        return self._plant.rcd(self._evse)[0]

    def is_partly_tripped(self) -> bool:
        return self._plant.rcd_partly(self._evse)

    def has_error(self) -> bool:
        return self._plant.rcd(self._evse)[1]

    def test(self, active: bool) -> None:
        self._plant.rcd_test(self._evse, active)


class SimWatchdog:
    """The one-shot. implied: after the first kick others come by themselves until `stop`, so that a safety loop that
    passes only when something happens need not wake up to kick.
    """

    def __init__(self, plant: World, implied: bool = True) -> None:
        self._plant = plant
        self._implied = implied

    def kick(self) -> None:
        if not self._implied:
            self._plant.kick()
        elif not self._plant.are_kicks_implied:
            self._plant.imply_kicks(True)

    def stop(self) -> None:
        """The safety loop was killed or hangs from this moment on."""
        if self._plant.are_kicks_implied:
            self._plant.imply_kicks(False)


class SimInput:
    """what: `mains` (present), `estop` (pressed) or `limit` (somebody limits)."""

    def __init__(self, plant: World, what: str) -> None:
        if what not in ("mains", "estop", "limit"):
            raise ValueError(f"no such input: {what!r}")
        self._plant = plant
        self._what = what

    def is_active(self) -> bool:
        return bool(getattr(self._plant, self._what))


class SimMeter(_OfEvse):
    """answer_s: how long a poll takes. timeout_s: how long a silent meter is waited for, all tries together."""

    def __init__(self, plant: World, evse: int, answer_s: float = 0.15, timeout_s: float = 1.2) -> None:
        super().__init__(plant, evse)
        self.answer_s = answer_s
        self._timeout_s = timeout_s
        self._accepted: tuple[int, float] | None = None
        self._suspect_wh: int | None = None

    async def read(self) -> MeterReading:
        await asyncio.sleep(self.answer_s)
        shown = self._plant.meter(self._evse)
        device = f"meter of EVSE {self._evse}"
        if shown is None:
            await asyncio.sleep(self._timeout_s - self.answer_s)
            raise DeviceSilent(device, "does not answer")
        phases = self._plant.phases(self._evse)
        values = (*shown.voltage_v, *shown.current_a, *shown.power_w, shown.energy_wh, shown.frequency_hz)
        if not all(math.isfinite(value) for value in values):
            raise ImplausibleReading(device, "not a number")
        energy_wh = int(shown.energy_wh)
        if not all(0 <= volts <= 600 for volts in shown.voltage_v) or energy_wh < 0:
            raise ImplausibleReading(device, f"voltage {shown.voltage_v} V, energy {energy_wh} Wh")
        self.judge(device, energy_wh, asyncio.get_running_loop().time())
        return MeterReading(
            taken_at_s=asyncio.get_running_loop().time(),
            voltage_v=shown.voltage_v[:phases],
            current_a=shown.current_a[:phases],
            power_w=sum(shown.power_w),
            energy_import_wh=energy_wh,
            energy_export_wh=0,
            phase_power_w=shown.power_w[:phases],
            frequency_hz=shown.frequency_hz,
            power_factor=shown.power_factor,
        )

    async def close(self) -> None:
        pass

    def judge(self, device: str, energy_wh: int, now: float) -> None:
        """A fall or a leap of the register is believed when it is seen a second time. Raises ImplausibleReading."""
        if self._accepted is not None:
            before_wh, before_s = self._accepted
            fell = energy_wh < before_wh
            leapt = energy_wh > before_wh + _LEAP_WH + _LEAP_W * (now - before_s) / 3600
            is_seen_again = self._suspect_wh is not None and 0 <= energy_wh - self._suspect_wh <= _LEAP_WH
            if (fell or leapt) and not is_seen_again:
                self._suspect_wh = energy_wh
                verb = "fell" if fell else "leapt"
                raise ImplausibleReading(device, f"energy register {verb} from {before_wh} to {energy_wh} Wh")
        self._accepted = (energy_wh, now)
        self._suspect_wh = None


class SimReader:
    """A card or code reader by its name at the plant. kind: the idToken type it reports."""

    def __init__(self, plant: World, name: str, kind: str = IdTokenType.ISO14443) -> None:
        self._plant = plant
        self._name = name
        self._kind = kind
        self._held_s = CARD_HELD_S if kind == IdTokenType.ISO14443 else 0.0
        self._seen = plant.card(name).swipes
        self._away_since: dict[str, float] = {}
        self._changed = asyncio.Event()
        self._unsubscribe = plant.subscribe(self._changed.set)

    async def read(self) -> TokenRead:
        while True:
            field = self._plant.card(self._name)
            if not field.is_connected:
                raise DeviceGone(f"reader {self._name}", "is not on its port")
            if field.swipes != self._seen:
                self._seen = field.swipes
                token, now = field.last, asyncio.get_running_loop().time()
                if token is not None and self._is_new(token, now):
                    return TokenRead(token, self._kind, now)
            self._changed.clear()
            await self._changed.wait()

    async def close(self) -> None:
        self._unsubscribe()

    def _is_new(self, token: str, now: float) -> bool:
        away_since = self._away_since.get(token)
        self._away_since[token] = now + self._held_s
        return away_since is None or now - away_since >= REARM_S
