"""What the machine is told of a board file's EVSE, and what the kernel is asked for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from controller.config import load_board
from controller.wiring_safety import evse_config

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", ["mock", "reference"])
def test_the_shipped_boards_tell_the_machine_what_it_needs(name: str, tmp_path: Path) -> None:
    board = load_board(name, tmp_path)
    configs = [evse_config(evse, 0.01) for evse in board.evses]
    assert [config.evse_id for config in configs] == list(range(1, len(configs) + 1))
    for config, evse in zip(configs, board.evses, strict=True):
        assert config.has_lock is not evse.tethered and (config.cable_a is None) is not evse.tethered
        assert config.hardware_max_a == evse.hardware_max_a and config.phases == evse.phases
        assert config.has_rcd or config.upstream_rcd
        assert config.has_rcd_test is (evse.residual is not None and evse.residual.settings.test_pin is not None)
        assert config.longest_lease_s == 2.0


def test_what_the_kernel_refuses_is_told_and_the_loop_runs_on() -> None:
    """Run as another user with every limit at zero, in a process of its own: it changes the scheduler and the collector."""
    code = (
        "import os, resource, gc, ctypes\n"
        "from controller.safety.realtime import enter_real_time\n"
        "for limit in (resource.RLIMIT_RTPRIO, resource.RLIMIT_MEMLOCK): resource.setrlimit(limit, (0, 0))\n"
        "if os.getuid() == 0: os.setuid(65534)\n"
        "print(enter_real_time(), gc.isenabled())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "SCHED_FIFO: " in done.stdout and "mlockall: " in done.stdout and done.stdout.endswith("False\n")
