"""What host and guest must agree on: chips and their memory, serial pairs, modules, and the marks on the console."""

from __future__ import annotations

from pathlib import Path

from hil.kernel.acpi import Chip

BOARD = Path(__file__).with_name("board.toml")

MEMORY_MB = 768
REGISTERS_BASE, REGISTERS_SIZE = 0x2F00_0000, 0x10000  # taken from the guest's memory by `memmap`; below MEMORY_MB

# Neither Debian kernel has gpio-sim, gpio-mockup or pwm-gpio. These two drivers it has, and they know their chip by nothing
# but a few registers in memory: the kernel's memory is put there, and the plant plays what the silicon would do with it.
GPIO_CHIP = Chip("GPIO", "AMDIF031", REGISTERS_BASE, 0x100)  # 24 lines
PWM_CHIP = Chip("PWMC", "80865AC8", REGISTERS_BASE + 0x4000, 0x1000)  # 4 channels

# The drivers' end, and the peer's end of the same line.
SERIAL_PAIRS = {"/dev/ttyS1": "/dev/ttyS2", "/dev/ttyS4": "/dev/ttyS5"}
ADC_ADDRESS = 0x48

ROOT_MODULES = ("virtio_pci", "9pnet_virtio", "9p")
DEVICE_MODULES = ("i2c_stub", "i2c_dev", "gpio_amdpt", "pwm_lpss_platform")
PARAMETERS = {"i2c_stub": f"chip_addr={ADC_ADDRESS:#x}"}

MARK = "@@kernel-test "  # begins what the guest tells the host, one JSON object a line
