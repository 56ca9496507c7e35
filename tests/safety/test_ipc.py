"""The codec between the two processes: what goes in comes out, and nothing malformed gets through."""

from __future__ import annotations

import contextlib
import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.ipc import MAX_PACKET, MalformedMessage, Message, decode, encode
from controller.logic.evse import (
    ContactorState,
    EvseFacts,
    FaultReset,
    Heartbeat,
    LockState,
    LockWish,
    Measurements,
    Permit,
    PermitWithdrawn,
    PilotOutput,
    PilotState,
    PlugState,
)
from controller.logic.faults import ROWS
from controller.logic.reasons import Reason, texts_of

_numbers = st.floats(-1000, 1000).map(lambda value: round(value, 4))
_texts = st.text(min_size=1, max_size=40)
_amps = st.floats(0, 80)
_measurements = st.builds(
    Measurements,
    current_a=st.lists(_numbers, max_size=3).map(tuple),
    voltage_v=st.lists(_numbers, max_size=3).map(tuple),
    age_s=st.floats(0, 1e6),
)
_messages: st.SearchStrategy[Message] = st.one_of(
    st.builds(
        Permit,
        evse_id=st.integers(1, 64),
        max_current_a=_amps,
        phases=st.sampled_from([1, 3]),
        charging_record_id=_texts,
        lease_s=st.floats(0, 2),
        measurements=st.none() | _measurements,
    ),
    st.builds(PermitWithdrawn, evse_id=st.integers(1, 64)),
    st.builds(LockWish, evse_id=st.integers(1, 64), lock=st.booleans()),
    st.builds(FaultReset, evse_id=st.integers(1, 64), fault_id=_texts),
    st.just(Heartbeat()),
    st.builds(
        EvseFacts,
        evse_id=st.integers(1, 64),
        run_id=_texts,
        at_s=st.floats(0, 1e9),
        pilot=st.sampled_from(PilotState),
        plug=st.sampled_from(PlugState),
        plug_count=st.integers(0, 10**6),
        output=st.sampled_from(PilotOutput),
        duty_pct=st.none() | st.floats(10, 96),
        signalled_a=_amps,
        high_v=st.none() | _numbers,
        low_v=st.none() | _numbers,
        contactor=st.sampled_from(ContactorState),
        lock=st.sampled_from(LockState),
        cable_a=st.none() | st.integers(6, 80),
        record_id=st.none() | _texts,
        faults=st.lists(_texts, max_size=4).map(tuple),
        blocked_by=st.lists(_texts, max_size=6).map(tuple),
        cycles=st.integers(0, 10**6),
        under_load_opens=st.integers(0, 10**6),
    ),
)


@given(_messages)
def test_what_goes_in_comes_out(message: Message) -> None:
    packet = encode(message)
    assert 0 < len(packet) < MAX_PACKET
    assert decode(packet) == message


def test_the_wire_form_is_one_json_object_that_names_its_type() -> None:
    assert json.loads(encode(Permit(2, 16.0, 3, "r7"))) == {
        "t": "permit",
        "evse_id": 2,
        "max_current_a": 16.0,
        "phases": 3,
        "charging_record_id": "r7",
        "lease_s": 2.0,
        "measurements": None,
    }


PERMIT: dict[str, Any] = json.loads(encode(Permit(1, 16.0, 3, "r1", measurements=Measurements((1.0,), (230.0,), 0.1))))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("evse_id", 0), ("evse_id", True), ("evse_id", "1"), ("evse_id", 1.0), ("evse_id", None),
        ("max_current_a", -1), ("max_current_a", 81), ("max_current_a", "16"), ("max_current_a", None),
        ("max_current_a", True), ("max_current_a", 1e400), ("phases", 2), ("phases", 3.0),
        ("charging_record_id", ""), ("charging_record_id", None), ("charging_record_id", "x" * 401),
        ("lease_s", 2.1), ("lease_s", 1e9), ("lease_s", -1), ("measurements", []), ("measurements", {"current_a": [1]}),
        ("measurements", {"current_a": ["1"], "voltage_v": [], "age_s": 0}), ("t", "permission"), ("t", None), ("t", {}),
        ("extra", 1),
    ],
)  # fmt: skip
def test_a_permit_with_anything_wrong_is_malformed(key: str, value: Any) -> None:
    with pytest.raises(MalformedMessage):
        decode(json.dumps(PERMIT | {key: value}).encode())


@pytest.mark.parametrize("key", PERMIT)
def test_a_permit_with_anything_missing_is_malformed(key: str) -> None:
    with pytest.raises(MalformedMessage):
        decode(json.dumps({name: value for name, value in PERMIT.items() if name != key}).encode())


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_what_is_no_number_is_malformed(number: str) -> None:
    text = json.dumps(PERMIT).replace("16.0", number)
    assert number in text
    with pytest.raises(MalformedMessage):
        decode(text.encode())
    assert not math.isfinite(float(number.replace("Infinity", "inf")))


@given(st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
def test_any_bytes_are_a_message_or_malformed(packet: bytes) -> None:
    with contextlib.suppress(MalformedMessage):
        decode(packet)


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_any_json_is_a_message_or_malformed(value: Any) -> None:
    for wrapped in (
        value,
        {"t": "permit", "evse_id": value},
        PERMIT | {"measurements": value},
        PERMIT | {"phases": value},
    ):
        with contextlib.suppress(MalformedMessage):
            decode(json.dumps(wrapped).encode())


def test_a_packet_that_is_too_long_or_too_deep_is_malformed() -> None:
    for packet in (b" " * MAX_PACKET, b"[" * (MAX_PACKET - 1), b""):
        with pytest.raises(MalformedMessage):
            decode(packet)


def test_facts_with_every_fault_and_reason_fit_a_packet() -> None:
    ids = tuple(row.id for row in ROWS)
    facts = EvseFacts(
        1, "r" * 32, 1e6, PilotState.A, PlugState.UNKNOWN, 1, PilotOutput.X1, None, 0.0, 1.0, 1.0,
        ContactorState.UNKNOWN, LockState.UNLOCKED, None, None, ids, texts_of(sum(reason.bit for reason in Reason), ids),
    )  # fmt: skip
    assert decode(encode(facts)) == facts
