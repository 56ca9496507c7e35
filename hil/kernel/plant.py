"""The outside world in the guest: the chips' registers in one process, the plant and the serial lines' far ends in another.

Between them are the mock bench's pages. The plant's socket speaks as the bench's does.
"""

from __future__ import annotations

import contextlib
import json
import mmap
import multiprocessing
import os
import socket
import termios
import time
import tty
from collections.abc import Sequence
from multiprocessing.sharedctypes import SynchronizedArray
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

from controller.config.board import load_board
from controller.safety.realtime import enter_real_time
from drivers.mock.pages import AnalogPage, GpioPage
from drivers.mock.peer import Peer
from drivers.mock.pn532_peer import Pn532Peer
from drivers.mock.sdm630_peer import Sdm630Peer
from hil.bench.devices import meter_face
from hil.bench.layout import Layout
from hil.bench.world import World
from hil.kernel.registers import GpioRegisters, PwmRegisters, StubAds1115, take_over
from hil.kernel.wiring import ADC_ADDRESS, BOARD, GPIO_CHIP, PWM_CHIP, REGISTERS_BASE, REGISTERS_SIZE, SERIAL_PAIRS
from hil.plant import PlantError

SOCKET = "bench.sock"  # in the run directory, where the bench's own client looks for it
# Of SCHED_FIFO: silicon does not wait for software, the world outside waits for nobody's idle moment.
SILICON_PRIORITY, PLANT_PRIORITY = 90, 40
_LOOK_S = 0.0008
_POLL_S = 0.003
_START_S = 10.0

# The bench's layout knows the board by its pages; here it is told the same board with pages in the place of the buses.
_PAGES = {
    'type = "gpiochip"\nchip_label = "AMDIF031:00"': 'type = "gpio_page"\npage = "{run}/gpio.page"',
    'type = "smbus"\npath = "/dev/i2c-0"': 'type = "i2c_page"\npage = "{run}/analog.page"',
}


def layout_of(directory: Path) -> Layout:
    """Return which line, channel and port of the board is what; writes the board's twin into the directory."""
    text = BOARD.read_text()
    for bus, page in _PAGES.items():
        assert bus in text, bus
        text = text.replace(bus, page)
    twin = directory / "twin.toml"
    twin.write_text(text)
    return Layout.of(load_board(str(twin), directory))


class Wire:
    """The far end of one serial line. path: its device."""

    def __init__(self, path: str, peers: Sequence[Peer], baud: int) -> None:
        self._peers = peers
        self._descriptor = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
        tty.setraw(self._descriptor)
        settings = termios.tcgetattr(self._descriptor)
        settings[4] = settings[5] = getattr(termios, f"B{baud}")
        settings[2] |= termios.CLOCAL
        termios.tcsetattr(self._descriptor, termios.TCSANOW, settings)

    def service(self, now: float) -> None:
        """Hand over what has arrived, and send what is due."""
        with contextlib.suppress(BlockingIOError):
            if data := os.read(self._descriptor, 4096):
                for peer in self._peers:
                    peer.receive(data, now)
        for peer in self._peers:
            if data := peer.take(now):
                os.write(self._descriptor, data)


class Silicon:
    """The chips themselves, between the registers and the plant's pages. Alone in a process above all software."""

    def __init__(self, layout: Layout) -> None:
        from smbus2 import SMBus

        words = _registers()
        self._gpio = GpioRegisters(words[_at(GPIO_CHIP.base) :], GpioPage(layout.gpio_page))
        self._pwm = words[_at(PWM_CHIP.base) :]
        self._adc = StubAds1115(SMBus("/dev/i2c-0"), ADC_ADDRESS, AnalogPage(layout.analog_page))

    def run(self, lateness: SynchronizedArray[float]) -> None:
        """Play until killed. lateness: how many looks came too late for a conversion, and the longest time between two."""
        while True:
            self._adc.serve(time.monotonic())
            self._gpio.sample()
            take_over(self._pwm)
            lateness[0], lateness[1] = self._adc.late, self._adc.longest_gap_s
            time.sleep(_LOOK_S)


class Plant:
    """Everything else outside the processor. directory: for the socket and the pages."""

    def __init__(self, directory: Path, layout: Layout) -> None:
        channel = layout.pwm[0]
        pwm = PwmRegisters(_registers()[_at(PWM_CHIP.base) :])
        self._world = World(layout, fresh=True, pwm={(channel.root, channel.device): pwm})
        plant = self._world.plant
        meter, reader = layout.meters[0], layout.readers[0]
        self._wires = (
            Wire(SERIAL_PAIRS[str(meter.port)], [Sdm630Peer(meter_face(meter, plant))], meter.baud),
            Wire(SERIAL_PAIRS[str(reader.port)], [Pn532Peer(lambda: plant.card(reader.name).present)], reader.baud),
        )
        self._server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._server.bind(str(directory / SOCKET))
        self._server.listen()
        self._server.setblocking(False)

    def run(self) -> None:
        """Play until killed."""
        while True:
            self._world.poll()
            for wire in self._wires:
                wire.service(time.monotonic())
            self._answer()
            time.sleep(_POLL_S)

    def _answer(self) -> None:
        try:
            connection, _ = self._server.accept()
        except BlockingIOError:
            return
        with connection:
            connection.settimeout(1.0)
            request = json.loads(connection.makefile("rb").readline())
            connection.sendall(json.dumps(self._done(request)).encode() + b"\n")

    def _done(self, request: dict[str, Any]) -> dict[str, Any]:
        try:
            answer = self._world.verb(request.pop("verb"), request)
        except PlantError as error:
            return {"ok": False, "error": str(error)}
        return {"ok": True, **answer}


def _registers() -> memoryview[int]:
    """Return the chips' memory as words, mapped as the kernel's drivers have it: uncached."""
    descriptor = os.open("/dev/mem", os.O_RDWR | os.O_SYNC | os.O_CLOEXEC)
    try:
        return memoryview(mmap.mmap(descriptor, REGISTERS_SIZE, offset=REGISTERS_BASE)).cast("I")
    finally:
        os.close(descriptor)


def _at(address: int) -> int:
    return (address - REGISTERS_BASE) // 4


class Players:
    """The two processes that play the outside world. Raises TimeoutError when they are not ready in time."""

    def __init__(self, directory: Path) -> None:
        context = multiprocessing.get_context("fork")  # what is imported need not be read twice
        layout = layout_of(directory)
        self._lateness = context.Array("d", 2)
        self._processes = []
        for play, arguments in ((_play_plant, (directory, layout)), (_play_silicon, (layout, self._lateness))):
            ready = context.Event()
            process = context.Process(target=play, args=(*arguments, ready), daemon=True)
            process.start()
            self._processes.append(process)
            if not ready.wait(_START_S):
                raise TimeoutError("the plant did not start")

    def lateness(self) -> tuple[int, float]:
        """Return how many looks at the chips came too late for a conversion, and the longest time between two, s."""
        return int(self._lateness[0]), self._lateness[1]

    def close(self) -> None:
        for process in self._processes:
            process.kill()
            process.join()


def _play_plant(directory: Path, layout: Layout, ready: Event) -> None:
    plant = Plant(directory, layout)
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(PLANT_PRIORITY))
    ready.set()
    plant.run()


def _play_silicon(layout: Layout, lateness: SynchronizedArray[float], ready: Event) -> None:
    silicon = Silicon(layout)
    enter_real_time()
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(SILICON_PRIORITY))
    ready.set()
    silicon.run(lateness)
