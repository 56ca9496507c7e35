"""What runs on the rig's RP2040, under MicroPython: an EV of resistors and relays that answers the bench's verbs over USB.

Only `pico` and `pulses` know the hardware; the other modules are pure and run on CPython as well, where they are tested. The subset of
Python that both understand: no dataclasses, no match, no typing at run time. Times are whole microseconds, volts whole millivolts,
duties whole thousandths of a percent: MicroPython's floats have 24 bits there, which is not enough to tell a microsecond.
"""
