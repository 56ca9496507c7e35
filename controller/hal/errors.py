"""What can go wrong with a device. Drivers turn their library's errors into these at their edge.

DeviceError
├── DeviceGone          the port, bus or chip is not there (unplugged, no permission, no such path)
├── DeviceSilent        it is there but does not answer
└── ImplausibleReading  it answered something that cannot be true

DriverMistake is none of them: a driver raised something else.
"""

from __future__ import annotations


class DeviceError(Exception):
    """A device cannot be used. The message is one line a technician can act on.

    device: what it is and where, for example `meter sdm630 on /dev/ttyUSB0 address 1`. hint: what to check.
    """

    def __init__(self, device: str, problem: str, hint: str = "") -> None:
        self.device = device
        self.problem = problem
        self.hint = hint
        super().__init__(f"{device}: {problem}" + (f" ({hint})" if hint else ""))


class DeviceGone(DeviceError):
    pass


class DeviceSilent(DeviceError):
    pass


class ImplausibleReading(DeviceError):
    pass


class DriverMistake(Exception):
    """A driver raised what is no DeviceError. The message names driver, section and what it was, in one line.

    ask: what the reader is to do about it.
    """

    def __init__(self, message: str, ask: str) -> None:
        self.ask = ask
        super().__init__(message)
