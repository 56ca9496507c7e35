"""The GPIO lines of a Raspberry Pi, through gpiozero with the lgpio backend. The chip is found by its label."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from controller.hal import DeviceGone, setting

# The 40-pin header of a Pi 5, of a Pi 4, of a Pi 3 or Zero 2 W. Chip numbers differ between kernels, labels do not.
HEADER_LABELS = ("pinctrl-rp1", "pinctrl-bcm2711", "pinctrl-bcm2835")

_GPIO_GET_CHIPINFO_IOCTL = 0x8044B401  # struct gpiochip_info { char name[32]; char label[32]; __u32 lines; }


class GpiozeroBus:
    """Gives the pin factory of one GPIO chip."""

    @dataclass(frozen=True)
    class Settings:
        chip_label: str = setting(
            "Label of the GPIO chip as `gpiodetect` prints it; `auto` takes the 40-pin header of any Raspberry Pi.",
            default="auto",
        )

    def __init__(self, settings: Settings, where: str) -> None:
        self._settings = settings
        self._where = where

    def factory(self) -> Any:
        """Open the chip and return a gpiozero pin factory. Raises DeviceGone."""
        chip = chip_number(chip_labels(), self._settings.chip_label, self._where)
        try:
            with _room_for_a_pipe():
                from gpiozero.pins.lgpio import LGPIOFactory  # type: ignore[import-untyped]
        except ImportError as error:
            raise DeviceGone(
                f"GPIO of {self._where}",
                "the Python module lgpio is missing",
                "apt install python3-lgpio, and make the venv with --system-site-packages",
            ) from error
        except OSError as error:
            raise DeviceGone(
                f"GPIO of {self._where}", f"lgpio cannot make its pipe: {error.strerror}", "is /tmp full or read-only?"
            ) from error
        import lgpio  # type: ignore[import-not-found]

        try:
            return LGPIOFactory(chip=chip)
        except (lgpio.error, OSError) as error:
            raise DeviceGone(
                f"/dev/gpiochip{chip} of {self._where}", f"cannot be opened: {error}", "is the user in the group gpio?"
            ) from error


@contextlib.contextmanager
def _room_for_a_pipe() -> Iterator[None]:
    """Let lgpio make its named pipe in a directory of its own while it is imported. Raises OSError.

    It makes one for alerts, which nobody here uses, where LG_WD says or else in the working directory, and a service's is `/`,
    where it may not write. With LG_WD it also moves the whole process there.
    """
    import tempfile

    home, wish = os.getcwd(), os.environ.get("LG_WD")
    with tempfile.TemporaryDirectory(prefix="pilotline-gpio-") as directory:
        os.environ["LG_WD"] = directory
        try:
            yield
        finally:
            os.chdir(home)
            del os.environ["LG_WD"]
            if wish is not None:
                os.environ["LG_WD"] = wish


def chip_labels(devices: Path = Path("/dev")) -> dict[int, str]:
    """Return number -> label of every GPIO chip that may be read."""
    labels: dict[int, str] = {}
    for path in devices.glob("gpiochip*"):
        number = re.fullmatch(r"gpiochip(\d+)", path.name)
        if number is None:
            continue
        try:
            labels[int(number[1])] = _label(path)
        except OSError:
            continue  # a chip that we may not open cannot be the one to use
    return labels


def chip_number(labels: Mapping[int, str], wanted: str, where: str) -> int:
    """Return the chip with the wanted label, or of the header for `auto`. Raises DeviceGone naming those there are."""
    accepted = HEADER_LABELS if wanted == "auto" else (wanted,)
    for number in sorted(labels):
        if labels[number] in accepted:
            return number
    found = ", ".join(f"gpiochip{number} {label}" for number, label in sorted(labels.items())) or "none"
    raise DeviceGone(
        f"GPIO chip {' or '.join(accepted)} of {where}", f"not found among: {found}", "`gpiodetect` lists the labels"
    )


def _label(path: Path) -> str:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        info = bytearray(68)
        fcntl.ioctl(descriptor, _GPIO_GET_CHIPINFO_IOCTL, info)
    finally:
        os.close(descriptor)
    return bytes(info[32:64]).split(b"\0", 1)[0].decode("ascii", "replace")
