"""The pilot from a hardware PWM channel of the kernel, with a switch for the line (family pilot_driver).

PWM high is +12 V, low is -12 V. The period is set once; in operation only `duty_cycle` is written: the whole period is X1,
nothing is F. The chip is found by its `device` link, because chip numbers change between kernels.
"""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass
from pathlib import Path

from controller.hal import DeviceError, DeviceGone, setting
from drivers.bus import Buses, CloseStage

PERIOD_NS = 1_000_000  # 1 kHz
_LOWEST_DUTY_PCT, _HIGHEST_DUTY_PCT = 10.0, 97.0  # basic mode of IEC 61851-1; 5 % belongs to high-level communication
_EXPORT_WAIT_S = 1.0  # udev gives the new channel to the group a moment after the export
_WRITE_TRIES = 3


class SysfsPwm:
    """One PWM channel under a sysfs root, and the CP_EN line."""

    @dataclass(frozen=True)
    class Settings:
        device: str = setting(
            "Name of the device behind the PWM chip, as `readlink /sys/class/pwm/pwmchip*/device` shows it; "
            "alternatives for several boards are separated by `|`."
        )
        channel: int = setting("PWM channel of that chip.", low=0, high=7)
        pwm_pin: int | None = setting(
            "Line that the overlay of config.txt puts the channel on, for the checks of the board file; absent: GPIO12 for channel "
            "0, 13 for 1, 18 for 2, 19 for 3.",
            default=None,
            pin="out",
        )
        enable_pin: int = setting("Line that connects the pilot (CP_EN), high = connected.", pin="out")
        gpio: str = setting("Name of the GPIO bus of enable_pin.", default="gpio")
        root: str = setting("Directory of the PWM chips.", default="/sys/class/pwm")
        polarity: str = setting(
            "`inversed` where the pilot driver inverts.", default="normal", choices=("normal", "inversed")
        )

    def __init__(self, settings: Settings, buses: Buses, where: str) -> None:
        self._where = where
        self._sleep = buses.sleep
        self._monotonic = buses.monotonic
        # The switch first: while it is open, nothing that happens to the PWM below reaches a vehicle.
        self._enable = buses.output(settings.gpio, settings.enable_pin, f"{where} enable_pin", stage=CloseStage.PILOT)
        self._directory = self._exported(_chip(Path(settings.root), settings.device, where), settings.channel)
        self._duty_ns: int | None = None
        self._prepare(settings.polarity)
        buses.at_close(CloseStage.PILOT, self._rest)

    def steady_high(self) -> None:
        self._write_duty(PERIOD_NS)
        self._enable.set(True)

    def pulse(self, duty_pct: float) -> None:
        """Pulse. Raises ValueError outside 10..97 %: no caller may advertise what basic mode does not know."""
        if not _LOWEST_DUTY_PCT <= duty_pct <= _HIGHEST_DUTY_PCT:
            raise ValueError(f"duty {duty_pct} % is not in {_LOWEST_DUTY_PCT:g}..{_HIGHEST_DUTY_PCT:g}")
        self._write_duty(round(duty_pct * PERIOD_NS / 100))
        self._enable.set(True)

    def steady_low(self) -> None:
        self._write_duty(0)
        self._enable.set(True)

    def disconnect(self) -> None:
        self._enable.set(False)

    def _rest(self) -> None:
        """Stop advertising when the process ends in good order; the line switch opens in the same stage."""
        self._write_duty(PERIOD_NS)

    # --- the files -----------------------------------------------------------------------------------------------------

    def _exported(self, chip: Path, channel: int) -> Path:
        """Return the channel's directory, exported once: a former process may have left it exported."""
        directory = chip / f"pwm{channel}"
        if not directory.exists():
            try:
                (chip / "export").write_text(str(channel))
            except OSError as error:
                if error.errno != errno.EBUSY:
                    raise self._unusable(chip / "export", error) from error
        deadline = self._monotonic() + _EXPORT_WAIT_S
        while not os.access(directory / "duty_cycle", os.W_OK):
            if self._monotonic() > deadline:
                raise DeviceGone(
                    f"{directory} of {self._where}",
                    "did not become writable after the export",
                    "the udev rule must give PWM channels to the service's group",
                )
            self._sleep(0.002)
        return directory

    def _prepare(self, polarity: str) -> None:
        """Set period and polarity, with F behind the open switch, and start the channel.

        The kernel refuses a duty above the period and a polarity change while enabled. A Pi's channel that is fresh has a
        period of 0, and then a kernel before 6.11 refuses all but the period (`!state->period` in pwm_apply_state).
        """
        period = self._read("period")
        if period != str(PERIOD_NS):
            if period != "0":
                self._write("duty_cycle", "0")
            self._write("period", str(PERIOD_NS))
        if self._read("polarity") != polarity:
            self._write("enable", "0")
            self._write("polarity", polarity)
        self._write_duty(0)
        self._write("enable", "1")

    def _write_duty(self, duty_ns: int) -> None:
        if duty_ns == self._duty_ns:
            return
        self._duty_ns = None  # unknown until the write succeeded
        self._write("duty_cycle", str(duty_ns))
        self._duty_ns = duty_ns

    def _read(self, name: str) -> str:
        """Return a file's text; an empty read is one that met a write, so it is repeated."""
        path = self._directory / name
        text = ""
        for _ in range(_WRITE_TRIES):
            try:
                text = path.read_text().strip()
            except OSError as error:
                raise self._unusable(path, error) from error
            if text:
                break
            self._sleep(0.001)
        return text

    def _write(self, name: str, text: str) -> None:
        path = self._directory / name
        for attempt in range(_WRITE_TRIES):
            try:
                path.write_text(text)
                return
            except OSError as error:
                if error.errno != errno.EBUSY or attempt == _WRITE_TRIES - 1:
                    raise self._unusable(path, error, f"writing {text}") from error
            self._sleep(0.0005)

    def _unusable(self, path: Path, error: OSError, what: str = "") -> DeviceError:
        problem = f"{what}: {error.strerror}" if what else f"{error.strerror}"
        kind = DeviceGone if error.errno in (errno.ENOENT, errno.EACCES, errno.ENODEV) else DeviceError
        return kind(f"{path} of {self._where}", problem, "is the PWM overlay loaded and the user allowed to write?")


def _chip(root: Path, device: str, where: str) -> Path:
    """Return the directory of the chip whose `device` link ends in one of the names. Raises DeviceGone."""
    wanted = tuple(name.strip() for name in device.split("|"))
    found = {chip: (chip / "device").resolve().name for chip in sorted(root.glob("pwmchip*"))}
    for chip, name in found.items():
        if name in wanted:
            return chip
    listed = ", ".join(f"{chip.name} {name}" for chip, name in found.items()) or "no chip at all"
    raise DeviceGone(
        f"PWM {device} of {where}", f"not found under {root}, which has {listed}", "dtoverlay=pwm in config.txt?"
    )
