"""What becomes of a transaction that was open when the station went down (E17 of OCPP 2.1; 2.0.1 leaves it to us).

It goes on only where nothing speaks against it: configuration allows it, the interruption was short enough, the plug is in as it
was, and the register is not lower. Where the safety process lived on it has watched the plug all along, and its counter proves
that this is the same plug-in. Where it did not (a power cut), a plug that is in now must do, within the time allowed. How long a power
cut lasted is known only by clocks that somebody vouched for: a Pi without a clock chip goes on from the time it last wrote down.
"""

from __future__ import annotations

from dataclasses import dataclass

from controller.logic.evse import EvseFacts, PlugState
from controller.logic.records import OpenTransaction, StopReason, Trigger
from controller.logic.values import ClockQuality, Stamp

UNNOTED_S = 75.0  # registers are noted at least every 60 s, and a contactor may stay closed 8.5 s without us


@dataclass(frozen=True, slots=True)
class ResumptionRules:
    """TxCtrlr.ResumptionTimeout (0: never resume) and TxCtrlr.AllowEnergyTransferResumption.

    ends_with_plug: a transaction does not outlive its plug. max_power_w: the most the EVSE can deliver.
    """

    timeout_s: float
    allows_energy: bool
    ends_with_plug: bool
    max_power_w: float


@dataclass(frozen=True, slots=True)
class Resume:
    """plug_is_known: it is the plug-in the transaction was on (else a plug-in is still to come)."""

    plug_is_known: bool


@dataclass(frozen=True, slots=True)
class End:
    """register_wh: what its last event carries; is_stale: the last committed one, for want of a credible live one."""

    trigger: Trigger
    reason: StopReason
    register_wh: int | None
    is_stale: bool


def interruption_s(last: Stamp, now: Stamp) -> float | None:
    """Return how long nobody was there, or None where the clocks cannot tell."""
    if last.boot_id == now.boot_id:
        return now.monotonic_s - last.monotonic_s
    if ClockQuality.UNTRUSTED in (last.quality, now.quality):
        return None
    gap = (now.wall - last.wall).total_seconds()
    return gap if gap >= 0 else None


def awaits_time(last: Stamp, now: Stamp, rules: ResumptionRules) -> bool:
    """Whether it may yet turn out to have been a short interruption, once somebody has told the time."""
    if last.boot_id == now.boot_id or rules.timeout_s <= 0:
        return False
    return last.quality is ClockQuality.TRUSTED and now.quality is ClockQuality.UNTRUSTED


def decide(
    transaction: OpenTransaction,
    facts: EvseFacts | None,
    register_wh: int | None,
    now: Stamp,
    rules: ResumptionRules,
    *,
    was_orderly: bool,
) -> Resume | End:
    """Decide about one open transaction.

    facts: of its EVSE now; None where it has none yet. register_wh: the meter's answer now, None where it gives none.
    was_orderly: the station had been stopped on purpose.
    """
    register, is_stale = _last_register(transaction, register_wh, rules.max_power_w)
    was_plugged = transaction.plug_run_id is not None
    if facts is not None and was_plugged and _has_left(transaction, facts, rules):
        return End(Trigger.EV_COMMUNICATION_LOST, StopReason.EV_DISCONNECTED, register, is_stale)  # E17.FR.17
    gap = interruption_s(transaction.last_stamp, now)
    is_lower = (
        register_wh is not None
        and transaction.last_register_wh is not None
        and register_wh < transaction.last_register_wh
    )
    if rules.timeout_s <= 0 or gap is None or gap > rules.timeout_s or is_lower:
        lost_power = transaction.last_stamp.boot_id != now.boot_id and not was_orderly
        reason = StopReason.POWER_LOSS if lost_power else StopReason.REBOOT  # E17.FR.21, E17.FR.22
        return End(Trigger.ABNORMAL_CONDITION, reason, register, is_stale)
    return Resume(plug_is_known=was_plugged and facts is not None and facts.plug is PlugState.PLUGGED)


def _has_left(transaction: OpenTransaction, facts: EvseFacts, rules: ResumptionRules) -> bool:
    is_other = facts.run_id == transaction.plug_run_id and facts.plug_count != transaction.plug_count
    if facts.plug is PlugState.PLUGGED:
        return is_other
    return facts.plug is PlugState.UNPLUGGED and rules.ends_with_plug


def _last_register(transaction: OpenTransaction, live_wh: int | None, max_power_w: float) -> tuple[int | None, bool]:
    """The live register counts where it can have grown so much since it was last noted; else the noted one, flagged."""
    noted = transaction.last_register_wh
    if noted is None:
        noted = transaction.start_register_wh
    if live_wh is None or noted is None:
        return (noted, True) if live_wh is None else (live_wh, False)
    if noted <= live_wh <= noted + max_power_w * UNNOTED_S / 3600 + 1:
        return live_wh, False
    return noted, True
