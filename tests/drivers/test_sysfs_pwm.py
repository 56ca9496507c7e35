"""The pilot through sysfs: its contract, and a kernel that refuses what the real one refuses."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from controller.hal import DeviceError, DeviceGone
from drivers import registry
from drivers.bus import Buses
from drivers.mock.pwm_directory import PwmDirectory
from hil.contracts.pilot import PilotDriverContract
from tests.drivers.driver_rig import HandLines, section

ENABLE = 17
PI_5 = "1f00098000.pwm"


def make_chip(root: Path, number: int, device: str, channels: int = 4) -> Path:
    chip = root / f"pwmchip{number}"
    chip.mkdir(parents=True)
    (chip / "npwm").write_text(f"{channels}\n")
    (chip / "export").write_text("")
    target = root / "devices" / device
    target.mkdir(parents=True)
    (chip / "device").symlink_to(target)
    return chip


def make_channel(chip: Path, number: int, **values: object) -> Path:
    """A channel as the kernel exports it."""
    channel = chip / f"pwm{number}"
    channel.mkdir()
    for name, value in {"period": 0, "duty_cycle": 0, "enable": 0, "polarity": "normal", **values}.items():
        (channel / name).write_text(f"{value}\n")
    return channel


def value(path: Path) -> int:
    return int(path.read_text())


class Rig:
    def __init__(self, root: Path, **settings: Any) -> None:
        self.lines = HandLines()
        self.buses = Buses((self.lines.bus,), ())
        values = {"root": str(root), "device": PI_5, "channel": 0, "enable_pin": ENABLE, **settings}
        self.pilot = registry.build(section("pilot_driver", "sysfs_pwm", **values), self.buses)
        self.channel = root / "pwmchip2" / "pwm0"

    def high_pct(self) -> float:
        assert value(self.channel / "enable") == 1
        return 100 * value(self.channel / "duty_cycle") / value(self.channel / "period")

    def frequency_hz(self) -> float:
        return 1e9 / value(self.channel / "period")

    def is_connected(self) -> bool:
        return self.lines.is_output(ENABLE) and self.lines.level(ENABLE)

    def stop(self) -> None:
        self.buses.close()


@pytest.fixture
def root(tmp_path: Path, test_buses: None) -> Path:
    """Two chips, the wanted one not the first, its channel not yet exported."""
    root = tmp_path / "pwm"
    make_chip(root, 0, "107d517a80.pwm")
    make_chip(root, 2, PI_5)
    return root


@pytest.fixture
def exported(root: Path) -> Path:
    return make_channel(root / "pwmchip2", 0)


class TestSysfsPwm(PilotDriverContract):
    @pytest.fixture
    def rig(self, root: Path, exported: Path) -> Rig:
        return Rig(root)


class KeptRig:
    """The same over the directory that the mock bench keeps, which exports, refuses and forms the wave as a kernel does."""

    def __init__(self, root: Path) -> None:
        self._keeper = PwmDirectory(root, PI_5, channels=2)
        self._lines = HandLines()
        self._buses = Buses((self._lines.bus,), (), sleep=lambda seconds: self._look())
        values = {"root": str(root), "device": PI_5, "channel": 1, "enable_pin": ENABLE}
        self.pilot = registry.build(section("pilot_driver", "sysfs_pwm", **values), self._buses)

    def _look(self) -> None:
        self._keeper.poll(time.monotonic())
        assert self._keeper.refusals == []

    def high_pct(self) -> float:
        self._look()
        duty_pct, level = self._keeper.settings()[1].wave()
        return duty_pct if duty_pct is not None else 100.0 * level

    def frequency_hz(self) -> float:
        self._look()
        return 1e9 / self._keeper.settings()[1].period

    def is_connected(self) -> bool:
        return self._lines.is_output(ENABLE) and self._lines.level(ENABLE)

    def stop(self) -> None:
        self._buses.close()

    def close(self) -> None:
        self._keeper.close()


class TestSysfsPwmOnTheBenchsDirectory(PilotDriverContract):
    @pytest.fixture
    def rig(self, tmp_path: Path, test_buses: None) -> Iterator[KeptRig]:
        rig = KeptRig(tmp_path / "pwm")
        yield rig
        rig.close()


def test_a_channel_is_exported_once_and_awaited(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_text = Path.write_text
    exports: list[str] = []

    def kernel_write(path: Path, text: str, *args: Any) -> int:
        if path.name == "export":
            exports.append(text)
            make_channel(path.parent, int(text))
        return write_text(path, text, *args)

    monkeypatch.setattr(Path, "write_text", kernel_write)
    Rig(root)
    assert exports == ["0"]


def test_a_channel_left_by_a_former_process_is_not_exported_again(root: Path, exported: Path) -> None:
    Rig(root)
    assert (root / "pwmchip2" / "export").read_text() == ""


def test_in_operation_only_duty_cycle_is_written(root: Path, exported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig(root)
    written: list[str] = []
    write_text = Path.write_text
    monkeypatch.setattr(
        Path, "write_text", lambda path, text, *args: (written.append(path.name), write_text(path, text, *args))[1]
    )
    for act in (rig.pilot.steady_high, lambda: rig.pilot.pulse(50), rig.pilot.steady_low, rig.pilot.disconnect):
        act()
    assert set(written) == {"duty_cycle"}


def test_a_pulsing_channel_left_by_a_crash_is_made_safe_before_its_period_shrinks(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel refuses a duty above the period with EINVAL."""
    channel = make_channel(root / "pwmchip2", 0, period=20_000_000, duty_cycle=5_000_000, enable=1)
    write_text = Path.write_text
    order: list[str] = []

    def kernel_write(path: Path, text: str, *args: Any) -> int:
        order.append(f"{path.name}={text}")
        if path.name == "period" and int(text) < value(channel / "duty_cycle"):
            raise OSError(22, "Invalid argument")
        return write_text(path, text, *args)

    monkeypatch.setattr(Path, "write_text", kernel_write)
    Rig(root)
    assert order[:2] == ["duty_cycle=0", "period=1000000"]


def test_a_fresh_channel_gets_its_period_before_anything_else(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Pi's driver gives a fresh channel a period of 0; until then kernels before 6.11 refuse every other write."""
    channel = make_channel(root / "pwmchip2", 0, period=0)
    write_text = Path.write_text

    def kernel_write(path: Path, text: str, *args: Any) -> int:
        if path.name != "period" and not value(channel / "period"):
            raise OSError(22, "Invalid argument")
        return write_text(path, text, *args)

    monkeypatch.setattr(Path, "write_text", kernel_write)
    rig = Rig(root, polarity="inversed")
    assert (rig.high_pct(), rig.frequency_hz()) == (0, 1000)


def test_the_polarity_is_set_while_the_channel_is_disabled(
    root: Path, exported: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (exported / "enable").write_text("1\n")
    write_text = Path.write_text

    def kernel_write(path: Path, text: str, *args: Any) -> int:
        if path.name == "polarity" and value(exported / "enable"):
            raise OSError(16, "Device or resource busy")
        return write_text(path, text, *args)

    monkeypatch.setattr(Path, "write_text", kernel_write)
    Rig(root, polarity="inversed")
    assert (exported / "polarity").read_text() == "inversed"
    assert value(exported / "enable") == 1


def test_a_write_that_is_busy_is_tried_again(root: Path, exported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig(root)
    refusals = [OSError(16, "Device or resource busy")] * 2
    write_text = Path.write_text

    def kernel_write(path: Path, text: str, *args: Any) -> int:
        if refusals:
            raise refusals.pop()
        return write_text(path, text, *args)

    monkeypatch.setattr(Path, "write_text", kernel_write)
    rig.pilot.pulse(50)
    assert value(exported / "duty_cycle") == 500_000


def test_an_empty_read_means_a_write_is_under_way(root: Path, exported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (exported / "period").write_text("1000000\n")
    read_text = Path.read_text
    empties = [""]

    def racing_read(path: Path, **options: Any) -> str:
        return empties.pop() if path.name == "period" and empties else read_text(path, **options)

    written: list[str] = []
    write_text = Path.write_text
    monkeypatch.setattr(Path, "read_text", racing_read)
    monkeypatch.setattr(
        Path, "write_text", lambda path, text, *args: (written.append(path.name), write_text(path, text, *args))[1]
    )
    Rig(root)
    assert "period" not in written


def test_a_failed_write_is_written_again_by_the_next_call(
    root: Path, exported: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = Rig(root)
    rig.pilot.pulse(50)

    write_text = Path.write_text

    def half_done(path: Path, text: str, *args: Any) -> int:
        write_text(path, text, *args)
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", half_done)
        with pytest.raises(DeviceError, match=r"pwm0/duty_cycle of test.toml .*writing 1000000: Input/output error"):
            rig.pilot.steady_high()
    rig.pilot.pulse(50)
    assert value(exported / "duty_cycle") == 500_000


def test_one_of_several_device_names_is_enough(root: Path, exported: Path) -> None:
    assert Rig(root, device=f"fe20c000.pwm | {PI_5}").channel == exported


def test_a_chip_that_is_not_there_names_those_that_are(root: Path) -> None:
    with pytest.raises(
        DeviceGone, match=r"PWM fe20c000.pwm of .*which has pwmchip0 107d517a80.pwm, pwmchip2 1f00098000"
    ):
        Rig(root, device="fe20c000.pwm")


def test_no_pwm_at_all_asks_for_the_overlay(tmp_path: Path, test_buses: None) -> None:
    with pytest.raises(DeviceGone, match=r"no chip at all .*dtoverlay=pwm"):
        Rig(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anything")
def test_a_channel_that_may_not_be_written_names_its_path(root: Path, exported: Path) -> None:
    (exported / "duty_cycle").chmod(0o444)
    with pytest.raises(DeviceGone, match=r"pwm0 of .*udev rule"):
        Rig(root)
