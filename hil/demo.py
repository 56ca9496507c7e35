"""`pilotline demo`: one charging session on the real code paths, shown live, with every step proven from outside."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hil.csms.cli import DEFAULT_PORT
from hil.csms.control import Control, socket_path
from hil.csms.csms import Csms
from hil.csms.log import Frame, Party
from hil.csms.schemas import Version, render
from hil.csms.server import PortInUse, WebSocketServer
from hil.ending import Ending
from hil.processes import Rig, RigError, RigSettings
from hil.script import EVSE, STEPS, VARIABLES, Played, World, check_books, play_step

IDENTITY = "DEMO-1"
_SUBPROTOCOLS = {"1.6": Version.V16, "2.0.1": Version.V201}


class Screen:
    """What the person sees. quiet: nothing (the caller wants only the summary)."""

    def __init__(self, ending: Ending, quiet: bool) -> None:
        self._ending = ending
        self._quiet = quiet
        self._columns = shutil.get_terminal_size((160, 24)).columns
        self._last_state = ""

    def say(self, text: str = "") -> None:
        if not self._quiet:
            self._ending.say(text)

    def step(self, number: int, title: str) -> None:
        self.say(f"\n[{number}/{len(STEPS)}] {title}")

    def played(self, played: Played) -> None:
        for seen in played.seen:
            if seen.evidence is None:
                self.say(f"      NOT SEEN  {seen.kind}: {seen.what}")
            elif seen.kind != "frame":
                after = f"  ({seen.after_s:.1f} s)"
                self.say(_cut(f"      seen  {seen.what}: {seen.evidence}", self._columns - len(after)) + after)
        if played.problem:
            self.say(f"      FAILED    {played.problem}")

    def frame(self, frame: Frame) -> None:
        arrow = "→ CSMS" if frame.sender is Party.STATION else "← CSMS"
        body = frame.text if frame.payload is None else render(frame.payload)
        self.say(_cut(f"  {arrow}  {frame.kind:6} {frame.action:20} {body}", self._columns))

    def state(self, evse: dict[str, Any], transaction: str) -> None:
        """Show the physical state when it differs from what was shown last: the outlet, and below it the current."""
        duty = "-" if evse["duty_pct"] is None or not evse["advertising"] else f"{evse['duty_pct']:.1f} %"
        text = (
            f"  pilot {evse['pilot_output']} {evse['pilot_high_v']:+.0f}/{evse['pilot_low_v']:+.0f} V · duty {duty} · "
            f"contactor {evse['contact']} · {'locked' if evse['locked'] else 'unlocked'}\n"
            f"    {evse['offered_a']:.1f} A offered · {max(evse['current_a']):.1f} A drawn · {evse['energy_wh']:.0f} Wh · "
            f"{transaction}".rstrip()
        )
        if text != self._last_state:
            self._last_state = text
            self.say(text)


def _cut(text: str, columns: int) -> str:
    return text if len(text) <= columns else text[: columns - 1] + "…"


def main(args: argparse.Namespace) -> int:
    """Play it. Returns 0 only if everything was really seen; 1, or 128 + a signal's number, otherwise.

    args: once, ocpp, json. Raises OutputFailed.
    """
    try:
        return asyncio.run(_demo(args.ocpp, once=args.once, as_json=args.json))
    except (RigError, PortInUse) as error:
        if args.json:
            print(json.dumps({"ok": False, "ocpp": args.ocpp, "problem": str(error), "steps": []}))
        else:
            print(f"pilotline demo: {error}", file=sys.stderr)
        return 1


async def _demo(version: str, *, once: bool, as_json: bool) -> int:
    ending = Ending()
    screen = Screen(ending, quiet=as_json)
    directory = Path(tempfile.mkdtemp(prefix="pilotline-demo-"))
    try:
        return await _with_csms(directory, version, ending, screen, once=once, as_json=as_json)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


async def _with_csms(
    directory: Path, version: str, ending: Ending, screen: Screen, *, once: bool, as_json: bool
) -> int:
    csms = Csms(subprotocols=(_SUBPROTOCOLS[version],))
    server, control = WebSocketServer(csms), Control(csms)
    await _listen(server)
    await control.start(socket_path(server.port))
    csms.log.frame_observers.append(screen.frame)
    settings = RigSettings(
        csms_url=f"ws://127.0.0.1:{server.port}/ocpp",
        protocols=[_SUBPROTOCOLS[version].value],
        identity=IDENTITY,
        variables=VARIABLES,
    )
    try:
        screen.say("Starting the mock bench, the safety process and the station ...")
        rig = Rig(directory, settings)
        world = World(rig, csms, version, lambda action, payload: csms.command(IDENTITY, action, payload), IDENTITY)
        try:
            if not await ending.unless_told(rig.start()):
                return ending.code()
            with _live(world, screen):
                played: list[Played] = []
                if not await ending.unless_told(play(world, screen, played)):
                    return ending.code()
                ok = _conclude(screen, played, check_books(world), version, as_json)
                if not once:
                    _invite(screen, rig, server.port)
                    await ending.wait()
                    screen.say("\nStopping ...")
        finally:
            await rig.stop()
        ending.code()  # raises when the screen went away meanwhile
        return 0 if ok else 1
    finally:
        await control.stop()
        await server.stop()


async def _listen(server: WebSocketServer) -> None:
    """Take the CSMS's usual port, so that `pilotline csms send` finds it; any other where that one is taken."""
    try:
        await server.start("127.0.0.1", DEFAULT_PORT)
    except PortInUse:
        await server.start("127.0.0.1", 0)


async def play(world: World, screen: Screen, played: list[Played]) -> None:
    """Play the steps in order into `played` and stop at the first that fails."""
    for number, step in enumerate(STEPS, start=1):
        screen.step(number, step.title)
        played.append(await play_step(world, step))
        screen.played(played[-1])
        if not played[-1].ok:
            break


@contextlib.contextmanager
def _live(world: World, screen: Screen) -> Iterator[None]:
    """Show the state of EVSE 1 for as long as the block runs."""

    async def show() -> None:
        while True:
            with contextlib.suppress(OSError):  # the bench restarts with the station
                csms = world.csms
                known = csms.open_transaction(IDENTITY, EVSE) if csms is not None else None
                screen.state(
                    world.evse(),
                    f"transaction {known.id[:8]} {known.charging_state or ''}" if known else "no transaction",
                )
            await asyncio.sleep(1.0)

    task = asyncio.get_running_loop().create_task(show())
    try:
        yield
    finally:
        task.cancel()


def _conclude(screen: Screen, played: list[Played], problems: list[str], version: str, as_json: bool) -> bool:
    """Tell how it went and return whether all was seen."""
    ok = not problems and len(played) == len(STEPS) and all(p.ok for p in played)
    if as_json:
        print(json.dumps(summary(played, problems, version, ok)), flush=True)
        return ok
    for problem in problems:
        screen.say(f"PROBLEM   {problem}")
    count = sum(len(p.seen) for p in played)
    screen.say()
    screen.say(
        f"A whole session over OCPP {version}: {len(played)} steps, {count} pins, frames and rows seen."
        if ok
        else f"The session over OCPP {version} did NOT complete: see the capitals above."
    )
    return ok


def summary(played: list[Played], problems: list[str], version: str, ok: bool) -> dict[str, Any]:
    """The result for machines. Documented in README, "The demo for scripts"."""
    return {
        "ok": ok,
        "ocpp": version,
        "problem": "; ".join(problems),
        "steps": [
            {
                "name": p.step.name,
                "title": p.step.title,
                "ok": p.ok,
                "problem": p.problem,
                "seen": [
                    {"kind": s.kind, "what": s.what, "evidence": s.evidence, "after_s": s.after_s} for s in p.seen
                ],
            }
            for p in played
        ],
    }


def _invite(screen: Screen, rig: Rig, port: int) -> None:
    """Tell what to type in a second terminal."""
    at_port = "" if port == DEFAULT_PORT else f"--port {port} "
    operator = f"pilotline csms {at_port}send limit 8"
    program = shlex.quote(str(Path(sys.executable).with_name("pilotline")))
    screen.say(
        f"""
The station stays up. In a second terminal:

  export PILOTLINE_CONFIG={shlex.quote(str(rig.config))}
  alias pilotline={program}

  pilotline status                  what it is doing
  pilotline why                     what limits it, or why it is not charging
  pilotline watch                   everything as it happens
  pilotline bench plug_in evse=1    be the EV ...
  pilotline bench swipe token=04A2B3C4D5E680
  {operator:<32}  ... and the operator
  pilotline bench unplug evse=1

Ctrl-C ends everything."""
    )
