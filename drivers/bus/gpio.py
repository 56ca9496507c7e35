"""The GPIO lines of a Raspberry Pi, through libgpiod. The chip is found by its label."""

from __future__ import annotations

import errno
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from controller.hal import DeviceGone, setting

if TYPE_CHECKING:
    import gpiod

    from drivers.bus import Edge

# The 40-pin header of a Pi 5, of a Pi 4, of a Pi 3 or Zero 2 W. Chip numbers differ between kernels, labels do not.
HEADER_LABELS = ("pinctrl-rp1", "pinctrl-bcm2711", "pinctrl-bcm2835")
EDGES = 1024  # that the kernel keeps for us, the most it can
_CONSUMER = "pilotline"


class GpiochipBus:
    """Gives the lines of one GPIO chip."""

    @dataclass(frozen=True)
    class Settings:
        chip_label: str = setting(
            "Label of the GPIO chip as `gpiodetect` prints it; `auto` takes the 40-pin header of any Raspberry Pi.",
            default="auto",
        )

    def __init__(self, settings: Settings, where: str) -> None:
        self._settings = settings
        self._where = where

    def chip(self) -> Gpiochip:
        """Open the chip. Raises DeviceGone."""
        try:
            import gpiod
        except ImportError as error:
            problem = "the Python module gpiod is missing"
            raise DeviceGone(f"GPIO of {self._where}", problem, "pip install 'pilotline[pi]'") from error
        number = chip_number(chip_labels(), self._settings.chip_label, self._where)
        try:
            return Gpiochip(gpiod.Chip(f"/dev/gpiochip{number}"))
        except OSError as error:
            raise DeviceGone(
                f"/dev/gpiochip{number} of {self._where}",
                f"cannot be opened: {error}",
                "is the user in the group gpio?",
            ) from error


class Gpiochip:
    """Implements `drivers.bus.GpioChip`."""

    def __init__(self, chip: gpiod.Chip) -> None:
        self._chip = chip

    def output(self, line: int) -> GpiochipPin:
        from gpiod.line import Direction, Value

        return self._requested(line, direction=Direction.OUTPUT, output_value=Value.INACTIVE)

    def input(self, line: int, pull: str, *, edges: bool = False) -> GpiochipPin:
        from gpiod.line import Bias, Clock, Direction, Edge

        bias = {"up": Bias.PULL_UP, "down": Bias.PULL_DOWN, "none": Bias.DISABLED}[pull]
        watched = {"edge_detection": Edge.BOTH, "event_clock": Clock.MONOTONIC} if edges else {}
        return self._requested(line, direction=Direction.INPUT, bias=bias, **watched)

    def _requested(self, line: int, **settings: object) -> GpiochipPin:
        import gpiod

        if not 0 <= line < self._chip.get_info().num_lines:
            raise OSError(errno.EINVAL, "no such line")
        wanted = gpiod.LineSettings(**settings)  # type: ignore[arg-type]
        return GpiochipPin(self._chip.request_lines({line: wanted}, consumer=_CONSUMER, event_buffer_size=EDGES), line)

    def close(self) -> None:
        self._chip.close()


class GpiochipPin:
    """Implements `drivers.bus.GpioPin`: one line, which nobody else has until it is closed."""

    def __init__(self, request: gpiod.LineRequest, line: int) -> None:
        from gpiod.line import Value

        self._request = request
        self._line = line
        self._low, self._high = Value.INACTIVE, Value.ACTIVE
        self._seen = 0  # number of the last edge

    def read(self) -> bool:
        return self._request.get_value(self._line) is self._high

    def write(self, high: bool) -> None:
        self._request.set_value(self._line, self._high if high else self._low)

    def edges(self) -> list[Edge]:
        from drivers.bus import Edge

        found = []
        while self._request.wait_edge_events(0):
            found += self._request.read_edge_events()
        if not found:
            return []
        before, self._seen = self._seen, found[-1].line_seqno
        if self._seen - before != len(found):
            raise OSError(errno.EOVERFLOW, f"more than {EDGES} edges since they were last read: noise")
        return [Edge(event.event_type is event.Type.RISING_EDGE, event.timestamp_ns / 1e9) for event in found]

    def close(self) -> None:
        """An output is an input afterwards: the kernel leaves a line that is merely let go of as it was driven."""
        import gpiod
        from gpiod.line import Direction

        try:
            self._request.reconfigure_lines({self._line: gpiod.LineSettings(direction=Direction.INPUT)})
        finally:
            self._request.release()


def chip_labels(devices: Path = Path("/dev")) -> dict[int, str]:
    """Return number -> label of every GPIO chip that may be read."""
    import gpiod

    labels: dict[int, str] = {}
    for path in devices.glob("gpiochip*"):
        number = re.fullmatch(r"gpiochip(\d+)", path.name)
        if number is None:
            continue
        try:
            with gpiod.Chip(str(path)) as chip:
                labels[int(number[1])] = chip.get_info().label
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
