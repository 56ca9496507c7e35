"""GPIO lines with our errors: what drivers see of a chip's pins."""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import TYPE_CHECKING

from controller.hal import DeviceError, DeviceGone

if TYPE_CHECKING:
    from drivers.bus import Edge, GpioChip, GpioPin


class _LetGo:
    """In the place of a pin that was closed."""

    def read(self) -> bool:
        raise OSError(errno.EBADF, "the line was let go of")

    def write(self, high: bool) -> None:
        raise OSError(errno.EBADF, "the line was let go of")

    def edges(self) -> list[Edge]:
        raise OSError(errno.EBADF, "the line was let go of")

    def close(self) -> None:
        """Nothing is held."""


_LET_GO: GpioPin = _LetGo()


class OutputLine:
    """An active-high output. It starts low, is low again after `close`, and is then left as an input."""

    def __init__(self, chip: GpioChip, pin: int, where: str) -> None:
        self._device_name = f"GPIO{pin} of {where}"
        self._pin = _opened(self._device_name, lambda: chip.output(pin))
        self._is_high = False

    @property
    def is_high(self) -> bool:
        """The level last set."""
        return self._is_high

    def set(self, high: bool) -> None:
        """Drive the line. Writes every time: a level that something else disturbed is restored by the next pass."""
        try:
            self._pin.write(high)
        except OSError as error:
            raise DeviceError(self._device_name, f"cannot be driven: {error}") from error
        self._is_high = high

    def release(self) -> None:
        """Drive low and let go of the line."""
        if self._pin is not _LET_GO:
            try:
                self.set(False)
            finally:
                pin, self._pin = self._pin, _LET_GO
                pin.close()


class InputLine:
    """An input. `is_active` is True at the level the settings call active."""

    def __init__(
        self, chip: GpioChip, pin: int, where: str, *, active_low: bool, pull: str, edges: bool = False
    ) -> None:
        self._device_name = f"GPIO{pin} of {where}"
        self._pin = _opened(self._device_name, lambda: chip.input(pin, pull, edges=edges))
        self._active_low = active_low

    def is_active(self) -> bool:
        """Read the line. Raises DeviceError."""
        try:
            return self._pin.read() is not self._active_low
        except OSError as error:
            raise DeviceError(self._device_name, f"cannot be read: {error}") from error

    def edges(self) -> list[tuple[bool, float]]:
        """Return every change since the last call: whether it became active, and when, in monotonic seconds by the kernel's stamp.

        Raises DeviceError; also where there were more than the kernel keeps, which are lost then.
        """
        try:
            return [(edge.is_high is not self._active_low, edge.at_s) for edge in self._pin.edges()]
        except OSError as error:
            raise DeviceError(self._device_name, f"cannot be watched: {error}", "its wire and its pull") from error

    def release(self) -> None:
        pin, self._pin = self._pin, _LET_GO
        pin.close()


def _opened(name: str, make: Callable[[], GpioPin]) -> GpioPin:
    try:
        return make()
    except OSError as error:
        if error.errno == errno.EINVAL:
            raise DeviceGone(name, "this board has no such line", "use the BCM number of the line") from error
        if error.errno == errno.EOPNOTSUPP:
            raise DeviceError(name, "has no edge events", "use a line of the header") from error
        raise DeviceGone(name, f"cannot be opened: {error}", "is another program using the line?") from error
