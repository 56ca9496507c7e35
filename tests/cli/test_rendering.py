"""What people read: status, why and watch, from the station's own values, within 80 columns."""

from __future__ import annotations

from typing import Any

import pytest

from controller.bringup.finding import Finding, failed, not_built
from controller.cli import bringup, status, watch, why

CHARGING: dict[str, Any] = {
    "id": 1,
    "connector": "sType2",
    "status": "Charging",
    "fault": "",
    "stage": "charging",
    "charging_state": "Charging",
    "plugged": True,
    "transaction": "0f8fad5b-d9cb-469f-a165-70867728950e",
    "offered_a": 16.0,
    "drawn_a": [15.9, 0.0, 0.0],
    "power_w": 3657.0,
    "register_wh": 12345,
    "meter": "ok",
    "pilot": "C",
    "output": "X2",
    "duty_pct": 26.7,
    "high_v": 6.02,
    "low_v": -12.0,
    "contactor": "closed",
    "lock": "locked",
    "faults": [],
}
SNAPSHOT: dict[str, Any] = {
    "identity": "CP-1",
    "firmware": "0.1.0",
    "board": "mock",
    "csms": {
        "url": "ws://127.0.0.1:9310/",
        "online": True,
        "protocol": "ocpp2.0.1",
        "undelivered": 0,
        "given_up": 0,
        "problem": "",
    },
    "clock": "trusted",
    "database": "ok",
    "readers": ["ok", "ok"],
    "evses": [CHARGING],
}


def test_status_of_a_charging_evse_tells_every_figure() -> None:
    assert status.rendered(SNAPSHOT).splitlines() == [
        "station  CP-1 on board mock, version 0.1.0",
        "CSMS     ws://127.0.0.1:9310/",
        "         online, ocpp2.0.1, everything delivered",
        "",
        "EVSE 1  Charging",
        "  session      charging, plugged, Charging",
        "  transaction  0f8fad5b-d9cb-469f-a165-70867728950e",
        "  current      16.0 A offered, 15.9 / 0.0 / 0.0 A drawn",
        "  energy       12345 Wh, 3657 W",
        "  pilot        C, we drive X2 at 26.7 % duty, +6.0 / -12.0 V seen",
        "  contactor    closed",
        "  lock         locked",
    ]


def test_status_without_safety_csms_meter_and_clock_says_so() -> None:
    unknown = dict.fromkeys(
        ("pilot", "output", "duty_pct", "high_v", "low_v", "contactor", "lock", "power_w", "register_wh")
    )
    evse = {
        **CHARGING, **unknown, "status": "Faulted", "fault": "safety_lost", "transaction": None, "drawn_a": [],
        "meter": "meter sdm630 on /dev/ttyUSB0: silent", "faults": ["weld"],
    }  # fmt: skip
    problem = "the CSMS picked no OCPP version, offered were ocpp2.0.1: check csms.protocols and the CSMS"
    csms = {**SNAPSHOT["csms"], "online": False, "undelivered": 7, "problem": problem}
    readers = ["PN532 on /dev/serial0 of b.toml [reader.1] is not there: No such file or directory", "ok"]
    text = status.rendered({**SNAPSHOT, "csms": csms, "readers": readers, "clock": "untrusted", "evses": [evse]})
    assert "         OFFLINE, 7 messages waiting\n         the CSMS picked no OCPP version" in text
    assert "reader   PN532 on /dev/serial0 of b.toml [reader.1] is not there" in text
    assert "clock    not trusted yet" in text
    assert "EVSE 1  Faulted (safety_lost)" in text
    assert "pilot        unknown: no word from the safety process" in text
    assert "energy       no reading yet - meter sdm630 on /dev/ttyUSB0: silent" in text
    assert "faults       weld" in text
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize(("waiting", "says"), [(0, "nothing waiting"), (1234, "1234 messages waiting")])
def test_status_tells_what_the_wire_has_given_up_on_and_where_to_look(waiting: int, says: str) -> None:
    csms = {**SNAPSHOT["csms"], "undelivered": waiting, "given_up": 12}
    lines = status.rendered({**SNAPSHOT, "csms": csms}).splitlines()
    assert lines[2:4] == [
        f"         online, ocpp2.0.1, {says}",
        "         12 messages were never delivered: pilotline records list",
    ]


def test_status_tells_of_a_damaged_database_within_80_columns() -> None:
    lines = status.rendered({**SNAPSHOT, "database": "the database was damaged, " * 5}).splitlines()
    assert lines[3] == "database  the database was damaged, the database was damaged, the database was"
    assert lines[4].startswith("          damaged,") and max(map(len, lines)) <= 80


def test_why_lists_limits_with_the_binding_one_marked_and_every_reason() -> None:
    answer = {
        "csms": "connection refused", "readers": [],
        "database": "the database was damaged, and salvaged were 3 transactions",
        "last_token": {"evse": 1, "text": "refused: the CSMS says Blocked", "ago_s": 12},
        "evses": [
            {
                "id": 1, "status": "SuspendedEVSE", "offered_a": 0.0, "phases": 3, "binding": "profile",
                "limits": [
                    {"name": "profile", "current_a": 0.0, "why": "TxProfile 3 of the CSMS, stack level 2, " * 3, "binds": True},
                    {"name": "board", "current_a": 32.0, "why": "hardware_max_a", "binds": False},
                ],
                "not_charging": ["limit 'profile' leaves 0 A: TxProfile 3"],
                "contactor_open_because": ["no permit", "Contactor welded: Replace it."],
                "faults": [
                    {"id": "weld", "title": "Contactor welded", "hint": "Replace it.", "clears": "reset"},
                    {"id": "lock_jammed", "title": "Jammed", "hint": "", "clears": "unplug"},
                    {"id": "mains_lost", "title": "No mains", "hint": "", "clears": "by itself"},
                ],
            }
        ]
    }  # fmt: skip
    text = why.rendered(answer)
    assert text.splitlines()[:3] == [
        "EVSE 1  SuspendedEVSE, 0.0 A allowed on 3 phases",
        "  limits, the least first:",
        "  >    0.0 A  profile  TxProfile 3 of the CSMS, stack level 2, TxProfile 3 of",
    ]
    assert "      32.0 A  board    hardware_max_a" in text
    assert "  not charging because:\n    - limit 'profile' leaves 0 A: TxProfile 3" in text
    assert "  contactor open because:\n    - no permit" in text and text.count("Replace it") == 1
    assert text.splitlines()[-9:] == [
        "  fault weld: Contactor welded. Replace it.",
        "    once that is done: pilotline clear 1 weld",
        "  fault lock_jammed: Jammed",
        "    once that is done: unplug",
        "  fault mains_lost: No mains",
        "",
        "CSMS: connection refused",
        "database: the database was damaged, and salvaged were 3 transactions",
        "last token: refused: the CSMS says Blocked (12 s ago at EVSE 1)",
    ]
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize(
    ("event", "says"),
    [
        ({"kind": "frame", "direction": "out", "text": "[2,…]"}, "frame       -> [2,…]"),
        ({"kind": "frame", "direction": "in", "text": "[3,…]"}, "frame       <- [3,…]"),
        (
            {
                "kind": "pilot",
                "evse": 1,
                "state": "C",
                "output": "X2",
                "duty_pct": 26.67,
                "offered_a": 16.0,
                "high_v": 6.0,
            },
            "EVSE 1  pilot       C, we drive X2 26.7 %, 16.0 A, +6.0 V",
        ),
        ({"kind": "contactor", "evse": 2, "state": "closed"}, "EVSE 2  contactor   state closed"),
        ({"kind": "fault", "evse": 1, "id": "weld", "active": True}, "EVSE 1  fault       weld RAISED"),
        (
            {"kind": "fault", "id": "reader_lost", "active": True, "detail": "gone"},
            "fault       reader_lost RAISED: gone",
        ),
        ({"kind": "token", "evse": None, "text": "accepted"}, "token       accepted"),
        ({"kind": "token", "text": "presented: Local", "reader": 2}, "token       reader 2: presented: Local"),
        ({"kind": "limit", "evse": 1, "offered_a": 10, "binding": "profile", "why": "x"}, "10.0 A by profile: x"),
        ({"kind": "transaction", "evse": 1, "event": "Started", "reason": None}, "EVSE 1  transaction event Started"),
        ({"kind": "new thing", "x": 1}, "new thing   x 1"),
    ],
)
def test_watch_shows_each_kind_of_event_in_one_line(event: dict[str, Any], says: str) -> None:
    line = watch.line_of({"at": "2026-01-05T06:00:00+00:00", **event})
    assert says in line and "\n" not in line
    assert line.count(":") >= 2


PATH = "/dev/serial/by-path/platform-fd500000.pcie-pci-0000:01:00.0-usb-0:1.3:1.0-port0"


@pytest.mark.parametrize(
    "finding",
    [
        failed("meter", 1, f"ACME on {PATH} is not there", "a reading", f"{PATH} and its wires: hw/docs/bring-up.md"),
        not_built("pilot duty", 1, "this front end tells no duty: see the volts in hw/docs/bring-up.md"),
    ],
    ids=["failed", "not built"],
)
def test_a_finding_of_the_bring_up_keeps_paths_whole(finding: Finding) -> None:
    text = bringup.rendered(finding)
    assert text.count(PATH) == f"{finding.measured} {finding.check}".count(PATH) and "hw/docs/bring-up.md" in text
    assert all(len(line) <= 80 or PATH in line for line in text.splitlines())
