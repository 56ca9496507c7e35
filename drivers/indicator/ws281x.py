"""A strip of WS2812B or SK6812 LEDs on the MOSI line of an SPI bus (family indicator).

Each bit of a colour is three bits at 2.4 MHz: 1 is 110, 0 is 100, so a high lasts 0.83 or 0.42 µs and a bit 1.25 µs; 300 µs low end a frame.
On a Pi 3 or Zero 2 W the SPI clock follows the core clock: `core_freq=250` in config.txt keeps it. The line is 3.3 V: strips of 5 V
need a level shifter. Sources: Worldsemi WS2812B data sheet, "Data transfer time"; WS2812B-V5, reset time 280 µs (unverified).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from controller.hal import DeviceGone, setting
from controller.logic.indication import Shown, most_urgent
from drivers.bus import Buses
from drivers.indicator.looks import LOOKS, Colour

SPEED_HZ = 2_400_000
_RESET = bytes(90)  # 300 µs
_ORDERS = ("GRB", "RGB")


def _expanded(value: int) -> bytes:
    bits = 0
    for place in range(7, -1, -1):
        bits = bits << 3 | (0b110 if value >> place & 1 else 0b100)
    return bits.to_bytes(3, "big")


class Ws281x:
    """All LEDs alike: the strip is one light."""

    @dataclass(frozen=True)
    class Settings:
        bus: str = setting("Name of the SPI bus.", default="spi")
        count: int = setting("LEDs on the strip.", low=1, high=300)
        brightness_pct: float = setting("Of a colour's full light.", default=30.0, low=1, high=100, unit="%")
        order: str = setting("In which order a LED takes its colours.", default="GRB", choices=_ORDERS)

    def __init__(self, settings: Settings, buses: Buses, where: str) -> None:
        self._settings = settings
        self._buses = buses
        self._where = where
        self._sent: Colour | None = None

    async def show(self, shown: Sequence[Shown], now: float) -> float | None:
        look = LOOKS[most_urgent(shown)]
        self._send(look.colour if look.is_on(now) else (0, 0, 0))
        return look.next_edge(now)

    async def close(self) -> None:
        if self._sent is not None:
            self._send((0, 0, 0))

    def _send(self, colour: Colour) -> None:
        if colour == self._sent:
            return
        self._sent = None
        settings = self._settings
        levels = dict(zip("RGB", (round(each * settings.brightness_pct / 100) for each in colour), strict=True))
        one = b"".join(_expanded(levels[name]) for name in settings.order)
        device = self._buses.spi(settings.bus, self._where, SPEED_HZ)
        try:
            device.write(b"\0" + one * settings.count + _RESET)
        except OSError as error:
            name = f"LED strip on [bus.{settings.bus}] of {self._where}"
            raise DeviceGone(name, f"cannot be written: {error}", "is the SPI bus enabled?") from error
        self._sent = colour
