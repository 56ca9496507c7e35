"""The session in the guest: real safety process, real meter and card drivers, the kernel's devices, the plant behind them.

Every step tells what was seen and whether that is right; the first that is not ends the session. Times are the guest's.
"""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path

from controller.config.board import BoardConfig, load_board
from controller.hal import DeviceError, DeviceGone, TokenRead
from controller.logic.evse import ContactorState, LockState, PilotState
from controller.wiring_station import build_station_devices
from drivers.bus import Buses
from drivers.bus.ads1115 import Ads1115
from drivers.bus.serial_port import SerialPort
from hil.kernel.parties import (
    CONFIG_FILE,
    LIMIT_A,
    RUN,
    STEP_WITHIN_S,
    Safety,
    Station,
    World,
    Wrong,
    coil_written,
    edge_s,
    expect,
    level_name,
    step,
    tell,
)
from hil.kernel.plant import Players
from hil.kernel.wiring import ADC_ADDRESS, BOARD, GPIO_CHIP, PWM_CHIP

TOKEN = "04A2B3C4D5E680"
OPENS_WITHIN_S = 0.100
# After a kill: 250 ms of the one-shot, then the contactor's own time.
DROPS_WITHIN_S = 0.300

_STACK = 1 << 20  # LimitSTACK of the safety process' unit: each thread's stack is locked
_CONFIG = f"""
[station]
identity = "kernel-test"
board = "{BOARD}"
state_dir = "{RUN}/state"
run_dir = "{RUN}/run"
"""


def refusals(board: BoardConfig) -> None:
    """What is not there, or in use, is one DeviceError of our own kind, whatever the kernel's error code."""
    coil = board.evses[0].contactor.settings.pin
    with step("a line that is in use is refused to a second process") as seen:
        buses = Buses(board.buses, board.adcs)
        try:
            buses.output("gpio", coil, "second user")
        except DeviceError as error:
            seen.append(str(error))
        else:
            raise Wrong("it was given away twice")
        finally:
            buses.close()
    with step("a converter that is not on the bus is DeviceGone") as seen:
        section = board.adcs[0]
        buses = Buses(board.buses, board.adcs)
        try:
            adc = Ads1115(replace(section.settings, address=ADC_ADDRESS + 3), buses, "nobody")
            adc.latest(0)
        except DeviceError as error:
            seen.append(str(error))
            expect(isinstance(error, DeviceGone), f"{type(error).__name__} instead")
        else:
            raise Wrong("it gave a reading")
        finally:
            buses.close()


def pwm_rules() -> None:
    """The rules that the mock bench's PWM directory has of the kernel, asked of the kernel, on a channel of no one's."""
    with step("the kernel's PWM files obey the rules that the mock bench plays") as seen:
        chip = next(Path("/sys/class/pwm").glob("pwmchip*"))
        channel = chip / "pwm1"
        (chip / "export").write_text("1")
        seen.append(f"fresh period {(channel / 'period').read_text().strip()}")
        (channel / "duty_cycle").write_text("0")
        (channel / "period").write_text("1000000")
        (channel / "enable").write_text("1")  # later kernels take any duty of a channel that is off
        for path, text in (
            (chip / "export", "1"),
            (chip / "export", "9"),
            (channel / "duty_cycle", "1000001"),
            (channel / "enable", "2"),
            (channel / "polarity", "upside down"),
        ):
            try:
                path.write_text(text)
            except OSError as error:
                seen.append(f"{path.name} {text}: {os.strerror(error.errno or 0)}")
            else:
                raise Wrong(f"{path.name} took {text}")
        (channel / "enable").write_text("0")
        (chip / "unexport").write_text("1")


async def charge(station: Station, world: World, what: str) -> None:
    """Plug in, permit, and see the contactor closed on the kernel's line."""
    with step(f"{what}: plugged in, state B") as seen:
        expect(world.coil_line() == "out lo", f"the coil's line is {world.coil_line()!r} before anything happened")
        await world.bench.verb_async("plug_in", evse=1, ev={"phases": 3})
        facts = await station.until(
            "in state B and locked", lambda f: f.pilot is PilotState.B and f.lock is LockState.LOCKED
        )
        seen.append(f"{facts.high_v:.2f} V through /dev/i2c-0, locked by GPIO, cable {facts.cable_a} A")
    station.permit()
    with step(f"{what}: permitted, the EV asks, the contactor closes") as seen:
        facts = await station.until("closed", lambda f: f.contactor is ContactorState.CLOSED)
        state = await world.until("current", lambda s: s["contact"] == "closed" and max(s["current_a"]) > 10)
        expect(world.coil_line() == "out hi", f"the coil's line is {world.coil_line()!r}")
        expect(abs(state["duty_pct"] - LIMIT_A / 0.6) < 0.5, f"the PWM chip's duty is {state['duty_pct']} %")
        seen.append(f"{facts.high_v:.2f} V, duty {state['duty_pct']:.2f} % at the chip, coil line {world.coil_line()}")
        seen.append(f"{max(state['current_a']):.1f} A")


async def session(board: BoardConfig, world: World) -> None:
    devices = build_station_devices(board)
    station = Station(devices)
    try:
        with step("the safety process is ready on the kernel's devices") as seen:
            safety = Safety()
            seen.append(f"GPIO {GPIO_CHIP.device}, PWM {PWM_CHIP.device}")
        threads, resident_mib = safety.size()
        tell(figure="safety_threads", value=threads)
        tell(figure="safety_resident_mib", value=round(resident_mib, 1))
        refusals(board)
        pwm_rules()
        async with station.connected():
            await _first(station, world)
            await _second(safety, station, world)
        await _restart(world)
    finally:
        await station.reader.close()
        await station.meter.close()
        devices.buses.close()


async def _first(station: Station, world: World) -> None:
    """A to C to A."""
    with step("state A, nothing energised") as seen:
        facts = await station.until(
            "in state A", lambda f: f.pilot is PilotState.A and f.contactor is ContactorState.OPEN
        )
        seen.append(f"{facts.high_v:.2f} V, coil line {world.coil_line()}")
    with step("a card is read through a serial port (PN532)") as seen:
        reading = asyncio.create_task(station.reader.read())
        await asyncio.sleep(1.0)
        await world.bench.verb_async("swipe", token=TOKEN)
        read = await asyncio.wait_for(reading, STEP_WITHIN_S)
        token = read.value if isinstance(read, TokenRead) else read.why
        seen.append(token)
        expect(token == TOKEN, f"not {TOKEN}")
    with step("a serial port that is in use is refused to a second user") as seen:
        other = SerialPort("/dev/ttyS4", 115200, "second user", time.monotonic)
        try:
            other.open()
        except DeviceError as error:
            seen.append(str(error))
        else:
            other.close()
            raise Wrong("it was opened twice")
    with step("the meter is read through a serial port (Modbus RTU)") as seen:
        measured = await asyncio.wait_for(station.meter.read(), STEP_WITHIN_S)
        shown = (await world.state())["meter"]
        seen.append(f"{measured.energy_import_wh} Wh, {measured.voltage_v[0]:.1f} V")
        expect(abs(measured.energy_import_wh - shown["energy_wh"]) < 10, f"the meter shows {shown}")
    await charge(station, world, "first session")
    with step("the meter's current is what flows") as seen:
        await asyncio.sleep(2.0)
        measured, state = await station.meter.read(), await world.state()
        seen.append(f"{measured.current_a[0]:.2f} A of {state['current_a'][0]:.2f} A")
        expect(abs(measured.current_a[0] - state["current_a"][0]) < 0.5, "another current")
    with step(f"unplugged: the contactor opens within {OPENS_WITHIN_S * 1000:.0f} ms") as seen:
        await world.bench.verb_async("unplug", evse=1)
        facts = await station.until(
            "open in A", lambda f: f.pilot is PilotState.A and f.contactor is ContactorState.OPEN
        )
        state = await world.until("an open contact", lambda s: s["contact"] == "open")
        is_high, at_s = coil_written(state)
        took_s = at_s - edge_s(state, "ev", "A", None)
        seen.append(f"coil line low after {took_s * 1000:.1f} ms, {world.coil_line()}, {facts.high_v:.2f} V")
        tell(figure="unplug_to_coil_low_ms", value=round(took_s * 1000, 2))
        expect(not is_high and world.coil_line() == "out lo", "the line is not low")
        expect(took_s <= OPENS_WITHIN_S, "too late")
    station.withdraw()


async def _second(safety: Safety, station: Station, world: World) -> None:
    await charge(station, world, "second session")
    with step(f"killed while charging: dark within {DROPS_WITHIN_S * 1000:.0f} ms, by the one-shot alone") as seen:
        killed_s = time.monotonic()
        safety.end(signal.SIGKILL)
        station.withdraw()
        state = await world.until("an open contact", lambda s: s["contact"] == "open")
        took_s = edge_s(state, "contact", False) - killed_s
        seen.append(f"open after {took_s * 1000:.0f} ms; the kernel leaves the coil's line {level_name(state)}")
        tell(figure="kill_to_open_ms", value=round(took_s * 1000, 2))
        expect(took_s <= DROPS_WITHIN_S, "too late")
    with step("safe-outputs lets go of what the kernel kept driven") as seen:
        command = [sys.executable, "-P", "-m", "controller", "safe-outputs", "--config", str(CONFIG_FILE)]
        ended = await asyncio.create_subprocess_exec(*command)
        code = await ended.wait()
        state = await world.state()
        seen.append(f"exit code {code}, coil line {level_name(state)}")
        expect(code == 0 and level_name(state) == "low", "the line stayed high")
    await world.bench.verb_async("unplug", evse=1)


async def _restart(world: World) -> None:
    with step("restarted, and stopped in good order: everything is let go of") as seen:
        safety = Safety()
        await asyncio.sleep(2.0)
        code = safety.end(signal.SIGTERM)
        state = await world.state()
        driven = [line["role"] for line in state["lines"] if line["output"]]
        seen.append(f"exit code {code}, lines still driven: {', '.join(driven) or 'none'}")
        seen.append((RUN / "safety.log").read_text().splitlines()[-1])
        expect(code == 0 and not driven, "not let go")


def main() -> int:
    RUN.mkdir()
    os.chdir("/")
    CONFIG_FILE.write_text(_CONFIG)
    board = load_board(str(BOARD), RUN)
    resource.setrlimit(resource.RLIMIT_STACK, (_STACK, _STACK))
    tell(say=f"kernel {os.uname().release} is up")
    players = None
    try:
        with step("the plant plays the chips") as seen:
            players = Players(RUN)
            seen.append("GPIO and PWM registers in memory, i2c-stub, two 16550 lines")
        asyncio.run(session(board, World(board)))
        late, longest_s = players.lateness()
        tell(figure="late_looks_at_the_chips", value=late)
        tell(figure="longest_time_between_looks_ms", value=round(longest_s * 1000, 2))
        tell(done=True)
        return 0
    except Wrong:
        if (RUN / "safety.log").exists():
            for line in (RUN / "safety.log").read_text().splitlines()[-12:]:
                print(f"safety: {line}", flush=True)
        tell(done=False)
        return 1
    finally:
        if players is not None:
            players.close()


if __name__ == "__main__":
    sys.exit(main())
