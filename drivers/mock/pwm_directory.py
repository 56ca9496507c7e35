"""A directory shaped like /sys/class/pwm, kept by the mock bench: what the kernel and the PWM hardware would do.

    pwmchip0/device -> …/<device>     pwmchip0/npwm export unexport     pwmchip0/pwm0/period duty_cycle enable polarity

The keeper polls the files. An empty read means that a write is under way: unchanged. What a kernel would refuse (duty over
period, a period of 0 enabled, double export, no number) cannot be refused in a plain file; it is ignored and noted, and the
value in force stays.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

PERIOD_NS = 1_000_000
_TOLERANCE = 0.02  # 1 kHz ±2 %
_FILES = ("period", "duty_cycle", "enable", "polarity")
REFUSALS_KEPT = 100


@dataclass(frozen=True, slots=True)
class Refusal:
    """Something the kernel would have answered with an error. at_s: monotonic."""

    at_s: float
    channel: int | None
    problem: str


@dataclass(frozen=True, slots=True)
class Wave:
    """What the pin does. duty_pct: None for a steady level. at_s: monotonic time of the write that made it so."""

    channel: int
    duty_pct: float | None
    level: bool
    at_s: float


@dataclass(frozen=True, slots=True)
class Settings:
    """The values in force."""

    period: int = 0
    duty_cycle: int = 0
    enable: int = 0
    polarity: str = "normal"

    def refusal(self) -> str | None:
        if self.duty_cycle > self.period:
            return f"duty_cycle {self.duty_cycle} is over period {self.period}"
        if self.enable and not self.period:
            return "enable with a period of 0"
        return None

    def turns_over(self, wanted: Settings) -> bool:
        """Whether going to `wanted` changes the polarity of a running channel."""
        return bool(self.enable) and self.polarity != wanted.polarity

    def wave(self) -> tuple[float | None, bool]:
        """Return (duty in percent or None, steady level)."""
        off = self.polarity == "inversed"
        if not self.enable or abs(self.period - PERIOD_NS) > PERIOD_NS * _TOLERANCE:
            return None, False
        share = self.duty_cycle / self.period
        share = 1.0 - share if off else share
        return (None, share >= 1.0) if share in (0.0, 1.0) else (share * 100.0, False)


class _Channel:
    """One exported channel: open files and the values in force."""

    def __init__(self, number: int, directory: Path) -> None:
        self.number = number
        self.settings = Settings()
        self._files = {name: os.open(directory / name, os.O_RDONLY | os.O_CLOEXEC) for name in _FILES}
        self._texts: dict[str, bytes] = {name: b"" for name in _FILES}

    def close(self) -> None:
        for descriptor in self._files.values():
            os.close(descriptor)

    def changed(self) -> dict[str, str]:
        """Return the files whose text changed since the last look."""
        found = {}
        for name, descriptor in self._files.items():
            text = os.pread(descriptor, 64, 0)
            if text and text != self._texts[name]:
                self._texts[name] = text
                found[name] = text.decode("ascii", "replace").strip()
        return found

    def written_at_s(self, names: Mapping[str, str], after_s: float, now: float) -> float:
        """Return when the newest of these files was written; the file system's own stamp may be 4 ms early."""
        to_monotonic = time.monotonic_ns() - time.time_ns()
        newest = max(os.fstat(self._files[name]).st_mtime_ns for name in names)
        return min(max((newest + to_monotonic) / 1e9, after_s), now)


class PwmDirectory:
    """One chip. root: stands for /sys/class/pwm. device: what the chip's `device` link leads to."""

    def __init__(self, root: Path, device: str, channels: int, chip: int = 0) -> None:
        self._chip = root / f"pwmchip{chip}"
        self._channels_there = channels
        self._channels: dict[int, _Channel] = {}
        self._polled_at = 0.0
        self.refusals: list[Refusal] = []
        target = root / ".devices" / device
        target.mkdir(parents=True, exist_ok=True)
        self._chip.mkdir(parents=True, exist_ok=True)
        link = self._chip / "device"
        if not link.is_symlink():
            link.symlink_to(os.path.relpath(target, self._chip))
        (self._chip / "npwm").write_text(f"{channels}\n")
        for name in ("export", "unexport"):
            (self._chip / name).write_text("")
        self._requests = {name: os.open(self._chip / name, os.O_RDWR | os.O_CLOEXEC) for name in ("export", "unexport")}
        for number in range(channels):
            if (self._chip / f"pwm{number}").is_dir():  # a keeper before us made it
                self._channels[number] = _Channel(number, self._chip / f"pwm{number}")

    def close(self) -> None:
        self._forget()
        for descriptor in self._requests.values():
            os.close(descriptor)

    def reset(self) -> None:
        """As after power-on: nothing is exported. Only while no driver process lives."""
        self._forget()
        for number in range(self._channels_there):
            shutil.rmtree(self._chip / f"pwm{number}", ignore_errors=True)
        for descriptor in self._requests.values():
            os.ftruncate(descriptor, 0)

    def _forget(self) -> None:
        for channel in self._channels.values():
            channel.close()
        self._channels.clear()

    def settings(self) -> dict[int, Settings]:
        """Return the values in force of the exported channels."""
        return {number: channel.settings for number, channel in self._channels.items()}

    def poll(self, now: float) -> list[Wave]:
        """Look at all files; return what changed on the pins."""
        waves: list[Wave] = []
        for name, descriptor in self._requests.items():
            text = os.pread(descriptor, 64, 0)
            if text:
                os.ftruncate(descriptor, 0)
                waves += self._request(name, text.decode("ascii", "replace").strip(), now)
        for channel in self._channels.values():
            changed = channel.changed()
            if changed:
                waves += self._apply(channel, changed, now)
        self._polled_at = now
        return waves

    def _request(self, name: str, text: str, now: float) -> list[Wave]:
        number = int(text) if text.isdecimal() else -1
        if not 0 <= number < self._channels_there:
            self._refuse(now, None, f"{name} {text!r}: the chip has channels 0 to {self._channels_there - 1}")
        elif name == "export" and number in self._channels:
            self._refuse(now, number, "export of an exported channel")
        elif name == "unexport" and number not in self._channels:
            self._refuse(now, number, "unexport of a channel that is not exported")
        elif name == "export":
            self._export(number)
        else:
            self._channels.pop(number).close()
            shutil.rmtree(self._chip / f"pwm{number}", ignore_errors=True)
            return [Wave(number, None, False, now)]
        return []

    def _export(self, number: int) -> None:
        made = self._chip / f".pwm{number}"
        shutil.rmtree(made, ignore_errors=True)
        made.mkdir()
        for name in _FILES:
            (made / name).write_text("normal\n" if name == "polarity" else "0\n")
        directory = self._chip / f"pwm{number}"
        made.rename(directory)
        self._channels[number] = _Channel(number, directory)

    def _apply(self, channel: _Channel, changed: Mapping[str, str], now: float) -> list[Wave]:
        problem = _nonsense(changed)
        if problem is None:
            wanted = replace(channel.settings, **_values(changed))
            problem = wanted.refusal()
            if problem is None and wanted.enable and channel.settings.turns_over(wanted):
                problem = "polarity changed while enabled"
        if problem is not None:
            self._refuse(now, channel.number, problem)
            return []
        before, channel.settings = channel.settings.wave(), wanted
        if wanted.wave() == before:
            return []
        return [Wave(channel.number, *wanted.wave(), channel.written_at_s(changed, self._polled_at, now))]

    def _refuse(self, now: float, channel: int | None, problem: str) -> None:
        self.refusals.append(Refusal(now, channel, problem))
        del self.refusals[:-REFUSALS_KEPT]


def _nonsense(changed: Mapping[str, str]) -> str | None:
    """Return what no kernel would take in itself, or None."""
    for name, text in changed.items():
        if name == "polarity":
            fits = text in ("normal", "inversed")
        else:
            fits = text in ("0", "1") if name == "enable" else text.isdecimal()
        if not fits:
            return f"{name} {text!r}"
    return None


def _values(changed: Mapping[str, str]) -> dict[str, Any]:
    return {name: text if name == "polarity" else int(text) for name, text in changed.items()}
