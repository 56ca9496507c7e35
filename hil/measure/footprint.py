"""What the safety process occupies and takes, with both EVSEs charging: figures of one process, from the kernel's own books."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from hil.measure.platform import cpu_s, status_of
from hil.measure.shape import Shape
from hil.measure.site import Site, run_sites
from hil.processes import RigError

STARTS = 5
CPU_OVER_S = 10.0
READY_WITHIN_S = 60.0
CHARGING_WITHIN_S = 60.0
MOST_MIB, MOST_CPU_PCT, MOST_READY_S = 28.0, 4.0, 0.3
_COMMAND = ("-m", "controller", "run", "--only", "safety")


def footprint(directory: Path, say: Callable[[str], None]) -> list[Shape]:
    """Start it a few times; then let it charge two vehicles."""
    ready_s = []
    for start in range(STARTS):
        say(f"safety process: start {start + 1} of {STARTS}")
        with Site(directory / str(start), _COMMAND) as site:
            await_ready([site])
            ready_s.append(site.ready_s or 0.0)
    with Site(directory / "charging", _COMMAND) as site:
        charge([site], say)
        say(f"safety process: charging for {CPU_OVER_S:.0f} s")
        before, began = cpu_s(site.process.pid), time.monotonic()
        run_sites([site], CPU_OVER_S)
        cpu_pct = (cpu_s(site.process.pid) - before) / (time.monotonic() - began) * 100.0
        status = status_of(site.process.pid)
    mib = max(status["VmRSS"], status.get("VmLck", 0)) / 1024
    return [
        Shape.within("safety_ready_s", median(ready_s), "s", MOST_READY_S, f"the median of {STARTS} starts"),
        Shape.within("safety_locked_mib", mib, "MiB", MOST_MIB, "resident, memory locked"),
        Shape.within("safety_cpu_pct", cpu_pct, "%", MOST_CPU_PCT, "of one core, two EVSEs charging"),
        Shape.within("safety_threads", status["Threads"], "", 1, "no thread beside the loop"),
    ]


def await_ready(sites: list[Site]) -> None:
    """Keep all plants going until every process serves. Raises RigError."""
    deadline = time.monotonic() + READY_WITHIN_S
    while not all(site.is_ready() for site in sites):
        if time.monotonic() > deadline:
            raise RigError(f"a measured process was not ready within {READY_WITHIN_S:.0f} s")
        run_sites(sites, 0.005)


def charge(sites: list[Site], say: Callable[[str], None]) -> None:
    """Plug a vehicle in everywhere and wait until all draw power. Raises RigError."""
    await_ready(sites)
    say("plugging in; each EVSE tests its residual-current monitor first")
    for site in sites:
        site.plug_in()
    deadline = time.monotonic() + CHARGING_WITHIN_S
    while not all(site.is_charging() for site in sites):
        if time.monotonic() > deadline:
            raise RigError(f"not every vehicle charges: {' | '.join(site.against_charging() for site in sites)}")
        run_sites(sites, 0.1)
