"""The real drivers against a real kernel's devices: a Debian kernel in QEMU, whose chips are played by the plant.

Host side: `packages` (QEMU, kernel), `modules`, `cpio`, `acpi`, `image` and `machine` boot it; `__main__` judges.
Guest side: `registers` and `plant` play the chips and the far ends of the serial lines, `guest` runs the session.
"""
