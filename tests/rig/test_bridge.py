"""The bridge against the firmware on a pseudo-terminal, and against everything that can be on a port instead of it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

from hil.bench.client import Bench, BenchRefused
from hil.bench.layout import BenchError
from hil.bench.serial_ports import BenchPort
from hil.plant import Plant, PlantEvse
from hil.rig.__main__ import main
from hil.rig.bridge import bridged
from hil.rig.firmware import verbs
from hil.rig.link import BAUD, parsed
from hil.rig.twin import Twin
from hil.rig.words import wrong_in
from tests.drivers.fuzzing import fuzzed, spoiled
from tests.rig.hand_pins import HandRig
from tests.wire.rigs import short_directory

BUILT = ("socket", "rcd", "meter")
SETTLED_S = 0.02
ROOT = Path(__file__).parents[2]


class World:
    """A plant, and the twin at it. garble: what is done to what the twin says."""

    def __init__(self, directory: Path) -> None:
        loop = asyncio.get_running_loop()
        self.plant = Plant([PlantEvse(1)], loop.time())
        self.plant.imply_kicks(True)
        self.line = directory / "rig"
        self.socket = directory / "bench.sock"
        self.twin = Twin(self.line, self.plant, loop)
        self.bench = Bench(self.socket)
        self.runs = True
        self._loop = loop

    async def live(self) -> None:
        while True:
            if self.runs:
                self.plant.advance(self._loop.time())
                self.twin.step()
            await asyncio.sleep(0.002)

    def garble(self, mangle: Callable[[bytes], bytes]) -> None:
        take = type(self.twin).take
        self.twin.take = lambda now: mangle(take(self.twin, now))  # type: ignore[method-assign]

    async def verb(self, name: str, /, **args: Any) -> dict[str, Any]:
        return await self.bench.verb_async(name, **args)

    async def evse(self) -> dict[str, Any]:
        found: dict[str, Any] = (await self.verb("state", since_s=0.0))["evses"][0]
        return found

    async def refused(self, name: str, /, **args: Any) -> str:
        with pytest.raises(BenchRefused) as told:
            await self.verb(name, **args)
        return str(told.value)


@contextlib.asynccontextmanager
async def living(directory: Path) -> AsyncIterator[World]:
    world = World(directory)
    life = asyncio.create_task(world.live())
    try:
        yield world
    finally:
        life.cancel()
        world.twin.close()


def play(scene: Callable[[World], Coroutine[Any, Any, None]]) -> None:
    """Play a scene with a bridge to the twin."""

    async def played(directory: Path) -> None:
        async with living(directory) as world, bridged(str(world.line), 3, BUILT, world.socket):
            await scene(world)

    with short_directory() as directory:
        asyncio.run(played(directory))


def test_what_the_rig_tells_is_what_the_plant_saw_at_the_same_times() -> None:
    async def scene(world: World) -> None:
        plant = world.plant
        await world.verb("plug_in", evse=3, ev={"no_s2": True, "phases": 3}, cable_a=20)
        plant.cp_enable(1, True)
        plant.pwm(1, 26.6)
        await asyncio.sleep(SETTLED_S)
        plant.contactor(1, True)
        await asyncio.sleep(0.1)
        assert plant.proximity_ohm(1) == pytest.approx(680)
        plant.contactor(1, False)
        plant.pwm(1, None, True)
        await asyncio.sleep(0.1)
        await world.verb("unplug", evse=3)
        await asyncio.sleep(SETTLED_S)
        told, saw = (await world.evse())["edges"], plant.evses[1].edges
        for what in ("command", "contact", "pilot", "advertising"):
            ours = [(each["value"], each["at_s"]) for each in told if each["what"] == what]
            theirs = [(each.value, each.at_s) for each in saw if each.what == what and each.value != "F"]
            assert [value for value, _ in ours] == [value for value, _ in theirs], what
            for (_, our_s), (_, their_s) in zip(ours, theirs, strict=True):
                assert our_s == pytest.approx(their_s, abs=0.03), what

    play(scene)


def test_the_state_is_the_benchs_with_what_the_rig_and_its_evse_can() -> None:
    async def scene(world: World) -> None:
        state = await world.verb("state")
        assert set(state["can"]["3"]) == {
            "socket",
            "rcd",
            *(f"fault {kind}" for kind in verbs.OF_EVSE + verbs.OF_STATION),
        }
        (evse,) = state["evses"]
        assert (evse["id"], evse["plugged"], evse["pilot_output"], evse["contact"]) == (3, False, "E", "open")
        assert state["now_s"] == pytest.approx(time.monotonic(), abs=0.1)
        assert await world.refused("plug_in", evse=1) == "plug_in: `evse` must be 3, not 1"
        assert (await world.refused("power_cut")).startswith("power_cut: not on a rig (it knows: plug_in, ")
        assert await world.refused("unplug", evse=3) == "unplug: no EV is plugged in"
        assert await world.refused("state", since="x") == "state: unknown key `since` (known: since_s)"

    play(scene)


def test_a_reset_in_mid_run_is_told_once_and_the_rig_is_used_again() -> None:
    async def scene(world: World) -> None:
        await world.verb("plug_in", evse=3)
        world.twin.reset()
        assert "was reset in mid-run: its EV is unplugged" in await world.refused("state")
        assert (await world.evse())["plugged"] is False
        await world.verb("plug_in", evse=3)

    play(scene)


def test_a_rig_that_is_pulled_out_is_named_and_found_again() -> None:
    async def scene(world: World) -> None:
        await world.verb("plug_in", evse=3)
        world.twin.port.vanish()
        told = await world.refused("state")
        assert str(world.line) in told and ("vanished" in told or "is not there" in told), told
        world.twin.port.appear()
        while "was away in mid-run" not in (told := await world.refused("state")):
            assert "vanished" in told or "is not there" in told
        assert (await world.evse())["plugged"] is False

    play(scene)


def test_garbage_between_the_lines_does_no_harm_and_a_garbled_answer_is_none() -> None:
    async def scene(world: World) -> None:
        late = b'{"id": 0, "ok": true}\n'  # the answer to somebody before us
        world.garble(lambda said: b"\x00\xff boot loader\r\n{]\n[1]\n" + late + said + b"{half a li\n")
        await world.verb("plug_in", evse=3)
        world.garble(lambda said: said.replace(b"ok", b"0k"))
        told = await world.refused("state")
        assert "no answer to `state` within 1 s; what came instead ends with '" in told

    play(scene)


def test_a_bridge_that_was_held_up_tells_that_the_rig_unplugged() -> None:
    async def scene(world: World) -> None:
        await world.verb("plug_in", evse=3)
        time.sleep(2.1)  # noqa: ASYNC251 - holding everything up is the point
        await asyncio.sleep(SETTLED_S)
        assert "heard nothing for 2 s and unplugged its EV" in await world.refused("state")
        assert (await world.evse())["plugged"] is False

    play(scene)


# --- what is no rig ---------------------------------------------------------------------------------------------------------


class Talker:
    """Something else on the port: `says` is called with what it hears."""

    def __init__(self, says: Callable[[bytes], bytes]) -> None:
        self._says = says
        self._said = b""

    def receive(self, data: bytes, now: float) -> None:
        self._said += self._says(data)

    def deadline(self) -> float | None:
        return None

    def take(self, now: float) -> bytes:
        said, self._said = self._said, b""
        return said


def _aged(data: bytes) -> bytes:
    return HandRig().firmware.receive(data).replace(b'"protocol": 1', b'"protocol": 2')


def _lame(data: bytes) -> bytes:
    return HandRig().firmware.receive(data).replace(b'"now_us": 0', b'"now_us": "x"')


NO_RIGS: tuple[tuple[Callable[[bytes], bytes], str], ...] = (
    (lambda data: b"", "no answer to `hello` within 1 s"),
    (lambda data: b"$GPGGA,1,2\r\n", "no answer to `hello` within 1 s; what came instead ends with '$GPGGA"),
    (lambda data: data, "no answer to `hello` within 1 s; what came instead ends with '{"),
    (lambda data: b'{"id": 1, "ok": false, "error": "what?"}\n', "no rig, it answers: what?; is this its port"),
    (lambda data: b'{"id": 1, "ok": true, "rig": "toaster"}\n', "no rig, it calls itself 'toaster'"),
    (_aged, "its firmware 1.0 speaks protocol 2, this program 1: install the folder hil/rig/firmware"),
    (_lame, "no rig, `now_us` of its hello makes no sense"),
)


def test_what_is_no_rig_is_told_in_one_line() -> None:
    async def tried(directory: Path, says: Callable[[bytes], bytes]) -> str:
        port = BenchPort(directory / "tty", [Talker(says)], BAUD, asyncio.get_running_loop())
        port.appear()
        try:
            with pytest.raises(BenchError) as told:
                async with bridged(str(port.path), 1, BUILT, directory / "sock"):
                    pass
        finally:
            port.vanish()
        assert not (directory / "sock").exists()
        return str(told.value)

    async def all_tried(directory: Path) -> list[str]:
        return await asyncio.gather(*(tried(directory / str(n), says) for n, (says, _) in enumerate(NO_RIGS)))

    with short_directory() as directory:
        lines = asyncio.run(all_tried(directory))
    for line, (_, error) in zip(lines, NO_RIGS, strict=True):
        assert error in line and line.startswith("rig ") and "\n" not in line


def test_the_command_names_a_port_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "ttyACM9"), "--socket", str(tmp_path / "s")]) == 5
    assert f"{tmp_path}/ttyACM9 is not there" in capsys.readouterr().err
    assert main([str(tmp_path / "ttyACM9"), "--evse", "9"]) == 2
    assert "has no EVSE 9 (but: 1, 2)" in capsys.readouterr().err


def test_a_board_whose_lock_a_rig_cannot_stand_for_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    board = (ROOT / "hw" / "boards" / "reference.toml").read_text()
    motor = 'type = "motor"\nlock_pin = 18\nunlock_pin = 19\n'
    assert motor in board
    (tmp_path / "solenoid.toml").write_text(board.replace(motor, 'type = "solenoid"\npin = 18\nenergised = "locked"\n'))
    (tmp_path / "pilotline.toml").write_text(f'[station]\nboard = "{tmp_path}/solenoid.toml"\n')
    assert main(["/dev/null", "--config", str(tmp_path / "pilotline.toml")]) == 3
    told = capsys.readouterr().err
    assert "[evse.1.lock]" in told and "a rig stands for no lock of type 'solenoid'" in told


# --- what a rig may say -----------------------------------------------------------------------------------------------------

_STATE = {key: value for key, value in HandRig().do("state").items() if key != "ok"}
_NULLABLE = {"ev": dict, "duty_mpct": int, "proximity_ohm": int}
_WRONG = (
    None,
    True,
    1,
    1.5,
    "x",
    [],
    [1],
    {},
    [[1, 2, "pilot"]],
    [[1, 2, "pilot", None]],
    [[1, 2.5, "ev", "B"]],
    {"asks": 1},
)


@pytest.mark.parametrize("key", [*_STATE, "gone"])
def test_a_state_with_a_wrong_value_is_not_reported(key: str) -> None:
    assert wrong_in(_STATE) == ""
    assert wrong_in({name: value for name, value in _STATE.items() if name != key}) == ("" if key == "gone" else key)
    for value in _WRONG:
        is_kind = type(value) in (type(_STATE.get(key)), _NULLABLE.get(key))
        if key != "gone" and (not is_kind or (key in ("edges", "pilot_mv", "ev") and value)):
            assert wrong_in({**_STATE, key: value}).startswith(key), value


ANSWERS = (
    b'{"ok": true, "id": 7, "edges": [[1200, "relay", true]], "pilot_mv": [9000, -12000]}',
    b'{"ok": false, "error": "no"}',
)


@fuzzed(st.one_of(st.binary(max_size=200), st.sampled_from(ANSWERS)), spoiled)
def test_a_line_is_an_object_or_nothing(frame: bytes) -> None:
    said = parsed(frame)
    assert said is None or isinstance(said, dict)
