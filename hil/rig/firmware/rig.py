"""The rig as a whole: takes what its pins say, lets the EV act, drives its relays, answers its host. Knows no hardware.

Without a word from the host for SILENCE_US it goes home: the EV is unplugged, every fault is mended.
"""

import json

from . import verbs
from .ev import GONE, NEGATIVE, PWM, STEADY, Ev, offer_ma
from .journal import Journal
from .lines import Lines
from .parts import Bolt, Monitor
from .pilot import PilotSense, is_advertising, plateaus
from .values import Refused

try:
    from typing import Any
except ImportError:
    pass

SILENCE_US = 2_000_000
OUTPUTS = (
    "plug",  # the EV's branch, 2.74 kohm behind a diode, is on the pilot
    "s2_c",  # 1.3 kohm beside it
    "s2_d",  # 270 ohm beside it
    "diode_short",
    "cp_short",  # 80 ohm from the pilot to PE
    "cp_short_after_diode",
    "pp_1500",
    "pp_680",
    "pp_220",
    "pp_100",
    "pp_3000",
    "pe_break",  # the EV's PE is open, and the earth monitor's input tells so
    "mains_absent",
    "estop",
    "rcd_trip",
    "rcd_error",
    "locked",  # the lock's feedback
)
INPUTS = ("contact", "command", "relay_supply", "rcd_test", "lock", "unlock")


class Rig:
    """pins: `now_us()`, `boot_id`, `set(output, level)`, `get(input)`, `edges()` (when, which, level since the last call),
    `pulse()` (the newest whole period since the last call, or None) and `samples_mv()` (of the pilot, over a period or more).
    """

    def __init__(self, pins: Any) -> None:
        now = pins.now_us()
        self.ev: Ev | None = None  # plugged in
        self.faults: dict[str, Any] = {}
        self.cable_ohm: int | None = None
        self.bolt = Bolt(now)
        self.monitor = Monitor()
        self.pilot = PilotSense()
        self.journal = Journal()
        self.volts_mv = (0, 0)
        self.silences = 0
        self.now = now
        self.boot_id = pins.boot_id
        self.levels = {name: bool(pins.get(name)) for name in INPUTS}
        self._pins = pins
        self._driven: dict[str, bool] = {}
        self._lines = Lines()
        self._heard_at = now
        self._settle(now)

    # --- its host

    def receive(self, data: bytes) -> bytes:
        """Take bytes from the host and return the answers."""
        said = b""
        for request in self._lines.feed(data):
            self.step()
            answer = self._answer(request)
            said += json.dumps(answer).encode() + b"\n"
        return said

    def _answer(self, request: Any) -> dict[str, Any]:
        if isinstance(request, str):
            return {"ok": False, "error": request}
        self._heard_at = self.now
        tag = request.pop("id", None)
        name = request.pop("verb")
        try:
            answer = verbs.perform(self, name, request)
            answer["ok"] = True
        except Refused as error:
            answer = {"ok": False, "error": str(error)}
        if isinstance(tag, int):
            answer["id"] = tag
        self._settle(self.now)
        return answer

    # --- its time

    def step(self) -> None:
        """Look at everything once. To be called every few milliseconds."""
        now = self.now = self._pins.now_us()
        for at, name, level in self._pins.edges():
            self._follow(at, name, bool(level))
        volts_mv = self.volts_mv = plateaus(self._pins.samples_mv())
        changed_at = self.pilot.see(now, self._pins.pulse(), volts_mv, self.shorts_pilot())
        if changed_at is not None:
            self._note_pilot(changed_at)
        if now - self._heard_at > SILENCE_US:
            self._miss_host()
        self._settle(now)

    def _follow(self, at: int, name: str, level: bool) -> None:
        self.levels[name] = level
        if name == "rcd_test":
            self.monitor.test(level, at)
        elif name in ("lock", "unlock"):
            self.bolt.drive(int(self.levels["lock"]) - int(self.levels["unlock"]), at)
        else:
            self.journal.note(at, name, level)

    def _note_pilot(self, at: int) -> None:
        self.journal.note(at, "pilot", self.pilot.output)
        self.journal.note(at, "advertising", is_advertising(self.pilot.output))

    def _miss_host(self) -> None:
        if self.ev is not None or self.cable_ohm is not None or self.faults:
            self.silences += 1
        self.go_home()

    def go_home(self) -> None:
        """Nothing is plugged in, no cable lies in the socket, nothing is broken."""
        self.ev = self.cable_ohm = None
        self.faults = {}
        self.monitor.health = None
        self.bolt.jam(False, self.now)

    def _settle(self, now: int) -> None:
        """Work out what follows from the present state, note it, and drive the relays."""
        self.monitor.step(now)
        if self.ev is not None:
            output = self.pilot.output
            offered_ma = offer_ma(output) if isinstance(output, int) else 0
            self.ev.see(self._signal(), offered_ma, self.levels["contact"], now)
        elif self.bolt.is_open(now):
            self.cable_ohm = None
        self._note_all(now)
        wanted = self._wanted(now)
        for name in OUTPUTS:
            if self._driven.get(name) is not wanted[name]:
                self._driven[name] = wanted[name]
                self._pins.set(name, wanted[name])

    def _signal(self) -> str:
        output = self.pilot.output
        if output == "E" or self.shorts_pilot() or "ground" in self.faults:
            return GONE
        if isinstance(output, int):
            return PWM
        return STEADY if output == "X1" else NEGATIVE

    def _note_all(self, now: int) -> None:
        for name in ("contact", "command", "relay_supply"):
            self.journal.note(now, name, self.levels[name])
        self._note_pilot(now)
        self.journal.note(now, "ev", "A" if self.ev is None else self.ev.load)
        self.journal.note(now, "locked", self.bolt.is_locked(now))
        self.journal.note(now, "rcd", self.monitor.is_tripped())
        self.journal.note(now, "current", 0 if self.ev is None else self.ev.draw_ma * self.ev.phases)

    def shorts_pilot(self) -> bool:
        return "cp_short" in self.faults

    def proximity_ohm(self) -> int | None:
        """Return what is between proximity and PE, None when nothing is."""
        if "ground" in self.faults:
            return None
        coded: int | None = self.faults.get("pp_ohm", self.cable_ohm)
        return coded

    def _wanted(self, now: int) -> dict[str, bool]:
        load = "A" if self.ev is None else self.ev.load
        short = self.faults.get("cp_short")
        coded = self.proximity_ohm()
        wanted = {
            "plug": load != "A",
            "s2_c": load == "C",
            "s2_d": load == "D",
            "diode_short": "diode" in self.faults,
            "cp_short": short is not None and short != "after_diode",
            "cp_short_after_diode": short == "after_diode",
            "pe_break": "ground" in self.faults,
            "mains_absent": "mains" in self.faults,
            "estop": "estop" in self.faults,
            "rcd_trip": self.monitor.is_tripped(),
            "rcd_error": self.monitor.has_error(),
            "locked": self.bolt.is_locked(now),
        }
        for ohm in verbs.PP_OHM:
            wanted[f"pp_{ohm}"] = ohm == coded
        return wanted
