"""Measurements from outside: real processes, the clock, /proc. Each is set against the machine it ran on."""
