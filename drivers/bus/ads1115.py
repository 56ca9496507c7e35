"""The ADS1115 and ADS1015 analogue-to-digital converters, by SMBus word calls (family adc).

They convert one channel at a time, 1.2 ms at 860 samples a second (ADS1015: 0.3 ms at 3300, with 12 bits instead of 16), so a pass is planned: a channel read on every pass (a high
plateau) is started by `begin` and fetched by `collect`; the channels that take turns are converted between `collect` and the
next `begin`, when nobody waits for them. Two converters thus convert in parallel, and at 100 kHz a pass spends about 2 ms
of bus time for each. Both average over the whole conversion: neither reads the plateau of a free PWM. Sources: TI SBAS444 and SBAS473
(unverified).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from controller.hal import DeviceError, DeviceGone, DeviceSilent, setting
from drivers.bus import Buses, I2cBus

_CONVERSION_REGISTER = 0
_CONFIG_REGISTER = 1
_OS = 0x8000  # written: start one conversion; read: no conversion is running
_SINGLE_ENDED_0 = 4  # MUX code of AIN0 against ground
_SINGLE_SHOT = 0x0100
_COMPARATOR_OFF = 0x0003
_GAIN_CODES = {6.144: 0, 4.096: 1, 2.048: 2, 1.024: 3, 0.512: 4, 0.256: 5}

_OSCILLATOR = 1.1  # the data sheets' 10 %
_WAKE_UP_S = 25e-6
_LONGEST_WAIT_S = 0.004
_POLL_S = 0.0002


@dataclass(frozen=True, slots=True)
class Sample:
    """volts at the input pin; at_s: monotonic time at which its conversion began."""

    volts: float
    at_s: float


class Ads1115:
    """One converter and its users. Each channel is either read on every pass (`lead`) or takes turns (`follow`)."""

    CHIP = "ADS1115"
    RATE_CODE, SAMPLES_PER_S = 0x00E0, 860

    @dataclass(frozen=True)
    class Settings:
        bus: str = setting("Name of the I2C bus.", default="i2c")
        address: int = setting("Address on the bus, 0x48 to 0x4B by the ADDR pin.", default=0x48, low=0x48, high=0x4B)
        full_scale_v: float = setting(
            "Range of the programmable amplifier; inputs never exceed the chip's supply.",
            default=4.096,
            unit="V",
            choices=tuple(_GAIN_CODES),
        )

    def __init__(self, settings: Settings, buses: Buses, where: str) -> None:
        self._address = settings.address
        self._conversion_s = _OSCILLATOR / self.SAMPLES_PER_S + _WAKE_UP_S
        self._device = f"{self.CHIP} at 0x{settings.address:02x} of {where}"
        self._bus: I2cBus = buses.i2c(settings.bus, where)
        self._monotonic: Callable[[], float] = buses.monotonic
        self._sleep: Callable[[float], None] = buses.sleep
        self._volts_per_bit = settings.full_scale_v / 32768
        self._base_config = (
            _OS | _GAIN_CODES[settings.full_scale_v] << 9 | _SINGLE_SHOT | self.RATE_CODE | _COMPARATOR_OFF
        )
        self._users: dict[int, str] = {}
        self._leaders: list[int] = []
        self._wanted: list[int] = []  # leaders begun but not yet converting, in order
        self._followers: list[int] = []  # the next in turn first
        self._ready: set[int] = set()  # leaders converted but not yet collected
        self._running: int | None = None
        self._started_at_s = 0.0
        self._latest: dict[int, Sample] = {}

    def lead(self, channel: int, where: str) -> None:
        """Register a channel that every pass reads. Raises DeviceError when it has a user already."""
        self._register(channel, where)
        self._leaders.append(channel)

    def follow(self, channel: int, where: str) -> None:
        """Register a channel that takes turns. Raises DeviceError when it has a user already."""
        self._register(channel, where)
        self._followers.append(channel)

    def begin(self, channel: int) -> None:
        """Start this pass's conversion of a leading channel. Raises DeviceError."""
        if self._running is not None and (self._running == channel or self._running not in self._leaders):
            self._finish()  # a follower's turn is over; an own conversion that nobody collected is too old
        self._ready.discard(channel)
        if channel not in self._wanted:
            self._wanted.append(channel)
        self._start_next()

    def collect(self, channel: int) -> Sample:
        """Return the sample that `begin` started, waiting for it, and let the next channel convert. Raises DeviceError."""
        if channel != self._running and channel not in self._wanted and channel not in self._ready:
            raise DeviceError(self._device, f"channel {channel} was not begun in this pass")
        while channel not in self._ready:
            self._finish()
            self._start_next()
        self._ready.discard(channel)
        return self._latest[channel]

    def latest(self, channel: int) -> Sample | None:
        """Return the newest sample of a channel, None before the first. Raises DeviceError.

        Without leading channels nobody drives the passes, so the call itself converts.
        """
        if not self._leaders:
            self._finish()
            self._start(channel)
            self._finish()
        return self._latest.get(channel)

    def _register(self, channel: int, where: str) -> None:
        if channel in self._users:
            raise DeviceError(self._device, f"channel {channel} is used by both {self._users[channel]} and {where}")
        self._users[channel] = where

    # --- the chip ------------------------------------------------------------------------------------------------------

    def _start_next(self) -> None:
        """Start what is due, unless something runs: a leader that was begun, else the next follower."""
        if self._running is not None:
            return
        if self._wanted:
            self._start(self._wanted.pop(0))
        elif self._followers:
            self._followers.append(self._followers.pop(0))
            self._start(self._followers[-1])

    def _start(self, channel: int) -> None:
        self._write(_CONFIG_REGISTER, self._config(channel))
        self._started_at_s = self._monotonic()
        self._running = channel

    def _finish(self) -> None:
        """Fetch the running conversion, if any. A failure forgets it and all that was begun: the next pass starts anew."""
        if self._running is None:
            return
        channel = self._running
        try:
            self._await_result(channel)
            raw = self._read(_CONVERSION_REGISTER)
        except DeviceError:
            self._wanted.clear()
            self._ready.clear()
            raise
        finally:
            self._running = None
        signed = raw - 0x10000 if raw & 0x8000 else raw
        self._latest[channel] = Sample(signed * self._volts_per_bit, self._started_at_s)
        if channel in self._leaders:
            self._ready.add(channel)

    def _await_result(self, channel: int) -> None:
        due = self._started_at_s + self._conversion_s
        if (wait := due - self._monotonic()) > 0:
            self._sleep(wait)
        while True:
            config = self._read(_CONFIG_REGISTER)
            if config & ~_OS != self._config(channel) & ~_OS:
                raise DeviceError(self._device, f"lost its configuration (reads 0x{config:04x})", "a supply dip?")
            if config & _OS:
                return
            if self._monotonic() - self._started_at_s > _LONGEST_WAIT_S:
                raise DeviceSilent(self._device, f"channel {channel} did not finish converting")
            self._sleep(_POLL_S)

    def _config(self, channel: int) -> int:
        return self._base_config | (_SINGLE_ENDED_0 + channel) << 12

    def _read(self, register: int) -> int:
        try:
            return _swapped(self._bus.read_word_data(self._address, register))
        except OSError as error:
            raise self._gone(error) from error

    def _write(self, register: int, value: int) -> None:
        try:
            self._bus.write_word_data(self._address, register, _swapped(value))
        except OSError as error:
            raise self._gone(error) from error

    def _gone(self, error: OSError) -> DeviceGone:
        return DeviceGone(self._device, f"does not acknowledge: {error}", "check SDA, SCL, supply and the ADDR pin")


class Ads1015(Ads1115):
    """The same registers, four times as quick; its 12 bits stand at the upper end of the word."""

    CHIP = "ADS1015"
    RATE_CODE, SAMPLES_PER_S = 0x00C0, 3300


def _swapped(word: int) -> int:
    """SMBus sends the low byte first, the chip's registers have the high byte first."""
    return (word & 0xFF) << 8 | word >> 8
