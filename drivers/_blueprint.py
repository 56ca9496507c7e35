"""The file to copy for a new driver: an input whose state another program keeps in a file.

It works as it stands. A power-supply HAT's daemon that writes `online` or `battery` to a file becomes mains-present with

    [mains]
    type = "file"
    path = "/run/ups/state"
    active_text = "online"

To write a driver of your own:

1. Copy this file into a package of your own (docs/drivers.md), or beside the drivers of its family: `drivers/registry.py` names their
   modules. The port that a family implements is in `controller/hal/ports.py`; read its docstrings as a contract: the ports of the safety loop are synchronous, return within 5 ms and never log.
2. Declare `Settings`. Help, bounds and units declared there are checked before anything is opened, and documented.
3. Take lines, buses and converters from `buses`, with `where` and the key as the user's name: then two users of one
   line are refused, and all is closed in a safe order. Import heavy libraries inside the functions that need them.
4. Turn your library's errors into `DeviceError` and its kinds. A caller reads any of them as "unknown" and acts safe, so never
   return a guess.
5. Name it in `drivers/registry.py`; outside this repository, in an entry point of the group `pilotline.drivers`:

       [project.entry-points."pilotline.drivers"]
       "input.file" = "my_package.file_input:FileInput"

6. Run your port's contract on it: `hil/contracts`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from controller.hal import DeviceGone, setting
from drivers.bus import Buses


class FileInput:
    """True while the file holds the active text; implements `controller.hal.DigitalInput`."""

    @dataclass(frozen=True)
    class Settings:
        path: str = setting("File that holds the state, on a tmpfs.")
        active_text: str = setting("Content, without surrounding space, that means true.", default="1")

    def __init__(self, settings: Settings, buses: Buses, where: str) -> None:
        """where: the section, for messages, for example `mock.toml [mains]`."""
        self._path = Path(settings.path)
        self._active_text = settings.active_text
        self._where = where

    def is_active(self) -> bool:
        """Return whether the condition holds now. Raises DeviceGone when nobody keeps the file."""
        try:
            return self._path.read_text().strip() == self._active_text
        except (OSError, UnicodeDecodeError) as error:
            raise DeviceGone(
                f"{self._path} of {self._where}", str(error), "is the program that writes it running?"
            ) from error
