"""Ask the kernel for what a real-time loop wants, and say once what it did not give."""

from __future__ import annotations

import ctypes
import gc
import os

PRIORITY = 50  # of SCHED_FIFO: above ordinary work, below the kernel's own threads that serve our devices
_MCL_CURRENT_AND_FUTURE = 3


def enter_real_time() -> list[str]:
    """Raise the priority, lock the memory, keep the collector out. Returns what was refused, empty if nothing."""
    refused = []
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(PRIORITY))
    except OSError as error:
        refused.append(f"SCHED_FIFO: {error.strerror}")
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mlockall(_MCL_CURRENT_AND_FUTURE) != 0:
        refused.append(f"mlockall: {os.strerror(ctypes.get_errno())}")
    gc.collect()
    gc.freeze()
    gc.disable()  # the loop makes no cycles; a collection of the whole heap would cost milliseconds
    return refused
