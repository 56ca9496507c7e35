"""The sysfs-shaped PWM directory: what becomes of writes, and what a kernel would have refused."""

import os
import time

import pytest

from drivers.mock.pwm_directory import PwmDirectory


class Sysfs:
    """A writer as a driver is, and the keeper's view of it."""

    def __init__(self, root):
        self.keeper = PwmDirectory(root, "bench.pwm", 2)
        self.chip = root / "pwmchip0"

    def write(self, **values):
        for name, value in values.items():
            (self.chip / "pwm0" / name).write_text(str(value))

    def poll(self):
        return [(wave.channel, wave.duty_pct, wave.level) for wave in self.keeper.poll(time.monotonic())]

    def problems(self):
        return [refusal.problem for refusal in self.keeper.refusals]

    def started(self, duty=300_000):
        (self.chip / "export").write_text("0")
        self.poll()
        self.write(period=1_000_000, duty_cycle=duty, enable=1)
        self.poll()
        return self


@pytest.fixture
def sysfs(tmp_path):
    sysfs = Sysfs(tmp_path / "pwm")
    yield sysfs
    sysfs.keeper.close()


def test_chip_is_found_by_its_device_link(sysfs):
    assert (sysfs.chip / "device").resolve().name == "bench.pwm"
    assert (sysfs.chip / "npwm").read_text() == "2\n"


def test_export_makes_the_channel_with_a_kernels_first_values(sysfs):
    (sysfs.chip / "export").write_text("1")
    assert sysfs.poll() == []
    files = {path.name: path.read_text() for path in (sysfs.chip / "pwm1").iterdir()}
    assert files == {"period": "0\n", "duty_cycle": "0\n", "enable": "0\n", "polarity": "normal\n"}
    assert sysfs.problems() == []


def test_pin_follows_the_files(sysfs):
    sysfs.started()
    sysfs.write(duty_cycle=533_333)
    assert sysfs.poll() == [(0, pytest.approx(53.3333), False)]
    sysfs.write(duty_cycle=1_000_000)
    assert sysfs.poll() == [(0, None, True)]
    sysfs.write(duty_cycle=0)
    assert sysfs.poll() == [(0, None, False)]
    assert sysfs.poll() == []


def test_disabled_channel_is_low(sysfs):
    sysfs.started()
    sysfs.write(enable=0)
    assert sysfs.poll() == [(0, None, False)]


def test_inversed_polarity_turns_the_wave_over(sysfs):
    (sysfs.chip / "export").write_text("0")
    sysfs.poll()
    sysfs.write(period=1_000_000, polarity="inversed", duty_cycle=300_000, enable=1)
    assert sysfs.poll() == [(0, pytest.approx(70.0), False)]


@pytest.mark.parametrize(
    ("writes", "problem"),
    [
        ({"duty_cycle": 1_000_001}, "duty_cycle 1000001 is over period 1000000"),
        ({"period": 200_000}, "duty_cycle 300000 is over period 200000"),
        ({"enable": 2}, "enable '2'"),
        ({"duty_cycle": "half"}, "duty_cycle 'half'"),
        ({"duty_cycle": -5}, "duty_cycle '-5'"),
        ({"polarity": "inversed"}, "polarity changed while enabled"),
        ({"polarity": "upside-down"}, "polarity 'upside-down'"),
    ],
)
def test_what_a_kernel_refuses_is_noted_and_changes_nothing(sysfs, writes, problem):
    sysfs.started()
    before = sysfs.keeper.settings()
    sysfs.write(**writes)
    assert sysfs.poll() == []
    assert sysfs.problems() == [problem]
    assert sysfs.keeper.settings() == before
    sysfs.write(period=1_000_000, polarity="normal", enable=1, duty_cycle=400_000)
    assert sysfs.poll() == [(0, pytest.approx(40.0), False)]


def test_enable_before_the_period_is_refused(sysfs):
    (sysfs.chip / "export").write_text("0")
    sysfs.poll()
    sysfs.write(enable=1)
    assert sysfs.poll() == []
    assert sysfs.problems() == ["enable with a period of 0"]


@pytest.mark.parametrize(
    ("request_file", "text", "problem"),
    [
        ("export", "0", "export of an exported channel"),
        ("export", "7", "the chip has channels 0 to 1"),
        ("export", "x", "the chip has channels 0 to 1"),
        ("unexport", "1", "unexport of a channel that is not exported"),
    ],
)
def test_export_requests_a_kernel_refuses_are_noted(sysfs, request_file, text, problem):
    sysfs.started()
    (sysfs.chip / request_file).write_text(text)
    sysfs.poll()
    assert problem in sysfs.problems()[0]
    assert sysfs.keeper.settings()[0].duty_cycle == 300_000


def test_unexport_takes_the_channel_away_and_the_pin_low(sysfs):
    sysfs.started()
    (sysfs.chip / "unexport").write_text("0")
    assert sysfs.poll() == [(0, None, False)]
    assert not (sysfs.chip / "pwm0").exists()


def test_empty_read_means_unchanged(sysfs):
    sysfs.started()
    descriptor = os.open(sysfs.chip / "pwm0" / "duty_cycle", os.O_WRONLY | os.O_TRUNC)
    assert sysfs.poll() == []
    os.write(descriptor, b"100000")
    os.close(descriptor)
    assert sysfs.poll() == [(0, pytest.approx(10.0), False)]
    assert sysfs.problems() == []


def test_wave_carries_the_time_of_the_write_not_of_the_poll(sysfs):
    sysfs.started()
    time.sleep(0.02)
    before = time.monotonic()
    sysfs.write(duty_cycle=100_000)
    written = time.monotonic()
    time.sleep(0.1)
    (wave,) = sysfs.keeper.poll(time.monotonic())
    assert before - 0.012 <= wave.at_s <= written + 0.001


def test_wrong_frequency_is_no_pilot(sysfs):
    sysfs.started()
    sysfs.write(period=2_000_000)
    assert sysfs.poll() == [(0, None, False)]


def test_new_keeper_takes_over_what_stands(sysfs, tmp_path):
    sysfs.started()
    second = PwmDirectory(tmp_path / "pwm", "bench.pwm", 2)
    assert [(wave.channel, wave.duty_pct) for wave in second.poll(time.monotonic())] == [(0, pytest.approx(30.0))]
    second.close()


def test_reset_leaves_nothing_exported(sysfs):
    sysfs.started().keeper.reset()
    assert sysfs.keeper.settings() == {} and not (sysfs.chip / "pwm0").exists()
