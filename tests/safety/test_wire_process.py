"""The real safety process with its real drivers on the mock bench: killed, left alone and stopped, judged by the plant's contact."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.logic.evse import ContactorState, PilotState
from tests.safety.lone_rig import LoneRig


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[LoneRig]:
    rig = LoneRig(tmp_path)
    try:
        yield rig
    finally:
        rig.stop()


@pytest.mark.wire
def test_a_lost_station_a_killed_and_a_stopped_process_all_end_open_and_dark(rig: LoneRig) -> None:
    safety = rig.start("safety")
    rig.bench("plug_in", evse=1, ev={"ignores_pwm_off": True})
    rig.connect()
    rig.renew(20.0, lambda facts: facts.contactor is ContactorState.CLOSED)
    assert rig.facts is not None and rig.facts.pilot is PilotState.C and rig.facts.blocked_by == ()

    lost_at = time.monotonic()
    assert rig.station is not None
    rig.station.close()
    rig.await_plant(7.0, lambda evse: evse["contact"] == "open")
    assert rig.edge("contact", False) - lost_at <= 6.5
    assert rig.edge("advertising", False) - lost_at <= 0.25

    rig.connect()
    rig.renew(20.0, lambda facts: facts.contactor is ContactorState.CLOSED)
    killed_at = time.monotonic()
    safety.kill()
    safety.wait()
    rig.await_plant(2.0, lambda evse: evse["contact"] == "open" and not evse["advertising"])
    assert rig.edge("contact", False) - killed_at <= 0.300  # 250 ms and the contactor's own time
    assert rig.edge("advertising", False) - killed_at <= 0.260

    safety = rig.start("safety")
    rig.connect()
    rig.renew(20.0, lambda facts: facts.contactor is ContactorState.CLOSED)
    safety.send_signal(signal.SIGTERM)
    assert safety.wait(5) == 0
    rig.await_plant(1.0, lambda evse: evse["contact"] == "open" and not evse["advertising"])
