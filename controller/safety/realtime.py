"""Ask the kernel for what a real-time loop wants, and say once what it did not give."""

from __future__ import annotations

import ctypes
import gc
import os

PRIORITY = 50  # of SCHED_FIFO: above ordinary work, below the kernel's own threads that serve our devices
_MCL_CURRENT_AND_FUTURE = 3
_PR_SET_TIMERSLACK = 29


def enter_real_time() -> list[str]:
    """Raise the priority, lock the memory, keep the collector out. Returns what was refused, empty if nothing."""
    libc = ctypes.CDLL(None, use_errno=True)
    gc.collect()
    gc.freeze()
    gc.disable()  # the loop makes no cycles; a collection of the whole heap would cost milliseconds
    _return_memory(libc)
    refused = []
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(PRIORITY))
    except OSError as error:
        refused.append(f"SCHED_FIFO: {error.strerror}")
        libc.prctl(
            _PR_SET_TIMERSLACK, 1, 0, 0, 0
        )  # 1 ns: without a real-time class the kernel adds 50 us to every sleep
    if libc.mlockall(_MCL_CURRENT_AND_FUTURE) != 0:
        refused.append(f"mlockall: {os.strerror(ctypes.get_errno())}")
    return refused


def _return_memory(libc: ctypes.CDLL) -> None:
    """Give what start-up has freed back to the kernel, so that it is not locked for good. Only glibc knows how."""
    trim = getattr(libc, "malloc_trim", None)
    if trim is not None:
        trim(0)
