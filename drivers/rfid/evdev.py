"""A card reader that plays a keyboard: it types each card's number and Enter (family reader).

The kernel's event device is read directly and taken for ourselves alone, so that nothing is typed into a console.

Wiring: USB alone. Beside other keyboards name it by /dev/input/by-id; two readers of one kind, which often have no serial number, by
/dev/input/by-path: that names the socket they are plugged into. A service may read it only with the group input and leave of its unit
(systemd/station-keyboard.conf). It types once a presentation, most of them ten decimal digits: `content` says what those are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from controller.hal import Presented, TokenRefused, setting
from drivers.bus import Buses
from drivers.rfid.event_device import EventDevice
from drivers.rfid.keys import Keys
from drivers.rfid.line_tokens import LineSettings, token_of_line
from drivers.rfid.listener import Listener


class KeyboardReader:
    """Reports each line that the reader types."""

    @dataclass(frozen=True)
    class Settings(LineSettings):
        device: str = setting(
            "Event device of the reader, best by /dev/input/by-id; or `vendor:product` as lsusb shows it, or its name."
        )
        grab: bool = setting("Take it for ourselves alone, so that nothing is typed into a console.", default=True)

    def __init__(self, settings: Settings, buses: Buses, where: str) -> None:
        name = f"keyboard reader {settings.device} of {where}"
        port = EventDevice(settings.device, settings.grab, name, buses.monotonic)
        self._listener = Listener(port, TypedTokens(settings), buses.monotonic)

    async def read(self) -> Presented:
        return await self._listener.read()

    async def close(self) -> None:
        await self._listener.close()


class TypedTokens:
    """The kernel's records in, the tokens of the typed lines out."""

    def __init__(self, settings: LineSettings) -> None:
        self._settings = settings
        self._keys = Keys()
        self.reset = self._keys.reset

    def feed(self, data: bytes, at_s: float) -> Iterator[Presented]:
        for line in self._keys.feed(data, at_s):
            if line is None:
                yield TokenRefused(
                    "the reader typed more than a token, or keys that are no text, or keys were lost", at_s
                )
            else:
                yield token_of_line(line, at_s, self._settings)

    def deadline(self) -> float | None:
        return None

    def on_deadline(self, now: float) -> Iterator[Presented]:
        return iter(())
