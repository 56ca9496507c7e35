"""The state machine's program on a model of the state machine, one cycle at a time.

Source: RP2040 datasheet §3.4 (instruction set): JMP, WAIT, IN, PUSH and MOV take a cycle each, WAIT until it is satisfied.
"""

from __future__ import annotations

import importlib
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

import pytest

WORD = 0xFFFFFFFF
CYCLES_A_US = 16


class Assembled:
    """Instructions as (name, arguments), labels and wrap as indices."""

    def __init__(self, program: Callable[[], None], options: dict[str, Any]) -> None:
        self.options = options
        self.code: list[tuple[str, tuple[Any, ...]]] = []
        self.labels: dict[str, int] = {}
        self.wraps = [0, 0]
        scope: dict[str, Any] = {name: name for name in ("x", "pin", "null", "x_dec", "noblock")}
        scope |= {name: self._instruction(name) for name in ("wait", "jmp", "mov", "in_", "push")}
        scope["invert"] = lambda value: ("invert", value)
        scope["label"] = lambda name: self.labels.__setitem__(name, len(self.code))
        scope["wrap_target"] = lambda: self.wraps.__setitem__(0, len(self.code))
        scope["wrap"] = lambda: self.wraps.__setitem__(1, len(self.code))
        types.FunctionType(program.__code__, scope)()

    def _instruction(self, name: str) -> Callable[..., None]:
        return lambda *args: self.code.append((name, args))


@pytest.fixture(scope="module")
def pulses() -> Iterator[Any]:
    """The firmware's module, with an rp2 that assembles."""
    pio = types.SimpleNamespace(SHIFT_LEFT=0, JOIN_RX=2)
    rp2 = types.ModuleType("rp2")
    rp2.PIO = pio  # type: ignore[attr-defined]
    rp2.asm_pio = lambda **options: lambda program: Assembled(program, options)  # type: ignore[attr-defined]
    sys.modules["rp2"] = rp2
    try:
        yield importlib.import_module("hil.rig.firmware.pulses")
    finally:
        del sys.modules["rp2"], sys.modules["hil.rig.firmware.pulses"]


def run(program: Assembled, level: Callable[[int], bool], cycles: int) -> list[int]:
    """Return the words that the program pushed while the pin was as `level` says."""
    x = isr = at = cycle = 0
    pushed: list[int] = []
    while cycle < cycles:
        name, args = program.code[at]
        pin = level(cycle)
        cycle += 1
        after = at + 1
        if name == "wait":
            if pin is not bool(args[0]):
                continue
        elif name == "jmp":
            condition, target = args
            taken = pin if condition == "pin" else x != 0
            if condition == "x_dec":
                x = (x - 1) & WORD
            after = program.labels[target] if taken else after
        elif name == "mov":
            _, (_, source) = args
            x = ~(x if source == "x" else 0) & WORD
        elif name == "in_":
            isr = ((isr << args[1]) | (x & ((1 << args[1]) - 1))) & WORD
        else:
            pushed.append(isr)
            isr = 0
        at = program.wraps[0] if after == program.wraps[1] else after
    return pushed


@pytest.mark.parametrize("duty_pct", [3.0, 5.0, 10.0, 16.6, 26.6, 50.0, 85.0, 96.0, 97.0])
@pytest.mark.parametrize("period_us", [980, 1000, 1020])
def test_every_period_is_measured_within_half_a_microsecond(pulses: Any, duty_pct: float, period_us: int) -> None:
    period = period_us * CYCLES_A_US
    high = round(period * duty_pct / 100)
    words = run(pulses.measure_periods, lambda cycle: cycle % period < high, 5 * period)
    assert len(words) >= 3
    for word in words:
        high_ns = ((word >> 16) + pulses.HIGH_EXTRA) * pulses.COUNT_NS
        whole_ns = high_ns + ((word & 0xFFFF) + pulses.LOW_EXTRA) * pulses.COUNT_NS
        assert high_ns == pytest.approx(high * 1000 / CYCLES_A_US, abs=250)
        assert whole_ns == pytest.approx(period_us * 1000, abs=250)


@pytest.mark.parametrize("level", [True, False])
def test_a_steady_line_gives_nothing(pulses: Any, level: bool) -> None:
    assert run(pulses.measure_periods, lambda cycle: level, 50_000) == []


def test_it_shifts_the_high_part_into_the_upper_half(pulses: Any) -> None:
    assert pulses.measure_periods.options == {"in_shiftdir": 0, "fifo_join": 2}
    assert pulses.CLOCK_HZ == CYCLES_A_US * 1_000_000
