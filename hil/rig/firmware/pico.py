# mypy: ignore-errors
"""The rig's pins on a Raspberry Pi Pico, and the loop that runs there. The wiring behind each pin is in the rig's README."""

import os
import select
import sys
import time
from array import array

import machine
import micropython
from rp2 import StateMachine

from .pulses import CLOCK_HZ, COUNT_NS, HIGH_EXTRA, LOW_EXTRA, measure_periods
from .rig import INPUTS, OUTPUTS, Rig

# Name -> GPIO. Every output drives a relay or an opto-coupler; all are off while the Pico starts, which is: nothing plugged in.
OUTPUT_PINS = {
    "plug": 2,
    "s2_c": 3,
    "s2_d": 4,
    "diode_short": 5,
    "cp_short": 6,
    "cp_short_after_diode": 7,
    "pp_1500": 8,
    "pp_680": 9,
    "pp_220": 10,
    "pp_100": 11,
    "pp_3000": 12,
    "pe_break": 13,
    "mains_absent": 14,
    "estop": 15,
    "rcd_trip": 16,
    "rcd_error": 17,
    "locked": 18,
}
INPUT_PINS = {"contact": 19, "command": 20, "relay_supply": 21, "rcd_test": 22, "lock": 0, "unlock": 1}
PULSE_PIN = 28
PILOT_ADC_PIN = 26
LED_PIN = 25

# Volts of the pilot = volts of the pin x 8 - 13.2, as on the reference wiring.
DIVIDER = 8
OFFSET_MV = 13_200
REFERENCE_MV = 3_300

SAMPLES = 160  # of a burst, 7 us each or more: longer than a period of the pilot
KEPT_EDGES = 64
HANG_MS = 2_000  # without a pass of the loop for so long, the Pico starts anew


class PicoPins:
    """Edges of inputs are stamped by interrupts, in a ring that is allocated once: an interrupt must not allocate."""

    def __init__(self):
        self.boot_id = int.from_bytes(os.urandom(4), "big") >> 2
        self._us = 0
        self._ticks = time.ticks_us()
        self._outputs = {name: machine.Pin(pin, machine.Pin.OUT, value=0) for name, pin in OUTPUT_PINS.items()}
        self._inputs = [machine.Pin(INPUT_PINS[name], machine.Pin.IN, machine.Pin.PULL_DOWN) for name in INPUTS]
        self._edge_ticks = array("I", [0] * KEPT_EDGES)
        self._edge_codes = array("B", [0] * KEPT_EDGES)
        self._written = 0
        self._read = 0
        for number, pin in enumerate(self._inputs):
            pin.irq(self._handler(number), machine.Pin.IRQ_RISING | machine.Pin.IRQ_FALLING, hard=True)
        self._adc = machine.ADC(PILOT_ADC_PIN)
        self._samples = array("H", [0] * SAMPLES)
        pulse_pin = machine.Pin(PULSE_PIN, machine.Pin.IN)
        self._machine = StateMachine(0, measure_periods, freq=CLOCK_HZ, in_base=pulse_pin, jmp_pin=pulse_pin)
        self._machine.active(1)

    def _handler(self, number):
        def note(pin, number=number, ring=self):
            at = ring._written % KEPT_EDGES
            ring._edge_ticks[at] = time.ticks_us()
            ring._edge_codes[at] = number * 2 + pin.value()
            ring._written = (ring._written + 1) & 0xFFFFFF

        return note

    def now_us(self):
        """Time since the start, which goes on where the ticks begin anew (every 18 minutes)."""
        ticks = time.ticks_us()
        self._us += time.ticks_diff(ticks, self._ticks)
        self._ticks = ticks
        return self._us

    def set(self, name, level):
        self._outputs[name].value(level)

    def get(self, name):
        return self._inputs[INPUTS.index(name)].value()

    def edges(self):
        """Where more came than the ring keeps, the levels of now stand for what was lost."""
        now = self.now_us()
        written = self._written
        waiting = (written - self._read) & 0xFFFFFF
        if waiting > KEPT_EDGES:
            self._read = written
            return [(now, name, self.get(name)) for name in INPUTS]
        found = []
        for _ in range(waiting):
            at = self._read % KEPT_EDGES
            code = self._edge_codes[at]
            age = time.ticks_diff(self._ticks, self._edge_ticks[at])
            found.append((now - max(0, age), INPUTS[code >> 1], code & 1))
            self._read = (self._read + 1) & 0xFFFFFF
        return found

    def pulse(self):
        word = None
        while self._machine.rx_fifo():
            word = self._machine.get()
        if word is None:
            return None
        high = (word >> 16) + HIGH_EXTRA
        low = (word & 0xFFFF) + LOW_EXTRA
        return (self.now_us(), high * COUNT_NS, (high + low) * COUNT_NS)

    def samples_mv(self):
        read, samples = self._adc.read_u16, self._samples
        for index in range(SAMPLES):
            samples[index] = read()
        return [each * REFERENCE_MV // 65_535 * DIVIDER - OFFSET_MV for each in samples]

    def all_off(self):
        for pin in self._outputs.values():
            pin.value(0)


def run():
    """Serve the host until Ctrl-C on the line, which gives the prompt back. Whatever ends it, all relays are off."""
    micropython.alloc_emergency_exception_buf(100)
    assert set(OUTPUT_PINS) == set(OUTPUTS) and set(INPUT_PINS) == set(INPUTS)
    pins = PicoPins()
    led = machine.Pin(LED_PIN, machine.Pin.OUT)
    hang_guard = machine.WDT(timeout=HANG_MS)
    try:
        serve(Rig(pins), led, hang_guard)
    finally:
        pins.all_off()
        # Nothing stops a hang guard that runs: without this, the prompt would have two seconds.
        machine.Timer(period=HANG_MS // 4, callback=lambda timer: hang_guard.feed())


def serve(rig, led, hang_guard):
    waiting = select.poll()
    waiting.register(sys.stdin.buffer, select.POLLIN)
    while True:
        hang_guard.feed()
        rig.step()
        led.value(rig.ev is not None)
        data = b""
        while len(data) < 256 and waiting.poll(0):
            data += sys.stdin.buffer.read(1)
        if data:
            said = rig.receive(data)
            if said:
                sys.stdout.buffer.write(said)
