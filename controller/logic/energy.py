"""What is known of the energy of a session: what is offered, whether it flows, how long the EV may hesitate. Used by `session.py`."""

from __future__ import annotations

IDLE_AFTER_S = 15.0  # below FLOW_W for this long with the contactor closed: the EV has suspended
FLOW_W = 100.0
PATIENCE_S = 10.0  # an EV that was offered energy has this long before its waiting is called a suspension
MIN_OFFER_A = 6.0  # IEC 61851-1: nothing less can be offered


class Energy:
    def __init__(self) -> None:
        self.register_wh: int | None = None
        self.flows = False
        self.barred = ""  # why energy may not flow although authorised
        self.is_patience_over = False
        self._offer_a = 0.0
        self._sees_power = False  # there is a meter
        self._idle_since: float | None = None
        self._patience_until: float | None = None
        self._allowance_wh: int | None = None  # the register at which an invalid token's allowance is used up

    @property
    def is_offered(self) -> bool:
        return self._offer_a >= MIN_OFFER_A

    def offer(self, current_a: float, now: float) -> None:
        was_offered = self.is_offered
        self._offer_a = current_a
        if self.is_offered and not was_offered:
            self.ask_again(now)

    def ask_again(self, now: float) -> None:
        """The EV gets its time to react from now."""
        self.is_patience_over = False
        self._patience_until = now + PATIENCE_S

    def contactor_closed(self, now: float) -> None:
        """Energy is taken to flow until a meter has seen none for its time."""
        self.flows, self._idle_since = True, now if self._sees_power else None

    def unplugged(self) -> None:
        self.flows, self._idle_since, self._patience_until = False, None, None

    def read(self, register_wh: int, power_w: float, now: float) -> None:
        self.register_wh = max(register_wh, self.register_wh or 0)  # invariant 25: it never decreases
        self._sees_power = True
        if power_w >= FLOW_W:
            self.flows, self._idle_since = True, None
        elif self.flows and self._idle_since is None:
            self._idle_since = now
        self._watch_allowance()

    def allow(self, start_wh: int | None, more_wh: int) -> None:
        """From now on no more than so much since the start (E05.FR.03)."""
        start = start_wh if start_wh is not None else self.register_wh or 0
        self._allowance_wh = start + more_wh
        self._watch_allowance()

    @property
    def awaits_register(self) -> bool:
        """Whether a register that is read may use up an allowance."""
        return self._allowance_wh is not None and not self.barred

    def unbar(self) -> None:
        self.barred, self._allowance_wh = "", None

    def deadline(self) -> float | None:
        idle = self._idle_since + IDLE_AFTER_S if self._idle_since is not None else None
        return min((time for time in (idle, self._patience_until) if time is not None), default=None)

    def time_passed(self, now: float) -> None:
        if self._idle_since is not None and now >= self._idle_since + IDLE_AFTER_S:
            self.flows, self._idle_since = False, None
        if self._patience_until is not None and now >= self._patience_until:
            self.is_patience_over, self._patience_until = True, None

    def _watch_allowance(self) -> None:
        if self._allowance_wh is not None and (self.register_wh or 0) >= self._allowance_wh:
            self.barred = "the CSMS does not accept the token"
