"""Goes to the root of the RP2040's flash, beside the folder `firmware`, and runs at every start."""

from firmware.pico import run  # type: ignore[import-not-found]

run()
