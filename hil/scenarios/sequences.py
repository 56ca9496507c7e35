"""The sequences of IEC 61851-1 Table A.6, as hardware-facts §1 states them, with the re-close lockouts and the boot."""

from __future__ import annotations

from typing import Any

from hil.scenarios import deadlines as due
from hil.scenarios.scenario import Scenario, scenario
from hil.scenarios.scene import Limit, Scene

CABLE_A = 20


def is_pwm(output: Any) -> bool:
    """Whether a `pilot` edge is the begin of a PWM, or a new duty."""
    return isinstance(output, float)


def no_current(amps: Any) -> bool:
    return bool(amps == 0.0)


def duty_of(scene: Scene, amps: float) -> Any:
    """Return the predicate of a duty that tells this current, rounded down (Table A.8: I / 0.6), as exactly as is measured here."""
    slack = scene.duty_slack_pct
    return lambda output: is_pwm(output) and amps / 0.6 - 0.1 - slack <= output <= amps / 0.6 + 0.001 + slack


# --- plugging in, offering, closing ----------------------------------------------------------------------------------------


async def _plug(scene: Scene) -> None:
    at = await scene.plugged(CABLE_A)
    await scene.sees("the socket locks", "locked", True, since=at, within=due.LOCKS)
    await scene.shows("pilot B1: 9 V, steady", pilot_high_v=lambda v: 8.0 <= v <= 10.0, pilot_output="X1")
    await scene.never(
        "nothing is offered before anybody is authorised", "advertising", True, since=at, during=due.LATCHED
    )
    await scene.reason("no permit")


async def _offer_and_close(scene: Scene) -> None:
    await scene.plugged(CABLE_A)
    await scene.shows("locked", locked=True)
    at = await scene.authorise()
    text = f"PWM begins, and tells no more than the cable's {CABLE_A} A"
    await scene.sees(text, "pilot", duty_of(scene, CABLE_A), since=at, within=due.PWM_BEGINS)
    asked = await scene.sees("the EV closes S2", "ev", "C", since=at, within=due.FOLLOWS_EV)
    closed = await scene.sees("the contact closes", "contact", True, since=asked, within=due.CLOSES)
    command = next(each["at_s"] for each in await scene.edges("command", asked) if each["value"])
    scene.holds(
        "not before C has stood for 500 ms", command - asked >= 0.490, f"{command - asked:.3f} s", "invariant 10"
    )
    await scene.sees("the EV draws", "current", lambda amps: amps > 5.0, since=closed, within=due.FOLLOWS_EV)
    await scene.faults("no fault stands")


async def _no_s2(scene: Scene) -> None:
    at = await scene.plugged(no_s2=True)
    await scene.shows("pilot C1: 6 V, steady", pilot_high_v=lambda v: 5.0 <= v <= 7.0, pilot_output="X1")
    await scene.never(
        "no power in C1 before anybody is authorised", "command", True, since=at, during=Limit(5.0, "seq. 1.2")
    )
    at = await scene.authorise()
    begun = await scene.sees("PWM begins", "pilot", is_pwm, since=at, within=due.PWM_BEGINS)
    await scene.sees("then the contact closes", "contact", True, since=begun, within=due.CLOSES)
    await scene.faults("no fault stands")


async def _toggles(scene: Scene) -> None:
    at = await scene.plugged(bcb=5)
    await scene.authorise()
    closed = await scene.sees("the contact closes", "contact", True, since=at, within=Limit(30.0, "our own"))
    await scene.doors.sleep(due.LATCHED.seconds)
    commands = [each["at_s"] for each in await scene.edges("command", at)]
    scene.holds("one close, no chatter", len(commands) == 1, f"{len(commands)} changes", due.TOGGLES_KEEP_OPEN.cite)
    asks = [each["at_s"] for each in await scene.edges("ev", at) if each["value"] == "C" and each["at_s"] < closed]
    scene.holds("although the EV toggled B-C-B", len(asks) >= 3, f"{len(asks)} times C")
    lasted = commands[0] - asks[-1]
    long_enough = lasted >= due.TOGGLES_KEEP_OPEN.seconds - 0.01
    scene.holds("not before C has stood", long_enough, f"{lasted:.3f} s", due.TOGGLES_KEEP_OPEN.cite)


async def _sleeper(scene: Scene) -> None:
    await scene.plugged(sleepy=True)
    at = await scene.authorise()
    told = await scene.sees("PWM begins", "pilot", is_pwm, since=at, within=due.PWM_BEGINS)
    woken = await scene.sees(
        "an EV that does not ask is woken", "pilot", "E", since=told, within=due.DROWSY_BY, after=due.DROWSY_FROM
    )
    x1 = await scene.sees("X1 follows", "pilot", "X1", since=woken, within=due.WAKES)
    again = await scene.sees("and PWM", "pilot", is_pwm, since=x1, within=due.AFTER_WAKING)
    await scene.sees("it charges", "contact", True, since=again, within=Limit(8.0, "seq. 5 and 4: 5 s and 3 s"))


async def _phases(scene: Scene) -> None:
    await scene.charging(phases=3)
    await scene.shows("three phases", 20.0, current_a=lambda amps: min(amps) > 5.0)
    at = await scene.profile(16.0, phases=1)
    await scene.sees("X1 first", "pilot", "X1", since=at, within=due.FOLLOWS_LIMIT)
    opened = await scene.sees("then the contact opens", "contact", False, since=at, within=due.WARM_STOP_BY)
    await scene.sees(
        "PWM after the pause", "pilot", is_pwm, since=opened, within=due.SWITCHED_BY, after=due.SWITCHED_FROM
    )
    await scene.shows(
        "one phase", 20.0, contact="closed", current_a=lambda amps: amps[0] > 5.0 and max(amps[1:]) == 0.0
    )


# --- limits ------------------------------------------------------------------------------------------------------------------


async def _lower_duty(scene: Scene) -> None:
    await scene.charging()
    at = await scene.limit(10.0)
    told = await scene.sees("the duty falls to 10 A", "pilot", duty_of(scene, 10.0), since=at, within=due.FOLLOWS_LIMIT)
    await scene.sees("the EV follows", "current", lambda amps: 0.0 < amps <= 10.05, since=told, within=due.FOLLOWS_EV)
    await scene.never("the contact stays closed", "contact", False, since=at, during=due.FOLLOWS_EV)
    await scene.faults("no fault stands")


async def _external_limit(scene: Scene) -> None:
    await scene.charging()
    at = await scene.profile(8.0)
    await scene.sees("the CSMS's 8 A are told", "pilot", duty_of(scene, 8.0), since=at, within=due.FOLLOWS_LIMIT)
    at = await scene.profile(10.0)
    first = await scene.sees("up again, to 10 A", "pilot", duty_of(scene, 10.0), since=at, within=due.UPWARD_BY)
    await scene.profile(12.0)
    text = "and further up, to 12 A, but not at once"
    await scene.sees(text, "pilot", duty_of(scene, 12.0), since=first, within=due.UPWARD_BY, after=due.UPWARD)
    at = await scene.profile(5.0)
    await scene.sees("a limit below 6 A is X1", "pilot", "X1", since=at, within=due.X1_AT_ONCE)
    duties = [each["value"] for each in await scene.edges("pilot", 0.0) if is_pwm(each["value"])]
    scene.holds(
        "no duty between 0 and 10 % was ever told",
        min(duties) >= 10.0 - scene.duty_slack_pct,
        f"least {min(duties):.2f} %",
        "invariant 13",
    )
    await scene.sees("the EV stops", "contact", False, since=at, within=due.FORCED_BY)
    await scene.faults("it waits, and no fault stands")


# --- stopping ------------------------------------------------------------------------------------------------------------------


async def _leaves_c(scene: Scene) -> None:
    await scene.charging()
    at = await scene.verb("ev", pilot="B")
    left = await scene.sees("the EV opens S2", "ev", "B", since=at, within=due.DONE)
    await scene.sees("the contact opens", "contact", False, since=left, within=due.LEAVES_C)
    fell = next(each["at_s"] for each in await scene.edges("command", left) if not each["value"])
    await scene.verb("ev", pilot="C")
    text = "it closes again, after its rest"
    await scene.sees(text, "command", True, since=fell, within=due.RECLOSE_BY, after=due.RECLOSE)
    await scene.faults("no fault stands")


async def _unplug_b(scene: Scene) -> None:
    await scene.plugged()
    await scene.authorise()
    await scene.shows("it charges", 60.0, contact="closed")
    at = await scene.verb("pause")
    opened = await scene.sees("the EV pauses, the contact opens", "contact", False, since=at, within=due.FORCED_BY)
    at = await scene.verb("unplug")
    await scene.sees("X1", "pilot", "X1", since=at, within=due.X1_AT_ONCE)
    freed = await scene.sees("the socket unlocks", "locked", False, since=at, within=due.UNLOCKS)
    unlocked = [
        each for each in await scene.edges("locked", 0.0) if not each["value"] and each["at_s"] >= opened - 60.0
    ]
    early = [each for each in unlocked if each["at_s"] < opened]
    scene.holds("not before the contact was open", freed > opened and not early, cite="invariant 16")
    await scene.shows("and it is free again", proximity_ohm=None, plugged=False)
    await scene.faults("no fault stands")


async def _unplug_c(scene: Scene) -> None:
    await scene.charging()
    at = await scene.verb("unplug")
    left = await scene.sees("the EV is gone", "ev", "A", since=at, within=due.DONE)
    opened = await scene.sees("the contact opens", "contact", False, since=left, within=due.LEAVES_C)
    await scene.sees("X1", "pilot", "X1", since=left, within=due.X1_AT_ONCE)
    if (await scene.state())["locked"]:
        freed = await scene.sees("the socket unlocks", "locked", False, since=left, within=due.UNLOCKS)
        scene.holds("not before the contact was open", freed > opened, cite="invariant 16")
    await scene.never("nothing closes on an empty socket", "command", True, since=opened, during=due.LATCHED)
    await scene.faults("no fault stands")


async def _willing_stop(scene: Scene) -> None:
    await scene.charging()
    at = await scene.stop()
    dark = await scene.sees("X1", "pilot", "X1", since=at, within=due.X1_AT_ONCE)
    await scene.sees("the EV stops drawing", "current", no_current, since=dark, within=due.EV_STOPS)
    left = await scene.sees("and opens S2", "ev", "B", since=dark, within=due.EV_STOPS)
    await scene.sees("then the contact opens, without load", "contact", False, since=left, within=due.LEAVES_C)
    await scene.faults("no fault stands")


async def _ignored_stop(scene: Scene) -> None:
    await scene.charging(ignores_pwm_off=True)
    at = await scene.stop()
    dark = await scene.sees("X1", "pilot", "X1", since=at, within=due.X1_AT_ONCE)
    text = "the EV goes on, and is opened under load"
    await scene.sees(text, "contact", False, since=dark, within=due.FORCED_BY, after=due.FORCED_FROM)
    await scene.never("and stays off", "command", True, since=dark, during=due.LONG)
    await scene.faults("which is no fault")


async def _six_closes(scene: Scene) -> None:
    at = await scene.charging()
    for _ in range(5):
        opened = await scene.verb("ev", pilot="B")
        await scene.sees("the EV pauses", "contact", False, since=opened, within=due.DONE)
        await scene.verb("ev", pilot="C")
        await scene.sees("and is served again", "contact", True, since=opened, within=due.RECLOSE_BY)
    opened = await scene.verb("ev", pilot="B")
    await scene.sees("the EV pauses for the sixth time", "contact", False, since=opened, within=due.DONE)
    await scene.verb("ev", pilot="C")
    await scene.never(
        "and waits", "command", True, since=opened, during=Limit(15.0, "invariant 21: <= 6 times in 10 min")
    )
    closes = [each for each in await scene.edges("command", at) if each["value"]]
    scene.holds("it closed six times", len(closes) == 6, f"{len(closes)} times", "invariant 21")
    await scene.reason("6 times")


# --- ventilation -----------------------------------------------------------------------------------------------------------------


async def _d_refused(scene: Scene) -> None:
    at = await scene.plugged(ventilation=True)
    await scene.authorise()
    await scene.shows("pilot D: 3 V under PWM", 20.0, pilot_high_v=lambda v: 2.0 <= v <= 4.0, pilot_output="X2")
    await scene.never("no power in D without ventilation", "command", True, since=at, during=due.LONG)
    await scene.reason("ventilation")


async def _turns_to_d(scene: Scene) -> None:
    await scene.charging()
    at = await scene.verb("ev", pilot="D")
    limit = Limit(
        0.250, "invariants 1 and 5; our own: 250 ms, because the held plateau falls through C's band for 60 ms"
    )
    await scene.sees("an EV that turns to D is switched off", "contact", False, since=at, within=limit)
    await scene.never("and stays off", "command", True, since=at, during=due.LONG)


async def _d_served(scene: Scene) -> None:
    await scene.charging(ventilation=True)
    at = await scene.verb("unplug")
    left = await scene.sees("the EV is gone from D", "ev", "A", since=at, within=due.DONE)
    await scene.sees("the contact opens", "contact", False, since=left, within=due.LEAVES_C)
    await scene.faults("no fault stands")


# --- the boot ---------------------------------------------------------------------------------------------------------------------


async def _boot_under_load(scene: Scene) -> None:
    await scene.charging(ignores_pwm_off=True)
    at = await scene.now()
    await scene.doors.verb("power_cut")
    await scene.sees("the power is cut: the contact opens", "contact", False, since=at, within=due.DEAD)
    await scene.sees("and the pilot is silent", "advertising", False, since=at, within=due.DEAD)
    awake = Limit(60.0, "our own: the machine boots")
    alive = await scene.sees("the safety process is back", "relay_supply", True, since=at, within=awake)
    await scene.sees("X1", "pilot", "X1", since=at, within=awake)
    rested = Limit(60.0, "our own: the session goes on")
    closed = await scene.sees(
        "the session goes on, not at once", "command", True, since=alive, within=rested, after=due.STARTED
    )
    begun = [each["at_s"] for each in await scene.edges("pilot", at) if is_pwm(each["value"])]
    tested = [each["at_s"] for each in await scene.edges("rcd", alive) if not each["value"]]
    scene.holds(
        "under a new PWM", bool(begun) and alive < begun[0] < closed, cite="Boot: fresh permit, new PWM, diode check"
    )
    scene.holds("and after a new self-test", bool(tested) and tested[0] < closed, cite="invariant 20")


async def _boot_in_c(scene: Scene) -> None:
    await scene.plugged(no_s2=True)
    await scene.shows("pilot C1", pilot_high_v=lambda v: 5.0 <= v <= 7.0, pilot_output="X1")
    at = await scene.now()
    await scene.doors.verb("power_cut")
    awake = Limit(60.0, "our own: the machine boots")
    alive = await scene.sees("the safety process is back", "relay_supply", True, since=at, within=awake)
    await scene.shows("X1", 10.0, pilot_output="X1")
    await scene.never("nothing closes on a state seen at boot", "command", True, since=at, during=due.LONG)
    await scene.never("and nothing is offered", "advertising", True, since=alive, during=due.LONG)


SEQUENCES: tuple[Scenario, ...] = (
    scenario("1.1-plug", "A plug is locked and its cable read, at X1", _plug, "socket", short=True),
    scenario("1.2-no-s2", "An EV without S2 waits in C1; then 3.2 and its close", _no_s2, "socket"),
    scenario(
        "3.1-offer-4-close", "PWM follows the authorisation, the contact the EV", _offer_and_close, "socket", short=True
    ),
    scenario("wake-up", "A sleeping EV is woken", _sleeper, "wake-up"),
    scenario("phases", "From three phases to one under way", _phases, "phase switching"),
    scenario("11-toggles", "B-C-B toggles make no chatter", _toggles, "socket"),
    scenario("5-lower-duty", "A lower duty: the EV follows", _lower_duty, "socket"),
    scenario("6-external-limit", "A CSMS's limits, down and up, and below 6 A", _external_limit, "socket"),
    scenario("8-leaves-c", "The EV goes from C to B and comes back", _leaves_c, "socket", short=True),
    scenario("2.1-unplug-b", "Unplugged from B: X1, and the lock opens", _unplug_b, "socket"),
    scenario("2.2-unplug-c", "Unplugged from C: no arc, no live connector", _unplug_c, "socket", short=True),
    scenario("2.2-unplug-d", "Unplugged from D where D is served", _d_served, "ventilation"),
    scenario("10.1-willing-stop", "X1, and the EV stops by itself", _willing_stop, "socket"),
    scenario("10.2-ignored-stop", "X1, and the EV does not stop", _ignored_stop, "socket", short=True),
    scenario("six-closes", "Six closes in ten minutes are enough", _six_closes, "socket", closes=6),
    scenario("d-refused", "No power in D without ventilation", _d_refused, "no ventilation"),
    scenario("d-turns", "An EV that turns from C to D", _turns_to_d, "no ventilation"),
    scenario(
        "boot-under-load",
        "The power is cut under load and comes back",
        _boot_under_load,
        "socket",
        "self-test",
        "power cut",
        whole=True,
    ),
    scenario(
        "boot-in-c", "A boot finds an EV in C that nobody authorised", _boot_in_c, "socket", "power cut", whole=True
    ),
)
