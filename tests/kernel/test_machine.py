"""The host's side of a run: what is missing is one line, the console is understood, a run that hangs is ended."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import pytest

from hil.kernel import __main__ as kernel_test
from hil.kernel.machine import Machine, MachineError, message
from hil.kernel.packages import Unusable, kernel, kernel_names, need_programs
from hil.kernel.parties import line_of
from hil.kernel.wiring import MARK

DEPENDS = """linux-image-amd64
  Depends: linux-image-6.1.0-56-amd64
  Conflicts: linux-image-amd64-old
"""
GPIO_LIST = """gpiochip0: GPIOs 1000-1023, parent: platform/AMDIF031:00, AMDIF031:00:
 gpio-1001 (                    |lg                  ) in  lo
 gpio-1016 (                    |lg                  ) out hi \n"""
GPIO_LIST_FROM_512 = """gpiochip0: 24 GPIOs, parent: platform/AMDIF031:00, AMDIF031:00: GPIOs 512-535
 gpio-528 (                    |lg                  ) out lo
"""


@pytest.mark.parametrize(
    ("there", "line"),
    [
        (
            {"apt-get", "dpkg-deb"},
            "qemu-system-x86_64 not found; install it and try again: sudo apt install qemu-system-x86",
        ),
        (
            {"qemu-system-x86_64", "dpkg-deb"},
            "apt-get not found; install it and try again: sudo apt install apt",
        ),
    ],
)
def test_a_missing_program_is_one_line_with_the_package(there: set[str], line: str) -> None:
    with pytest.raises(Unusable) as refused:
        need_programs(lambda name: f"/bin/{name}" if name in there else None)
    assert str(refused.value) == line


def test_without_qemu_the_command_ends_with_2_and_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert kernel_test.main(["--directory", str(tmp_path), "--json", str(tmp_path / "x.json")]) == 2
    told = capsys.readouterr()
    assert told.out == "" and told.err.count("\n") == 1
    assert told.err.startswith("kernel-test: qemu-system-x86_64, apt-get, dpkg-deb not found; install")
    assert not (tmp_path / "x.json").exists()


def test_a_package_that_is_none_is_one_line_that_names_it(tmp_path: Path) -> None:
    package = tmp_path / "linux-image-0.deb"
    package.write_text("no package")
    with pytest.raises(Unusable, match=r"linux-image-0\.deb cannot be unpacked"):
        kernel(tmp_path / "kernel", package, lambda line: None)


def test_the_kernel_behind_the_meta_package_is_the_one_it_depends_on() -> None:
    assert kernel_names(DEPENDS) == ["linux-image-6.1.0-56-amd64"]
    assert kernel_names("") == []


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (MARK + '{"say": "up"}', {"say": "up"}),
        ("[    4.02] i2c-stub: loaded" + MARK + '{"done": true}', {"done": True}),
        (MARK + '{"say": "cut', None),
        (MARK + "[1]", None),
        ('{"say": "no mark"}', None),
        ("", None),
    ],
)
def test_a_line_of_the_console_is_a_message_or_nothing(line: str, told: object) -> None:
    assert message(line) == told


def machine(tmp_path: Path, code: str) -> Machine:
    return Machine([sys.executable, "-c", code], tmp_path / "console.log")


def test_messages_come_while_the_machine_runs_and_the_log_has_everything(tmp_path: Path) -> None:
    running = machine(tmp_path, f"print('boot'); print({MARK!r} + '{{\"say\": \"up\"}}\\r')")
    try:
        assert [dict(told) for told in running.messages(10)] == [{"say": "up"}]
    finally:
        running.close()
    assert (tmp_path / "console.log").read_text().splitlines()[0] == "boot"
    assert "ends with:\n    boot\n" in str(running.failure("it ended"))


def test_a_machine_that_hangs_is_ended_with_the_consoles_tail(tmp_path: Path) -> None:
    running = machine(tmp_path, "import time; print('Kernel panic', flush=True); time.sleep(60)")
    began = time.monotonic()
    try:
        with pytest.raises(
            MachineError, match=r"did not finish within 0\.5 s; its console .* ends with:\n    Kernel p"
        ):
            list(running.messages(0.5))
    finally:
        running.close()
    assert time.monotonic() - began < 10


def test_an_emulator_that_cannot_be_started_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match=r"/nowhere/qemu cannot be started: No such file"):
        Machine(["/nowhere/qemu"], tmp_path / "console.log")


@pytest.mark.parametrize(
    ("told", "ok"),
    [
        ([{"step": "a", "ok": True, "seen": "x", "problem": ""}, {"done": True}], True),
        ([{"step": "a", "ok": True, "seen": "x", "problem": ""}], False),
        ([{"step": "a", "ok": False, "seen": "", "problem": "no"}, {"done": False}], False),
        ([{"done": True}], False),
    ],
)
def test_only_a_session_that_ended_with_every_step_seen_is_good(told: list[dict[str, object]], ok: bool) -> None:
    verdict = kernel_test.Verdict()
    lines = [verdict.take(each) for each in told]
    assert verdict.ok is ok
    assert all(line is None or line.startswith(("ok", "NOT")) for line in lines)


def test_a_failed_step_makes_the_command_fail_and_is_in_the_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    verdict = kernel_test.Verdict()
    verdict.take({"step": "opens", "ok": False, "seen": "", "problem": "too late"})
    verdict.take({"done": False})
    monkeypatch.setattr(kernel_test, "run", lambda *_: ("6.1", verdict))
    said: list[str] = []
    assert kernel_test.main(["--json", str(tmp_path / "v.json")], said.append) == 1
    told = json.loads((tmp_path / "v.json").read_text())
    assert told["ok"] is False and told["steps"][0]["problem"] == "too late"
    assert "0 of 1 steps" in said[-1]


@pytest.mark.parametrize(
    ("listed", "pin", "shown"),
    [
        (GPIO_LIST, 16, "out hi"),
        (GPIO_LIST, 1, "in lo"),
        (GPIO_LIST, 6, ""),
        (GPIO_LIST_FROM_512, 16, "out lo"),
        ("", 1, ""),
    ],
)
def test_a_line_is_found_in_the_kernels_list(listed: str, pin: int, shown: str) -> None:
    assert line_of(listed, pin) == shown
