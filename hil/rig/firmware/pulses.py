# mypy: ignore-errors
# ruff: noqa: F821
"""The program of the RP2040's state machine that measures each period of the pilot's PWM, whatever MicroPython is doing.

At 16 MHz a pass of either loop takes two cycles, so a count is an eighth of a microsecond. A period gives one word: the count of its
high part in the upper 16 bits, of its low part in the lower ones. A part longer than 8 ms overflows; its period is out of range, and
of no use. Names of instructions are in the scope of a decorated function only.
"""

from rp2 import PIO, asm_pio

CLOCK_HZ = 16_000_000
COUNT_NS = 125
HIGH_EXTRA = 2  # counts of a period's high part that its instructions between the loops take, rounded
LOW_EXTRA = 2


@asm_pio(in_shiftdir=PIO.SHIFT_LEFT, fifo_join=PIO.JOIN_RX)
def measure_periods():
    wait(0, pin, 0)
    wait(1, pin, 0)
    wrap_target()
    mov(x, invert(null))
    label("high")
    jmp(x_dec, "still_high")
    label("still_high")
    jmp(pin, "high")
    mov(x, invert(x))
    in_(x, 16)
    mov(x, invert(null))
    label("low")
    jmp(pin, "done")
    jmp(x_dec, "low")
    label("done")
    mov(x, invert(x))
    in_(x, 16)
    push(noblock)
    wrap()
