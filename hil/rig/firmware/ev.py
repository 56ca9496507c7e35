"""An EV: what it sees on the pilot, when it closes S2, what it would draw. The same car as the mock bench's.

By default a willing one: a valid duty makes it close S2 and draw what is offered up to its own limit, within 5 s of a change; when
the PWM stops it draws nothing within 1 s and opens S2 within 3 s. Nothing flows on the rig: a draw is what this EV would take behind
a closed contact.
"""

from .values import Refused, flag, number, shown, whole

try:
    from typing import Any
except ImportError:
    pass

GONE, NEGATIVE, STEADY, PWM = ("gone", "negative", "steady", "pwm")  # the pilot as an EV sees it

LEAST_OFFER_MA = 6_000
WAKES_AFTER_US = 3_000_000
TOGGLE_US = 300_000
# To close S2, to stop drawing, to open S2 after that, to follow a new offer.
PACE_US = (1_000_000, 500_000, 1_500_000, 1_500_000)
SLOW_PACE_US = (8_000_000, 2_500_000, 2_900_000, 4_800_000)

FLAGS = ("ignores_pwm_off", "no_s2", "slow", "sleepy", "ventilation")
KEYS = ("max_a", "phases", "bcb", "ignores_pwm_off", "no_s2", "slow", "sleepy", "ventilation")


def offer_ma(duty_mpct: int) -> int:
    """Return what a duty offers an EV without digital communication, 0 for none (IEC 61851-1:2017 Table A.8, unverified)."""
    if 8_000 <= duty_mpct < 10_000:
        return 6_000
    if 10_000 <= duty_mpct <= 85_000:
        return duty_mpct * 6 // 10
    if 85_000 < duty_mpct <= 96_000:
        return (duty_mpct - 64_000) * 25 // 10
    return 80_000 if 96_000 < duty_mpct <= 97_000 else 0


def options(given: Any) -> dict[str, Any]:
    """Return a verb's `ev` object, checked and complete. Raises Refused."""
    found: dict[str, Any] = {"max_ma": 32_000, "phases": 1, "bcb": 0}
    for key in FLAGS:
        found[key] = False
    if given is None:
        return found
    if not isinstance(given, dict):
        raise Refused(f"plug_in: `ev` must be an object, not {shown(given)}")
    for key in sorted([str(each) for each in given]):
        if key not in KEYS:
            raise Refused(f"plug_in: unknown key `ev.{key}` on a rig (known: {', '.join(KEYS)})")
        value = given[key]
        if key == "max_a":
            found["max_ma"] = int(number("plug_in", "ev.max_a", value, 0, 100) * 1000)
        elif key in FLAGS:
            found[key] = flag("plug_in", f"ev.{key}", value)
        else:
            low, high = (1, 3) if key == "phases" else (0, 20)
            found[key] = whole("plug_in", f"ev.{key}", value, low, high)
    return found


class Ev:
    """One EV from plug-in to unplug. load: `B`, `C` or `D`, what it hangs on the pilot. draw_ma: on each of its phases."""

    def __init__(self, given: dict[str, Any], now: int) -> None:
        self.load = "B"
        self.draw_ma = 0
        self.phases: int = given["phases"]
        self._options = given
        self._pace = SLOW_PACE_US if given["slow"] else PACE_US
        self._is_paused = False
        self._forced_load: str | None = None
        self._forced_ma: int | None = None
        self._signal = GONE
        self._signal_since = now
        self._offer_ma = 0
        self._last_offer_ma = 0
        self._is_live = False
        self._is_awake = not given["sleepy"]
        self._toggles = 2 * given["bcb"]
        self._switches_at: int | None = None
        self._draws_at: int | None = None
        self._stops_at: int | None = None
        if given["no_s2"]:
            self.load = self._asking()

    # --- what happens to it

    def see(self, signal: str, offered_ma: int, is_live: bool, now: int) -> None:
        """Let it see the pilot and whether there is voltage behind the contact, and let its time pass."""
        if signal != self._signal:
            was_dark = self._signal in (GONE, NEGATIVE)
            if was_dark and now - self._signal_since >= WAKES_AFTER_US:
                self._is_awake = True
            if not (was_dark and signal in (GONE, NEGATIVE)):
                self._signal_since = now
            self._signal = signal
        self._offer_ma = offered_ma if signal == PWM else 0
        if self._offer_ma:
            self._last_offer_ma = self._offer_ma
        self._is_live = is_live
        if not is_live:
            self.draw_ma = 0
        self._fall_due(now)
        self._think(now)

    def force(self, load: str, draw_ma: int | None, phases: int | None, now: int) -> None:
        """Behave as told until `unforce`: hold this load, draw this much whatever is offered."""
        self._forced_load, self._forced_ma = load, draw_ma
        if phases is not None:
            self.phases = phases
        self._set_load(load)
        if draw_ma is not None:
            self.draw_ma = self._target_ma()
        self._think(now)

    def unforce(self, now: int) -> None:
        self._forced_load = self._forced_ma = None
        self._think(now)

    def pause(self, paused: bool, now: int) -> None:
        """The driver wants no energy for a while."""
        self._is_paused = paused
        self._think(now)

    # --- what it wants

    def _asking(self) -> str:
        return "D" if self._options["ventilation"] else "C"

    def _wanted_load(self) -> str:
        if self._forced_load is not None:
            return self._forced_load
        if self._options["no_s2"]:
            return self._asking()
        if self._is_paused:
            return "B"
        if self._signal == PWM:
            return self._asking() if self._offer_ma >= LEAST_OFFER_MA and self._is_awake else "B"
        return self.load if self._options["ignores_pwm_off"] else "B"

    def _target_ma(self) -> int:
        if self.load == "B" or not self._is_live:
            return 0
        if self._forced_ma is not None:
            return self._forced_ma
        most: int = self._options["max_ma"]
        if self._is_paused:
            return 0
        if self._offer_ma >= LEAST_OFFER_MA:
            return min(self._offer_ma, most)
        return min(self._last_offer_ma, most) if self._options["ignores_pwm_off"] else 0

    def _think(self, now: int) -> None:
        """Decide what to do about S2 and the draw, and when. A decision on its way keeps its time."""
        close_us, stop_us, release_us, follow_us = self._pace
        wanted = self._wanted_load()
        if wanted == self.load:
            if not 0 < self._toggles < 2 * self._options["bcb"]:
                self._switches_at = None
        elif self._switches_at is None:
            self._switches_at = now + (release_us if wanted == "B" else close_us)
        target = self._target_ma()
        if target == self.draw_ma:
            self._draws_at = self._stops_at = None
        elif target == 0:
            self._draws_at = None
            self._stops_at = now + stop_us if self._stops_at is None else self._stops_at
        else:
            self._stops_at = None
            self._draws_at = now + follow_us if self._draws_at is None else self._draws_at

    # --- what falls due

    def _fall_due(self, now: int) -> None:
        if self._stops_at is not None and self._stops_at <= now:
            self._stops_at = None
            self.draw_ma = 0
        if self._switches_at is not None and self._switches_at <= now:
            self._switch(now)
        if self._draws_at is not None and self._draws_at <= now:
            self._draws_at = None
            self.draw_ma = self._target_ma()

    def _switch(self, now: int) -> None:
        self._switches_at = None
        wanted = self._wanted_load()
        if wanted != "B" and self._toggles:
            self._toggles -= 1
            self._set_load(wanted if self.load == "B" else "B")
            self._switches_at = now + TOGGLE_US
        else:
            self._toggles = 0
            self._set_load(wanted)

    def _set_load(self, load: str) -> None:
        self.load = load
        if load == "B":
            self.draw_ma = 0
