"""What measured values mean: which wire to look at. Pure; bands are those of the safety machine."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from controller.bringup import wires
from controller.bringup.finding import Finding, failed, not_built, passed
from controller.config.board import EvseBoard
from controller.logic.evse import PilotState
from controller.logic.pilot import DUTY_OFF_PCT
from controller.logic.plateau import LOW_PLATEAU_V, STRICT_V, band_of
from controller.logic.proximity import Coding, coding_of, rating_a

COLD_C, WARM_C = -25.0, 60.0
MAINS_V = (195.5, 253.0)  # 0.85 to 1.10 of 230 V
FLOWS_A = 0.5


@dataclass(frozen=True, slots=True)
class Line:
    """What was seen of a pilot line that had settled. low_v, duty_pct: None where there was none to see."""

    high_v: float
    low_v: float | None = None
    duty_pct: float | None = None


def _expected(low_v: float, high_v: float) -> str:
    return f"{low_v:+.0f} to {high_v:+.0f} V"


def _told(high_v: float, low_v: float | None) -> str:
    return f"{high_v:+.2f} V" if low_v is None else f"{high_v:+.2f} / {low_v:+.2f} V"


def steady_high(board: EvseBoard, high_v: float) -> Finding:
    """X1 with nothing plugged: +12 V."""
    step, expected = "pilot +12 V", _expected(*STRICT_V[PilotState.A])
    if band_of(high_v) is PilotState.A:
        return passed(step, board.id, _told(high_v, None), expected)
    return failed(step, board.id, _told(high_v, None), expected, _not_a(board, high_v))


def _not_a(board: EvseBoard, high_v: float) -> str:
    match band_of(high_v):
        case PilotState.B | PilotState.C | PilotState.D as state:
            return f"reads as state {state}: is something plugged in? else leakage from CP to PE"
        case PilotState.E:
            return f"CP is shorted to PE, or CP_EN does not connect it: {wires.cp_enable(board)}; or the +12 V supply is missing"
        case PilotState.F:
            return f"the line stays at -12 V: {wires.pwm(board)} does not drive it high"
        case _:
            return f"between the bands: divider and calibration (scale, offset_v) of {wires.sense(board, 'high')}"


def steady_low(board: EvseBoard, line: Line) -> Finding:
    """F with nothing plugged: -12 V. Where plateaus are held the low one shows it: the high one rests at 0 V then."""
    step, expected = "pilot -12 V", _expected(*STRICT_V[PilotState.F])
    shown_v = line.high_v if line.low_v is None or band_of(line.high_v) is PilotState.A else line.low_v
    told = _told(shown_v, None)
    match band_of(shown_v):
        case PilotState.F:
            return passed(step, board.id, told, expected)
        case PilotState.A:
            check = f"the line stays at +12 V: {wires.pwm(board)} does not pull it low; overlay and pin of the PWM"
        case PilotState.E:
            check = f"the -12 V supply is missing, CP is shorted to PE, or CP_EN is open: {wires.cp_enable(board)}"
        case _:
            check = f"the -12 V supply, divider and calibration of {wires.sense(board, 'low')}"
    return failed(step, board.id, told, expected, check)


def pulsed(board: EvseBoard, state: PilotState, line: Line) -> Finding:
    """PWM: the high plateau of the state, the low one at -12 V (with a vehicle's circuit: through its diode)."""
    step = f"pilot PWM in {state}"
    high, low = STRICT_V[state], LOW_PLATEAU_V
    expected = f"{_expected(*high)} / {_expected(*low)}"
    high_v, low_v = line.high_v, line.low_v
    told = _told(high_v, low_v)
    if not high[0] <= high_v <= high[1]:
        return failed(step, board.id, told, expected, _wrong_high(board, state, high_v))
    if low_v is None:
        return failed(step, board.id, told, expected, f"no low plateau is read: {wires.sense(board, 'low')}")
    if low[0] <= low_v <= low[1]:
        return passed(step, board.id, told, expected)
    if low_v > 0 and state is PilotState.A:
        check = f"no PWM reaches the line: {wires.pwm(board)}, its overlay and pin"
    elif state is PilotState.A:
        check = f"the -12 V supply, or {wires.sense(board, 'low')}"
    else:
        check = "the vehicle's or adapter's diode is missing or shorted (CP, not the station)"
    return failed(step, board.id, told, expected, check)


def duty(board: EvseBoard, driven_pct: float, line: Line) -> Finding:
    """The share of the high plateau, where the front end measures it."""
    step, expected = "pilot duty", f"{driven_pct:g} ±{DUTY_OFF_PCT:g} %"
    if line.duty_pct is None:
        return not_built(
            step, board.id, "this front end holds plateaus and tells no duty: see the volts in hw/docs/bring-up.md"
        )
    told = f"{line.duty_pct:.1f} %"
    if abs(line.duty_pct - driven_pct) <= DUTY_OFF_PCT:
        return passed(step, board.id, told, expected)
    check = f"the edges of the pilot driver, and what else writes the channel of {wires.pwm(board)}"
    return failed(step, board.id, told, expected, check)


def _wrong_high(board: EvseBoard, state: PilotState, high_v: float) -> str:
    seen = band_of(high_v)
    if seen is PilotState.E:
        return "CP is shorted to PE in the cable or adapter, or CP_EN is open"
    if seen in (PilotState.A, PilotState.B, PilotState.C, PilotState.D):
        return f"reads as state {seen}, not {state}: the adapter's switch, and the CP and PE contacts of plug and cable"
    return f"between the bands: CP and PE contacts, then divider and calibration of {wires.sense(board, 'high')}"


def with_vehicle(board: EvseBoard, state: PilotState, high_v: float) -> Finding:
    """Steady +12 V through the vehicle's resistors."""
    step, expected = f"pilot in {state}", _expected(*STRICT_V[state])
    told = _told(high_v, None)
    if band_of(high_v) is state:
        return passed(step, board.id, told, expected)
    return failed(step, board.id, told, expected, _wrong_high(board, state, high_v))


def unplugged_coding(board: EvseBoard, ohm: float) -> Finding:
    step, expected = "proximity, unplugged", "more than 4500 ohm"
    if coding_of(ohm) is Coding.NONE:
        return passed(step, board.id, _ohms(ohm), expected)
    check = f"a plug in the socket, or PP touching PE: {_pp(board)}"
    return failed(step, board.id, _ohms(ohm), expected, check)


def plugged_coding(board: EvseBoard, ohm: float) -> Finding:
    step, expected = "proximity, plugged", "1500, 680, 220 or 100 ohm"
    amps = rating_a(coding_of(ohm), board.phases)
    if amps is not None:
        return passed(step, board.id, f"{_ohms(ohm)}: a cable for {amps} A", expected)
    if coding_of(ohm) is Coding.NONE:
        check = f"PP is open: the PP contact of the plug, and {_pp(board)}"
    else:
        check = f"no cable's coding: the plug's PP resistor, a short from PP to PE, and {_pp(board)}"
    return failed(step, board.id, _ohms(ohm), expected, check)


def _pp(board: EvseBoard) -> str:
    section = board.proximity
    return f"channel {section.settings.channel} of {section.where}" if section is not None else ""


def _ohms(ohm: float) -> str:
    return "open" if math.isinf(ohm) else f"{ohm:.0f} ohm"


def temperature(board: EvseBoard, celsius: float) -> Finding:
    step, expected = "temperature", f"{COLD_C:.0f} to {WARM_C:.0f} degC in the enclosure"
    if COLD_C <= celsius <= WARM_C:
        return passed(step, board.id, f"{celsius:.0f} degC", expected)
    where = board.temperature.where if board.temperature is not None else ""
    return failed(
        step, board.id, f"{celsius:.0f} degC", expected, f"is it that warm or cold? else the sensor of {where}"
    )


def voltages(board: EvseBoard, voltage_v: tuple[float, ...]) -> Finding:
    step, expected = "meter voltages", f"{MAINS_V[0]:.0f} to {MAINS_V[1]:.0f} V on each of {board.phases} phases"
    if not voltage_v:
        return not_built(step, board.id, "this meter measures no voltages")
    told = " / ".join(f"{volts:.0f}" for volts in voltage_v) + " V"
    if len(voltage_v) < board.phases:
        return failed(
            step, board.id, told, expected, "the meter tells fewer phases than the board file: its model or wiring"
        )
    bad = [f"L{n}" for n, volts in enumerate(voltage_v[: board.phases], 1) if not MAINS_V[0] <= volts <= MAINS_V[1]]
    if not bad:
        return passed(step, board.id, told, expected)
    return failed(
        step, board.id, told, expected, f"{', '.join(bad)}: the supply's terminals and the meter's voltage taps"
    )


def currents(
    board: EvseBoard, current_a: tuple[float, ...], drawn: Callable[[float], bool] = lambda a: a >= FLOWS_A
) -> Finding:
    """With the contactor closed. A load on one phase belongs on L1."""
    step, expected = "meter currents", "on L1 with a load on one phase, on all with a load on three"
    if not current_a:
        return not_built(step, board.id, "this meter measures no currents")
    flows = [f"L{n}" for n, amps in enumerate(current_a, 1) if drawn(amps)]
    told = " / ".join(f"{amps:.1f}" for amps in current_a) + " A"
    if not flows:
        return passed(step, board.id, f"{told}: no load is connected", expected)
    if flows[0] == "L1" and len(flows) in (1, 3):
        return passed(step, board.id, told, expected)
    return failed(
        step, board.id, told, expected, f"current on {', '.join(flows)}: phase order of contactor, meter and socket"
    )
