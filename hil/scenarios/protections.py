"""Each protection of hardware-facts §2 to §4 against the fault that it is there for."""

from __future__ import annotations

from hil.scenarios import deadlines as due
from hil.scenarios.scenario import Scenario, scenario
from hil.scenarios.scene import Limit, Scene
from hil.scenarios.sequences import duty_of, is_pwm

# --- the contactor ----------------------------------------------------------------------------------------------------------


async def _shows_f(scene: Scene, since: float, within: Limit) -> None:
    """F, held, then X1 (Table A.6: fault -> F)."""
    shown = await scene.sees("F is shown", "pilot", "F", since=since, within=within)
    await scene.sees("for its time, then X1", "pilot", "X1", since=shown, within=due.F_MOST, after=due.F_LEAST)


async def _closes_again(scene: Scene, cleared: float) -> None:
    """The driver comes back: a danger has ended the transaction."""
    await scene.authorise()
    text = "it closes again, 30 s after the error"
    await scene.sees(text, "command", True, since=cleared, within=due.AFTER_ERROR_BY, after=due.AFTER_ERROR)


async def _weld(scene: Scene) -> None:
    await scene.charging()
    await scene.fault("weld")
    at = await scene.stop()
    fell = await scene.sees("the command goes", "command", False, since=at, within=due.FORCED_BY)
    await _shows_f(scene, fell, due.MIRROR_JUDGED)
    await scene.faults("a weld is told", "contactor_welded")
    at = await scene.verb("unplug")
    await scene.never("the lock keeps the live plug", "locked", False, since=at, during=due.LATCHED)
    at = await scene.mend("weld")
    await scene.faults("the fault is latched", "contactor_welded", within_s=0.0)
    await scene.never("still locked", "locked", False, since=at, during=due.LATCHED)
    at = await scene.acknowledge("contactor_welded")
    await scene.sees("somebody has looked: unlocked", "locked", False, since=at, within=due.UNLOCKS)
    await scene.faults("no fault stands")


async def _stuck_open(scene: Scene) -> None:
    await scene.fault("stuck_open")
    at = await scene.plugged()
    await scene.authorise()
    told = await scene.sees("a close is tried", "command", True, since=at, within=Limit(30.0, "our own"))
    gone = await scene.sees("and given up", "command", False, since=told, within=due.MIRROR_JUDGED)
    await _shows_f(scene, told, due.MIRROR_JUDGED)
    await scene.faults("told apart from a weld", "contactor_stuck_open")
    await scene.never("no second try", "command", True, since=gone, during=due.LONG)


async def _contradictory(scene: Scene) -> None:
    await scene.fault("mirror", "contradictory")
    at = await scene.plugged()
    await scene.authorise()
    await scene.never("no close without a mirror that can be read", "command", True, since=at, during=due.LONG)
    await scene.faults("its wires are named", "mirror_unreadable")


async def _dropped(scene: Scene) -> None:
    await scene.charging()
    at = await scene.fault("mirror", "open")
    await scene.sees("a contact that reads open takes the command away", "command", False, since=at, within=due.DROPPED)
    await scene.reason("30 s after an error")
    await scene.never("and nothing closes", "command", True, since=at + due.DROPPED.seconds, during=due.LONG)


# --- residual current ---------------------------------------------------------------------------------------------------------


async def _trip(scene: Scene) -> None:
    await scene.charging()
    at = await scene.fault("rcd")
    tripped = await scene.sees("the RCD trips", "rcd", True, since=at, within=due.DONE)
    await scene.sees("the contact opens", "contact", False, since=tripped, within=due.CONTACT_PROTECTED)
    await scene.sees("the command goes, too", "command", False, since=tripped, within=due.COMMAND_PROTECTED)
    await _shows_f(scene, tripped, due.COMMAND_PROTECTED)
    await scene.faults("it is told", "rcd_trip")
    at = await scene.mend("rcd")
    await scene.never("and latched", "advertising", True, since=at, during=due.LATCHED)
    cleared = await scene.acknowledge("rcd_trip")
    await scene.faults("somebody has looked")
    await _closes_again(scene, cleared)


async def _rcd_error(scene: Scene) -> None:
    await scene.charging()
    at = await scene.fault("rcd", "error")
    await scene.sees("a monitor that reports an error opens", "contact", False, since=at, within=due.RCD_ERROR)
    await _shows_f(scene, at, due.RCD_ERROR)
    await scene.faults("it is told", "rcd_error")


async def _dead_rcd(scene: Scene) -> None:
    at = await scene.charging()
    left = await scene.verb("unplug")
    await scene.sees("the session is over", "contact", False, since=left, within=due.DONE)
    await scene.sees("the self-test trips the monitor", "rcd", True, since=left, within=due.TESTED)
    await scene.sees("which rests again", "rcd", False, since=left, within=due.TESTED)
    closed = [each["value"] for each in await scene.edges("contact", at)]
    scene.holds("with the contact open", closed == [True, False], str(closed), "invariant 20: run with K open")
    await scene.doors.sleep(1.0)
    await scene.charging()
    await scene.fault("rcd", "dead")
    left = await scene.verb("unplug")
    await scene.sees("another session is over", "contact", False, since=left, within=due.DONE)
    await scene.faults("the dead monitor is found", "rcd_self_test", within_s=due.TESTED.seconds)
    at = await scene.plugged()
    await scene.refused()
    await scene.never("and nothing is offered behind it", "advertising", True, since=at, during=due.LONG)
    await scene.never("nor closed", "command", True, since=at, during=due.LONG)


# --- current and voltage ------------------------------------------------------------------------------------------------------


async def _over_current(scene: Scene) -> None:
    await scene.charging()
    await scene.doors.sleep(3.0)  # until it draws what it is offered, as the meter sees it
    at = await scene.fault("over_current", 40.0)
    dark = await scene.sees(
        "40 A at 32 A signalled: X1", "pilot", "X1", since=at, within=due.OVER_BY, after=due.OVER_FROM
    )
    await scene.sees("then open", "contact", False, since=dark, within=due.FORCED_BY)
    await scene.faults("it is told", "over_current")


async def _far_over_current(scene: Scene) -> None:
    await scene.charging()
    await scene.doors.sleep(3.0)
    at = await scene.fault("over_current", 60.0)
    text = "60 A at 32 A signalled: open"
    await scene.sees(text, "contact", False, since=at, within=due.FAR_OVER_BY, after=due.FAR_OVER_FROM)
    await _shows_f(scene, at, due.FAR_OVER_BY)
    await scene.faults("it is told", "over_current_high")


async def _sensed_over_current(scene: Scene) -> None:
    await scene.charging()
    await scene.doors.sleep(3.0)
    await scene.fault("meter_silent")
    await scene.doors.sleep(1.5)
    at = await scene.fault("over_current", 60.0)
    text = "60 A while the meter says nothing: open"
    await scene.sees(text, "contact", False, since=at, within=due.FAR_OVER_SENSED_BY, after=due.FAR_OVER_FROM)
    await scene.faults("it is told", "over_current_high")


async def _voltage(scene: Scene, kind: str, volts: float) -> None:
    await scene.charging()
    at = await scene.fault(kind, volts)
    dark = await scene.sees(f"{volts:g} V: X1", "pilot", "X1", since=at, within=due.VOLTAGE_BY, after=due.VOLTAGE_FROM)
    await scene.sees("then open", "contact", False, since=dark, within=due.FORCED_BY)
    await scene.faults("it is told", kind)


async def _under_voltage(scene: Scene) -> None:
    await _voltage(scene, "under_voltage", 190.0)


async def _over_voltage(scene: Scene) -> None:
    await _voltage(scene, "over_voltage", 258.0)


async def _silent_meter(scene: Scene) -> None:
    await scene.charging()
    await scene.doors.sleep(2.0)
    at = await scene.fault("meter_silent")
    dark = await scene.sees(
        "nothing is sold without a meter: X1", "pilot", "X1", since=at, within=due.METER_BY, after=due.METER_FROM
    )
    await scene.sees("then open", "contact", False, since=dark, within=due.FORCED_BY)
    await scene.reason("meter loss")
    await scene.mend("meter_silent")
    await scene.sees("it answers: PWM again", "pilot", is_pwm, since=dark, within=Limit(30.0, "our own"))


# --- the whole station --------------------------------------------------------------------------------------------------------


async def _emergency(scene: Scene) -> None:
    await scene.charging()
    at = await scene.fault("estop", of_station=True)
    cut = await scene.sees("the button takes the coil's supply", "relay_supply", False, since=at, within=due.DONE)
    await scene.sees("the contact opens", "contact", False, since=cut, within=due.CONTACT_PROTECTED)
    await scene.sees("the command goes, too", "command", False, since=cut, within=due.COMMAND_PROTECTED)
    await _shows_f(scene, cut, due.COMMAND_PROTECTED)
    at = await scene.mend("estop", of_station=True)
    await scene.never("released, it is still latched", "advertising", True, since=at, during=due.LATCHED)
    await scene.faults("it is told", "emergency_stop")
    cleared = await scene.acknowledge("emergency_stop")
    await scene.faults("somebody has looked")
    await _closes_again(scene, cleared)


async def _mains(scene: Scene) -> None:
    await scene.charging()
    at = await scene.fault("mains", of_station=True)
    cut = await scene.sees("mains are gone, and the coil's supply", "relay_supply", False, since=at, within=due.DONE)
    await scene.sees("the contact opens", "contact", False, since=cut, within=due.CONTACT_PROTECTED)
    await scene.sees("the command goes, too", "command", False, since=cut, within=due.COMMAND_PROTECTED)
    await scene.faults("it is told", "mains_lost")
    back = await scene.mend("mains", of_station=True)
    text = "mains are back: it closes again by itself, not at once"
    await scene.sees(text, "command", True, since=back, within=due.AFTER_ERROR_BY, after=due.AFTER_ERROR)


async def _blind(scene: Scene) -> None:
    await scene.charging()
    at = await scene.fault("adc", of_station=True)
    await scene.sees("without samples the contact opens", "contact", False, since=at, within=due.STALE)
    await scene.faults("the converter is named", "pilot_unread")
    await scene.never("and nothing closes", "command", True, since=at + due.STALE.seconds, during=due.LONG)


# --- the pilot ----------------------------------------------------------------------------------------------------------------


async def _short(scene: Scene) -> None:
    await scene.charging()
    at = await scene.fault("cp_short")
    opened = await scene.sees("CP to PE: the contact opens", "contact", False, since=at, within=due.SHORTED)
    await scene.faults("state E is told", "pilot_short")
    await scene.shows("X1 looks for the line", pilot_output="X1")
    mended = await scene.mend("cp_short")
    await scene.faults("gone with its cause")
    again = await scene.sees(
        "it closes again, 30 s after the error",
        "command",
        True,
        since=mended,
        within=due.AFTER_ERROR_BY,
        after=due.AFTER_ERROR,
    )
    scene.holds("once", again > opened)


async def _short_behind_diode(scene: Scene) -> None:
    await scene.charging()
    at = await scene.fault("cp_short", "after_diode")
    await scene.sees(
        "the low plateau stays, the high one decides: open", "contact", False, since=at, within=due.SHORTED
    )
    await scene.faults("state E is told", "pilot_short")


async def _no_diode(scene: Scene) -> None:
    at = await scene.plugged()
    await scene.fault("diode")
    await scene.authorise()
    await scene.shows("PWM", 20.0, pilot_output="X2")
    await scene.never("no power to what has no diode", "command", True, since=at, during=due.LONG)
    await scene.faults("it is told", "pilot_diode")
    await scene.mend("diode")
    await scene.verb("unplug")
    await scene.faults("it leaves with its fault")


async def _diode_fails(scene: Scene) -> None:
    await scene.charging()
    at = await scene.fault("diode")
    await scene.sees("a diode that fails under power opens", "contact", False, since=at, within=due.DIODE)
    await _shows_f(scene, at, due.DIODE)
    await scene.faults("it is told", "pilot_diode")


async def _no_earth(scene: Scene) -> None:
    await scene.charging()
    at = await scene.fault("ground")
    limit = Limit(0.100, "as seq. 2.2: without PE the pilot reads A; invariant 6")
    await scene.sees("earth is lost: the contact opens", "contact", False, since=at, within=limit)
    await scene.reason("earth")
    await scene.never("and stays open", "command", True, since=at + limit.seconds, during=due.LONG)


async def _warm(scene: Scene) -> None:
    await scene.charging()
    at = await scene.fault("over_temperature", 68.0)
    await scene.sees("68 °C: half of 32 A", "pilot", duty_of(scene, 16.0), since=at, within=due.WARM_BY)
    at = await scene.fault("over_temperature", 71.0)
    await scene.sees("71 °C: X1", "pilot", "X1", since=at, within=due.WARM_BY)
    await scene.sees("the contact opens", "contact", False, since=at, within=due.WARM_STOP_BY)
    await scene.faults("it is told", "over_temperature")
    at = await scene.mend("over_temperature")
    await scene.sees("cool again: it charges", "contact", True, since=at, within=Limit(30.0, "our own"))
    await scene.faults("no fault stands")


# --- cable and lock --------------------------------------------------------------------------------------------------------------


async def _coding_changes(scene: Scene) -> None:
    await scene.charging()
    at = await scene.fault("pp_ohm", 680.0)
    await scene.sees("another cable while locked: open", "contact", False, since=at, within=due.CODING)
    await _shows_f(scene, at, due.CODING)
    await scene.faults("it is told", "proximity_changed")


async def _wrong_coding(scene: Scene) -> None:
    await scene.fault("pp_ohm", 3000.0)
    at = await scene.plugged()
    await scene.authorise()
    await scene.never("a cable of unknown rating is offered nothing", "advertising", True, since=at, during=due.LONG)
    await scene.faults("it is told", "proximity")


async def _jam(scene: Scene) -> None:
    await scene.fault("lock_jam")
    at = await scene.plugged()
    await scene.authorise()
    await scene.never("no power to a plug that is not locked", "command", True, since=at, during=due.LONG)
    await scene.faults("it is told", "lock_jammed")
    await scene.shows("X1", pilot_output="X1")


async def _tethered(scene: Scene) -> None:
    at = await scene.plugged()
    begun = await scene.authorise()
    told = await scene.sees("PWM begins", "pilot", is_pwm, since=begun, within=due.PWM_BEGINS)
    duty = (await scene.edges("pilot", told))[0]["value"]
    scene.holds(
        "no more than the attached cable carries",
        duty <= 20.0 / 0.6 + 0.001 + scene.duty_slack_pct,
        f"{duty:.2f} %",
        "board file: cable_a 20",
    )
    await scene.shows("it charges without lock and coding", 60.0, contact="closed")
    scene.holds("no lock has moved", not await scene.edges("locked", at))
    left = await scene.verb("unplug")
    gone = await scene.sees("the EV is gone", "ev", "A", since=left, within=due.DONE)
    await scene.sees("the contact opens", "contact", False, since=gone, within=due.LEAVES_C)
    await scene.faults("no fault stands")


PROTECTIONS: tuple[Scenario, ...] = (
    scenario("weld", "A welded contactor keeps the plug locked and is latched", _weld, "socket", "fault weld"),
    scenario("stuck-open", "A contactor that does not close", _stuck_open, "socket", "fault stuck_open"),
    scenario(
        "mirror-contradictory", "A mirror contact that contradicts itself", _contradictory, "socket", "fault mirror"
    ),
    scenario("mirror-drops", "A contactor that opens by itself", _dropped, "socket", "fault mirror"),
    scenario("rcd-trip", "A residual current", _trip, "socket", "rcd", "fault rcd"),
    scenario(
        "rcd-error", "A residual-current monitor in trouble", _rcd_error, "socket", "rcd", "fault rcd", short=True
    ),
    scenario(
        "rcd-dead", "A residual-current monitor that does not trip", _dead_rcd, "socket", "self-test", "fault rcd"
    ),
    scenario(
        "over-current", "The EV draws more than it was told", _over_current, "socket", "meter", "fault over_current"
    ),
    scenario(
        "over-current-high", "The EV draws far too much", _far_over_current, "socket", "meter", "fault over_current"
    ),
    scenario(
        "over-current-sensed",
        "The EV draws far too much, and the meter is silent",
        _sensed_over_current,
        "phase sense",
        "meter",
        "fault over_current",
        "fault meter_silent",
    ),
    scenario("under-voltage", "The supply sags", _under_voltage, "socket", "meter", "fault under_voltage"),
    scenario(
        "over-voltage",
        "The supply rises, as with a lost neutral",
        _over_voltage,
        "socket",
        "meter",
        "fault over_voltage",
    ),
    scenario("meter-silent", "The meter falls silent", _silent_meter, "socket", "meter", "fault meter_silent"),
    scenario("estop", "The emergency stop", _emergency, "socket", "fault estop", whole=True),
    scenario("mains", "The mains fail", _mains, "socket", "fault mains", whole=True),
    scenario("adc", "The pilot cannot be read", _blind, "socket", "fault adc", whole=True, short=True),
    scenario("12-cp-short", "The pilot is shorted to earth", _short, "socket", "fault cp_short"),
    scenario(
        "12-cp-short-behind-diode", "Shorted behind the EV's diode", _short_behind_diode, "socket", "fault cp_short"
    ),
    scenario("4-no-diode", "What is plugged in has no diode", _no_diode, "socket", "fault diode"),
    scenario("diode-fails", "The diode fails under power", _diode_fails, "socket", "fault diode"),
    scenario("ground", "The protective conductor breaks", _no_earth, "socket", "fault ground"),
    scenario("warm", "It gets too warm inside", _warm, "temperature", "fault over_temperature"),
    scenario("proximity-changes", "The coding changes while locked", _coding_changes, "socket", "fault pp_ohm"),
    scenario("proximity-wrong", "The coding is of no cable", _wrong_coding, "socket", "fault pp_ohm"),
    scenario("lock-jam", "The lock does not move", _jam, "socket", "fault lock_jam"),
    scenario("tethered", "An attached cable: no lock, no coding", _tethered, "tethered"),
)
