"""Every time that a scenario judges by, beside where it comes from.

Sequences are numbered as in IEC 61851-1 Table A.6; [S] as in docs/safety-case.md: from the standard, not verified here. Where the
table gives no time, the limit is our own design's, and says so.
"""

from __future__ import annotations

from hil.scenarios.scene import Limit

LEAVES_C = Limit(0.100, "Table A.6 seq. 2.2 and 8: open <= 100 ms; invariant 6")
PWM_BEGINS = Limit(3.0, "Table A.6 seq. 3.1, 3.2: PWM <= 3 s [S]")
CLOSES = Limit(3.0, "Table A.6 seq. 4: close <= 3 s; invariant 9")
FOLLOWS_EV = Limit(5.0, "Table A.6 seq. 5: the EV follows <= 5 s")
FOLLOWS_LIMIT = Limit(10.0, "Table A.6 seq. 6: new PWM <= 10 s [S]")
EV_STOPS = Limit(3.0, "Table A.6 seq. 10.1: the EV opens S2 <= 3 s")
FORCED_FROM = Limit(6.0, "Table A.6 seq. 10.2: the EV has its 6 s")
FORCED_BY = Limit(6.5, "Table A.6 seq. 10.2: opened under load after 6 s; invariant 8 (+0.5)")
SHORTED = Limit(0.500 + 0.040, "Table A.6 seq. 12: open <= 3 s; invariant 7: 500 ms, and 40 ms of relay and contactor")
F_LEAST = Limit(0.300, "Table A.6, fault -> F: hold F >= 300 ms")
F_MOST = Limit(0.500, "then X1 (our own: at most 200 ms more)")
TOGGLES_KEEP_OPEN = Limit(0.500, "Table A.6 seq. 11: no chatter; invariant 10: C held < 500 ms never closes")
RECLOSE = Limit(5.0, "hardware-facts 1 and 4: >= 5 s off; invariant 21")
RECLOSE_BY = Limit(5.0 + 8.0, "our own: and not for ever")
AFTER_ERROR = Limit(30.0, "hardware-facts 1: 30 s after an error")
AFTER_ERROR_BY = Limit(60.0, "our own: and not for ever")
UPWARD = Limit(5.0, "invariant 14: upward duty changes >= 5 s apart")
UPWARD_BY = Limit(10.0, "Table A.6 seq. 6: new PWM <= 10 s [S]")
X1_AT_ONCE = Limit(1.0, "X1 is never delayed (invariant 14); our own: 1 s from the CSMS to the pilot")
DONE = Limit(1.0, "our own: the bench does at once what it is told")
STARTED = Limit(4.5, "invariant 21: a start counts as an opening; our own: up to 500 ms before the first kick")
UNLOCKS = Limit(3.0, "Table A.6 seq. 2.1: unlock, only when proven open; our own: 3 s")
LOCKS = Limit(3.0, "Table A.6 seq. 1.1: lock the socket; our own: 3 s")
COMMAND_PROTECTED = Limit(0.050, "invariants 19 and 26: the program's own opening <= 50 ms")
CONTACT_PROTECTED = Limit(0.090, "invariants 19 and 26: 50 ms, and 40 ms of relay and contactor")
MIRROR_JUDGED = Limit(0.100 + 0.250 + 0.050, "invariant 17: 250 ms after 100 ms of settling, and its passes")
DEAD = Limit(0.250 + 0.040, "invariant 24: by the hardware one-shot <= 250 ms, and 40 ms of relay and contactor")
STALE = Limit(0.150 + 0.060 + 0.040, "invariant 11: sample older than 150 ms, opened in 60 ms, 40 ms of contactor")
DIODE = Limit(1.0 + 0.400, "hardware-facts 3: diode in C <= 1 s; 400 ms for the held plateau and the contactor")
OVER_FROM = Limit(7.0, "invariant 22: > (signalled + 0.5 A) x 1.10 for 7 s")
OVER_BY = Limit(7.0 + 3.0, "invariant 22; the meter is read once a second")
FAR_OVER_FROM = Limit(1.0, "hardware-facts 4: > 1.5 x signalled for 1 s: open")
FAR_OVER_BY = Limit(1.0 + 3.0, "hardware-facts 4; the meter is read once a second")
FAR_OVER_SENSED_BY = Limit(1.0 + 0.3, "hardware-facts 4; the board senses the current itself")
VOLTAGE_FROM = Limit(5.0, "hardware-facts 4: outside 0.85 .. 1.10 Un for 5 s -> X1, then open")
VOLTAGE_BY = Limit(5.0 + 3.0, "hardware-facts 4; the meter is read once a second")
METER_FROM = Limit(
    8.5, "hardware-facts 4: 3 failed polls or 10 s, whichever is later (the last good one was up to 1.5 s before)"
)
METER_BY = Limit(16.0, "hardware-facts 4: meter loss while billed: X1 at once")
CODING = Limit(1.0, "hardware-facts 2: a change of the coding while locked is a fault; our own: 1 s")
DROPPED = Limit(0.120, "our own: a contact that reads open under power (20 ms) takes the command away")
RCD_ERROR = Limit(0.120, "our own: the monitor's error output opens within two passes and the contactor's 40 ms")
WARM_BY = Limit(12.0, "hardware-facts 4: derate at 65 °C, stop at 71; our own: within 12 s")
WARM_STOP_BY = Limit(12.0 + 6.5, "hardware-facts 4: stop at 71 °C, with the EV's 6 s of seq. 10.2")
DROWSY_FROM = Limit(30.0, "hardware-facts 1: wake-up after B2 for > 30 s")
DROWSY_BY = Limit(33.0, "our own: and not much later")
WAKES = Limit(4.5, "hardware-facts 1: F or E for 4 s")
AFTER_WAKING = Limit(1.5, "hardware-facts 1: X1 for 0.75 s, then PWM")
SWITCHED_FROM = Limit(10.0, "hardware-facts 4: 10 s at least from the switch of phases to PWM; here phase_wait_s = 10")
SWITCHED_BY = Limit(10.0 + 5.0, "our own: and not much later")
TESTED = Limit(6.0, "invariant 20: self-test after each session; our own: 6 s")
LONG = Limit(7.0, "no power without every check; watched for 7 s, longer than the 5 s between two closes")
LATCHED = Limit(3.0, "a latched fault stays until somebody has looked; watched for 3 s")
