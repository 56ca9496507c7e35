"""A life of the rig's firmware that CPython and MicroPython must tell alike. Prints each answer as a line."""

import sys

sys.path.insert(0, ".")

from firmware.rig import INPUTS, Rig


class Pins:
    boot_id = 7

    def __init__(self):
        self.us = 1_100_000_000  # beyond what fits a small integer there
        self.output = "X1"
        self.on = []
        self._edges = []

    def now_us(self):
        return self.us

    def set(self, name, level):
        if level:
            self.on.append(name)
        elif name in self.on:
            self.on.remove(name)

    def get(self, name):
        return False

    def edges(self):
        found, self._edges = self._edges, []
        return found

    def pulse(self):
        return None if self.output == "X1" else (self.us, self.output * 10_000, 1_000_000)

    def samples_mv(self):
        return [12_000, 11_990, 12_010] if self.output == "X1" else [12_000] * 40 + [-12_000] * 60

    def drive(self, name, level):
        assert name in INPUTS
        self._edges.append((self.us, name, level))


pins = Pins()
rig = Rig(pins)


def say(text):
    for line in rig.receive(text.encode() + b"\n").split(b"\n"):
        if line:
            print(line.decode())
    print(",".join(sorted(pins.on)))


def wait(seconds):
    for _ in range(seconds * 100):
        pins.us += 10_000
        rig.step()
    say('{"verb": "state", "id": 1}')


for wrong in (
    "",
    "x",
    "[1]",
    "{}",
    '{"verb": 3}',
    '{"verb": "dance"}',
    '{"verb": "plug_in"}',
    "[" * 900,
    "y" * 3000,
    "é",
):
    say(wrong)
say('{"verb": "hello", "id": 1}')
say('{"verb": "abilities"}')
say('{"verb": "plug_in", "evse": true}')
say('{"verb": "plug_in", "evse": 1, "ev": {"max_a": true}}')
say('{"verb": "plug_in", "evse": 1, "ev": {"bcb": 1, "phases": 3, "max_a": 16.5}, "cable_a": 20}')
pins.drive("lock", True)
wait(1)
pins.output = 50
wait(1)
wait(1)
pins.drive("command", True)
pins.drive("contact", True)
wait(1)
wait(1)
for kind in ("diode", "cp_short", "rcd", "ground", "mains", "estop", "lock_jam"):
    say('{"verb": "fault", "evse": 1, "kind": "' + kind + '"}')
say('{"verb": "fault", "evse": 1, "kind": "pp_ohm", "value": 3000.0}')
say('{"verb": "fault", "evse": 1, "kind": "weld"}')
wait(1)
pins.output = "X1"
say('{"verb": "ev", "evse": 1, "pilot": "D", "draw_a": 3.5}')
wait(1)
for number in range(600):
    pins.us += 1000
    pins.drive("contact", number % 2 == 0)
    rig.step()
say('{"verb": "state", "after": 3, "id": 2}')
wait(3)  # longer than the host may be silent
