"""The bench as a process, met by the real drivers: pages, PWM files, serial ports, socket, kills, power cuts."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from controller.hal import DeviceError, DeviceGone, DeviceSilent, LockMotion, MirrorReading
from controller.logic.indication import Indication, Shown
from drivers import registry
from drivers.bus import Buses
from hil.bench.client import Bench, BenchRefused, BenchUnreachable

pytestmark = [pytest.mark.wire, pytest.mark.timeout(60)]


class Drivers:
    """The real drivers of one EVSE of the mock board, and a thread that kicks the one-shot."""

    def __init__(self, process, evse=1):
        board = process.board
        self.buses = Buses(board.buses, board.adcs)
        self.watchdog = registry.build(board.watchdog, self.buses)
        self.mains = registry.build(board.mains, self.buses)
        self.estop = registry.build(board.estop, self.buses)
        evse_board = board.evses[evse - 1]
        for family in ("pilot_driver", "pilot_sense", "proximity", "contactor", "lock", "residual", "meter"):
            setattr(self, family, registry.build(getattr(evse_board, family), self.buses))
        self.temperature = registry.build(evse_board.temperature, self.buses)
        self.ground = registry.build(evse_board.ground, self.buses)
        self.readers = [registry.build(section, self.buses) for section in board.readers]
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._kick, daemon=True)
        self._thread.start()

    def _kick(self):
        while not self._stopped.wait(0.01):
            self.watchdog.kick()

    def stop_kicking(self):
        self._stopped.set()
        self._thread.join()
        return time.monotonic()

    def pilot(self):
        """Take turns until every channel is fresh."""
        for _ in range(4):
            self.pilot_sense.begin()
            reading = self.pilot_sense.collect()
        return reading

    def close(self):
        self.stop_kicking()
        self.buses.close()


@pytest.fixture
def drivers(bench_process):
    drivers = Drivers(bench_process)
    yield drivers
    with contextlib.suppress(DeviceError, ValueError):
        drivers.close()


def charging(process, drivers, **ev):
    """Bring EVSE 1 to a steady charge by the real drivers."""
    bench = process.bench
    drivers.pilot_driver.steady_high()
    bench.verb("plug_in", evse=1, ev=ev)
    drivers.pilot_driver.pulse(26.6)
    process.until(lambda: drivers.pilot().high_v < 7)
    drivers.contactor.command(True, 1)
    process.until(lambda: bench.evse(1)["current_a"][0] > 0)


def test_real_drivers_and_bench_understand_each_other(bench_process, drivers):
    bench = bench_process.bench
    drivers.pilot_driver.steady_high()
    bench_process.until(lambda: drivers.pilot().high_v > 11.9)
    bench.verb("plug_in", evse=1, cable_a=20)
    bench_process.until(lambda: 8.9 < drivers.pilot().high_v < 9.1)
    drivers.pilot()
    assert drivers.proximity.read().resistance_ohm == pytest.approx(680, rel=0.01)
    drivers.lock.drive(LockMotion.LOCK)
    bench_process.until(drivers.lock.is_locked)
    drivers.lock.drive(LockMotion.REST)
    drivers.pilot_driver.pulse(26.6)
    bench_process.until(lambda: 5.9 < drivers.pilot().high_v < 6.1)
    assert drivers.pilot().low_v == pytest.approx(-12, abs=0.05)
    assert drivers.contactor.mirror() is MirrorReading.OPEN
    drivers.contactor.command(True, 1)
    bench_process.until(lambda: drivers.contactor.mirror() is MirrorReading.CLOSED)
    bench_process.until(lambda: bench.evse(1)["current_a"][0] == pytest.approx(26.6 * 0.6))
    seen = bench.evse(1)
    assert seen["duty_pct"] == pytest.approx(26.6) and seen["advertising"] and seen["locked"]
    state = bench.verb("state")
    assert state["refused_pwm"] == [] and state["one_shot"]["drops"] == 0
    assert drivers.mains.is_active() and not drivers.estop.is_active()


def test_residual_monitor_trips_in_its_self_test_and_by_a_fault(bench_process, drivers):
    drivers.residual.test(True)
    time.sleep(0.25)
    drivers.residual.test(False)
    bench_process.until(drivers.residual.is_tripped, 1.0)
    bench_process.until(lambda: not drivers.residual.is_tripped(), 2.0)
    bench_process.bench.verb("fault", evse=1, kind="rcd")
    bench_process.until(drivers.residual.is_tripped, 0.2)
    bench_process.bench.verb("fault", evse=1, kind="rcd", value="error")
    bench_process.until(drivers.residual.has_error, 0.2)


def test_inputs_and_bus_fault_reach_the_drivers(bench_process, drivers):
    for kind in ("mains", "estop", "adc"):
        bench_process.bench.verb("fault", kind=kind)
    bench_process.until(lambda: drivers.estop.is_active() and not drivers.mains.is_active(), 0.2)
    with pytest.raises(DeviceGone):
        drivers.pilot()
    bench_process.bench.verb("fault", kind="adc", clear=True)
    drivers.pilot()


def test_warmth_and_earth_reach_the_drivers(bench_process, drivers):
    drivers.pilot()
    assert drivers.temperature.read().temperature_c == pytest.approx(25, abs=0.5) and drivers.ground.is_active()
    bench_process.bench.verb("fault", evse=1, kind="over_temperature", value=70)
    bench_process.bench.verb("fault", evse=1, kind="ground")
    bench_process.until(lambda: not drivers.ground.is_active(), 0.2)
    drivers.pilot()
    assert drivers.temperature.read().temperature_c == pytest.approx(70, abs=0.5)


def test_one_shot_opens_within_250_ms_of_the_last_kick(bench_process, drivers):
    charging(bench_process, drivers)
    stopped_at = drivers.stop_kicking()
    bench_process.until(lambda: bench_process.bench.evse(1)["contact"] == "open", 1.0)
    edges = bench_process.bench.evse(1)["edges"]
    supply = next(edge["at_s"] for edge in reversed(edges) if edge["what"] == "relay_supply")
    contact = next(edge["at_s"] for edge in reversed(edges) if edge["what"] == "contact")
    assert supply < contact <= stopped_at + 0.250
    assert not bench_process.bench.evse(1)["advertising"]


def test_bench_that_was_stopped_judges_kicks_by_their_stamps(bench_process, drivers):
    charging(bench_process, drivers)
    bench_process.process.send_signal(signal.SIGSTOP)
    time.sleep(0.6)
    assert drivers.pilot().high_v == pytest.approx(6.0, abs=0.05)  # a stopped bench holds nobody up
    bench_process.process.send_signal(signal.SIGCONT)
    time.sleep(0.05)
    state = bench_process.bench.verb("state")
    assert state["one_shot"]["drops"] == 0 and state["evses"][0]["contact"] == "closed"


def test_edges_are_stamped_with_the_time_of_the_write(bench_process, drivers):
    bench_process.bench.verb("state")
    before = time.monotonic()
    drivers.contactor.command(True, 1)
    after = time.monotonic()
    time.sleep(0.1)
    edge = next(e for e in reversed(bench_process.bench.evse(1)["edges"]) if e["what"] == "command")
    assert before - 1e-6 <= edge["at_s"] <= after
    lines = {(line["role"], line["evse"]): line for line in bench_process.bench.verb("state")["lines"]}
    assert before - 1e-6 <= lines["contactor", 1]["written_at_s"] <= after
    assert lines["contactor", 1]["level"] and lines["contactor", 1]["output"]


def test_lines_stay_driven_when_a_driver_process_is_killed(bench_process):
    code = (
        "import sys, os, signal\n"
        "from pathlib import Path\n"
        "from controller.config import load_board\n"
        "from drivers import registry\n"
        "from drivers.bus import Buses\n"
        f"board = load_board('mock', Path({str(bench_process.run_dir)!r}))\n"
        "buses = Buses(board.buses, board.adcs)\n"
        "driver = registry.build(board.evses[0].pilot_driver, buses)\n"
        "driver.pulse(50.0)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=False)
    time.sleep(0.1)
    seen = bench_process.bench.evse(1)
    assert seen["cp_enable"] and seen["duty_pct"] == pytest.approx(50.0)
    assert not seen["advertising"]  # nobody kicks


def test_meter_is_read_and_its_faults_are_met(bench_process, drivers):
    charging(bench_process, drivers)

    async def poll():
        reading = await drivers.meter.read()
        for _ in range(20):  # on a starved machine the kicks, and with them the current, may have paused
            if reading.current_a[0] > 0:
                break
            reading = await drivers.meter.read()
        assert reading.voltage_v == pytest.approx((230, 230, 230))
        assert reading.current_a[0] == pytest.approx(26.6 * 0.6, abs=0.01)
        assert reading.energy_import_wh >= 1_000_000
        for kind in ("meter_silent", "meter_garbage", "meter_address"):
            value = {"value": 9} if kind == "meter_address" else {}
            await bench_process.bench.verb_async("fault", evse=1, kind=kind, **value)
            with pytest.raises(DeviceError):
                await drivers.meter.read()
            await bench_process.bench.verb_async("fault", evse=1, kind=kind, clear=True)
        await drivers.meter.read()
        await drivers.meter.close()

    asyncio.run(poll())


def test_cards_and_codes_arrive_at_their_readers_also_after_a_replug(bench_process, drivers):
    async def present():
        bench = bench_process.bench
        card, line = drivers.readers
        waiting = [asyncio.create_task(reader.read()) for reader in (card, line)]
        await asyncio.sleep(0.5)
        await bench.verb_async("swipe", token="04A2B3C4D5E680")
        await bench.verb_async("swipe", token="TAG-0815")
        tokens = await asyncio.wait_for(asyncio.gather(*waiting), 5)
        assert [(token.value, token.kind) for token in tokens] == [
            ("04A2B3C4D5E680", "ISO14443"),
            ("TAG-0815", "Local"),
        ]
        again = asyncio.create_task(card.read())
        await asyncio.sleep(0.3)
        await bench.verb_async("fault", kind="reader_gone", value="pn532")
        with pytest.raises((DeviceGone, DeviceSilent)):
            await asyncio.wait_for(again, 10)
        await bench.verb_async("fault", kind="reader_gone", value="pn532", clear=True)
        again = asyncio.create_task(card.read())
        await asyncio.sleep(0.5)
        await bench.verb_async("swipe", token="04FFEEDD")
        assert (await asyncio.wait_for(again, 5)).value == "04FFEEDD"
        for reader in (card, line):
            await reader.close()

    asyncio.run(present())


def test_wrong_line_speed_is_met_with_silence(bench_process):
    import serial

    request = bytes.fromhex("01040000000271cb")
    port = str(bench_process.run_dir / "bench" / "meter1")
    with serial.Serial(port, 19200, timeout=0.3) as line:
        line.write(request)
        assert line.read(9) == b""
    with serial.Serial(port, 9600, timeout=0.5) as line:
        line.write(request)
        assert len(line.read(9)) == 9


def test_power_cut_kills_ours_and_puts_every_line_to_its_boot_state(bench_process, drivers):
    charging(bench_process, drivers)
    drivers.stop_kicking()  # in a real cut this thread would be dead
    victims = {name: subprocess.Popen(["sleep", "60"]) for name in ("safety", "station")}
    for name, victim in victims.items():
        (bench_process.state_dir / f"{name}.pid").write_text(f"{victim.pid}\n")
    energy = bench_process.bench.evse(1)["energy_wh"]
    assert bench_process.bench.verb("power_cut") == {"killed": ["safety", "station"]}
    assert [victim.wait(1) for victim in victims.values()] == [-signal.SIGKILL, -signal.SIGKILL]
    time.sleep(0.05)
    state = bench_process.bench.verb("state")
    assert not any(line["output"] or line["level"] for line in state["lines"])
    seen = state["evses"][0]
    assert (seen["pilot_output"], seen["contact"], seen["plugged"]) == ("E", "open", True)
    assert seen["energy_wh"] >= energy
    assert not (bench_process.run_dir / "bench" / "pwm" / "pwmchip0" / "pwm0").exists()


def test_bench_that_is_restarted_takes_over_the_lines_as_they_stand(bench_process, drivers):
    charging(bench_process, drivers)
    (bench_process.state_dir / "safety.pid").write_text(f"{os.getpid()}\n")
    bench_process.stop(signal.SIGKILL)
    bench_process.start()
    bench_process.until(lambda: bench_process.bench.evse(1)["contact"] == "closed", 2.0)
    seen = bench_process.bench.evse(1)
    assert seen["duty_pct"] == pytest.approx(26.6) and not seen["plugged"]
    # What the drivers read is the new bench's world too: no EV is plugged in, so the pilot is not in C any more.
    bench_process.until(lambda: drivers.pilot().high_v > 11.0, 2.0)
    drivers.contactor.command(False, 1)
    bench_process.until(lambda: drivers.contactor.mirror() is MirrorReading.OPEN, 1.0)


def test_bench_that_finds_no_driver_process_begins_as_after_power_on(bench_process, drivers):
    charging(bench_process, drivers)
    bench_process.stop(signal.SIGKILL)
    bench_process.start()
    seen = bench_process.bench.evse(1)
    assert (seen["pilot_output"], seen["contactor_command"], seen["duty_pct"]) == ("E", False, None)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"hello", "not JSON"),
        (b"[1]", "a request is an object"),
        (b"{}", "`verb` is missing"),
        (b'{"verb": 5}', "`verb` is missing or no text"),
        (b'{"verb": "fly"}', "unknown verb `fly`"),
        (b'{"verb": "plug_in", "evse": 9}', "`evse` must be one of 1, 2, not 9"),
        (b'{"verb": "power_cut", "now": 1}', "unknown key `now`"),
        (b"[" * 100_000, "not JSON"),
    ],
)
def test_bad_line_gets_an_error_and_the_connection_lives_on(bench_process, line, message):
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(5)
        connection.connect(str(bench_process.config.bench_socket))
        answers = connection.makefile("rb")
        connection.sendall(line + b'\n\n{"verb": "state"}\n')
        refused = json.loads(answers.readline())
        assert refused["ok"] is False and message in refused["error"]
        assert json.loads(answers.readline())["ok"] is True


def test_client_tells_refusals_and_absence_apart(bench_process, tmp_path):
    with pytest.raises(BenchRefused, match="unknown verb"):
        bench_process.bench.verb("fly")
    with pytest.raises(BenchUnreachable, match="is the mock bench running"):
        Bench(tmp_path / "none.sock").verb("state")
    with pytest.raises(BenchUnreachable, match=r"none\.sock"):
        asyncio.run(Bench(tmp_path / "none.sock").verb_async("state"))


def test_orderly_stop_ends_with_zero_and_takes_the_socket_away(bench_process):
    assert bench_process.stop() == 0
    assert not bench_process.config.bench_socket.exists()


class TestNetwork:
    @pytest.fixture
    def csms(self):
        """Something that echoes, where the CSMS would be."""
        server = socket.create_server(("127.0.0.1", 0))
        stopped = threading.Event()

        def serve():
            server.settimeout(0.1)
            while not stopped.is_set():
                with contextlib.suppress(TimeoutError):
                    connection, _ = server.accept()
                    threading.Thread(target=echo, args=(connection,), daemon=True).start()

        def echo(connection):
            with contextlib.suppress(OSError), connection:
                while data := connection.recv(100):
                    connection.sendall(data)

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1]
        stopped.set()
        thread.join()
        server.close()

    @pytest.fixture
    def port(self):
        with socket.create_server(("127.0.0.1", 0)) as probe:
            return probe.getsockname()[1]

    @pytest.fixture
    def environment(self, csms, port):
        return {"PILOTLINE_CSMS_FORWARD": f"{port}:127.0.0.1:{csms}"}

    def test_network_down_cuts_connections_and_refuses_new_ones_until_it_is_up(self, bench_process, port):
        with socket.create_connection(("127.0.0.1", port), 5) as connection:
            connection.sendall(b"ping")
            assert connection.recv(100) == b"ping"
            assert bench_process.bench.verb("network", up=False) == {"forwarding": True}
            with contextlib.suppress(ConnectionResetError):
                assert connection.recv(100) == b""
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), 5)
        assert bench_process.bench.verb("state")["network"] is False
        bench_process.bench.verb("network", up=True)
        with socket.create_connection(("127.0.0.1", port), 5) as connection:
            connection.sendall(b"pong")
            assert connection.recv(100) == b"pong"


def test_the_lights_that_the_station_drives_are_seen(bench_process):
    board = bench_process.board
    buses = Buses(board.buses, board.adcs)
    leds = registry.build(board.indicators[1], buses)
    asyncio.run(leds.show((Shown(2, Indication.CHARGING),), 1000.0))
    lit = [(led["evse"], led["role"]) for led in bench_process.bench.verb("state")["leds"] if led["lit"]]
    assert lit == [(2, "led_blue")]
    buses.close()
    assert not any(led["lit"] for led in bench_process.bench.verb("state")["leds"])
