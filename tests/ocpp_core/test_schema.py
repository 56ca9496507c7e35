"""What a payload error is called, and the places where we go beyond the schemas."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from controller.ocpp.exc import ErrorCode, PayloadError
from controller.ocpp.schema import Codec, is_nested_too_deep, wire_time
from controller.ocpp.v2 import messages201
from controller.ocpp.v16 import messages

V201 = Codec("ocpp2.0.1", messages201.ACTIONS)
V16 = Codec("ocpp1.6", messages.ACTIONS)
BOOT: dict[str, Any] = {"currentTime": "2026-01-05T06:00:00Z", "interval": 300, "status": "Accepted"}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"interval": None}, ErrorCode.TYPE_CONSTRAINT_VIOLATION),
        ({"interval": "300"}, ErrorCode.TYPE_CONSTRAINT_VIOLATION),
        ({"interval": 300.5}, ErrorCode.TYPE_CONSTRAINT_VIOLATION),
        ({"interval": 2**31}, ErrorCode.PROPERTY_CONSTRAINT_VIOLATION),
        ({"status": "Perhaps"}, ErrorCode.PROPERTY_CONSTRAINT_VIOLATION),
        ({"status": 1}, ErrorCode.TYPE_CONSTRAINT_VIOLATION),
        ({"currentTime": "yesterday"}, ErrorCode.TYPE_CONSTRAINT_VIOLATION),
        ({"currentTime": "2026-01-05T06:00:00"}, ErrorCode.TYPE_CONSTRAINT_VIOLATION),
        ({"colour": "red"}, ErrorCode.FORMAT_VIOLATION),
        ({"statusInfo": {"reasonCode": "x" * 21}}, ErrorCode.PROPERTY_CONSTRAINT_VIOLATION),
        ({"statusInfo": {}}, ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION),
        ({"customData": {}}, ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION),
        ({"customData": {"vendorId": 5}}, ErrorCode.TYPE_CONSTRAINT_VIOLATION),
        ({"customData": {"vendorId": "x" * 256}}, ErrorCode.PROPERTY_CONSTRAINT_VIOLATION),
        ({"customData": []}, ErrorCode.TYPE_CONSTRAINT_VIOLATION),
    ],
)
def test_each_kind_of_mistake_has_its_code(changes: dict[str, Any], code: ErrorCode) -> None:
    with pytest.raises(PayloadError) as caught:
        V201.decode_response("BootNotification", json.dumps(BOOT | changes).encode())
    assert caught.value.code is code


def test_a_missing_field_an_empty_list_and_a_non_object_have_their_codes() -> None:
    for payload, code in (
        ({"interval": 1}, ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION),
        ([], ErrorCode.TYPE_CONSTRAINT_VIOLATION),
    ):
        with pytest.raises(PayloadError) as caught:
            V201.decode_response("BootNotification", json.dumps(payload).encode())
        assert caught.value.code is code
    with pytest.raises(PayloadError) as caught:
        V201.decode_request("GetVariables", b'{"getVariableData": []}')
    assert caught.value.code is ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION


def test_16_calls_a_payload_without_a_required_field_incomplete() -> None:
    with pytest.raises(PayloadError) as caught:
        V16.decode_request("Reset", b"{}")
    assert caught.value.code is ErrorCode.PROTOCOL_ERROR


def test_an_integral_number_passes_for_an_integer() -> None:
    answer = V201.decode_response("BootNotification", json.dumps(BOOT | {"interval": 300.0}).encode())
    assert isinstance(answer, messages201.BootNotificationResponse)
    assert answer.interval == 300


def test_custom_data_is_kept_whole() -> None:
    custom = {"vendorId": "org.example", "meter": [1, 2.5], "deep": {"a": None}}
    answer = V201.decode_response(
        "Heartbeat", json.dumps({"currentTime": BOOT["currentTime"], "customData": custom}).encode()
    )
    assert json.loads(V201.encode_response("Heartbeat", answer))["customData"] == custom


@pytest.mark.parametrize(
    ("digits", "is_good"),
    [("0.3", True), ("16.1", True), ("6", True), ("16.05", False), ("0.30000000000000001", False)],
)
def test_one_decimal_in_16_is_judged_on_its_digits(digits: str, is_good: bool) -> None:
    text = (
        '{"connectorId":1,"csChargingProfiles":{"chargingProfileId":1,"stackLevel":0,"chargingProfilePurpose":"TxProfile",'
        '"chargingProfileKind":"Relative","chargingSchedule":{"chargingRateUnit":"A","chargingSchedulePeriod":'
        f'[{{"startPeriod":0.0,"limit":{digits}}}]}}}}}}'
    )
    if is_good:
        V16.decode_request("SetChargingProfile", text.encode())
    else:
        with pytest.raises(PayloadError) as caught:
            V16.decode_request("SetChargingProfile", text.encode())
        assert caught.value.code is ErrorCode.PROPERTY_CONSTRAINT_VIOLATION


def test_a_time_without_zone_passes_in_16() -> None:
    V16.decode_response("Heartbeat", b'{"currentTime": "2026-01-05T06:00:00"}')


def test_nothing_malformed_is_encoded() -> None:
    with pytest.raises(PayloadError):
        V201.encode_request("Heartbeat", {"now": 1})


def test_nesting_is_bounded_and_brackets_in_strings_do_not_count() -> None:
    assert is_nested_too_deep("[" * 65 + "]" * 65)
    assert not is_nested_too_deep("[" * 64 + "]" * 64)
    assert not is_nested_too_deep('["' + "[" * 100 + r'\"{"]')
    assert not is_nested_too_deep("[" + "[]," * 100 + "[]]")
    with pytest.raises(PayloadError):
        V201.decode_request("DataTransfer", b'{"vendorId":"x","data":' + b"[" * 100000 + b"]" * 100000 + b"}")


def test_times_go_out_in_utc_with_three_decimals() -> None:
    assert wire_time(datetime(2026, 1, 5, 6, 0, 0, 999999, UTC)) == "2026-01-05T06:00:00.999Z"
    assert wire_time(datetime.fromisoformat("2026-01-05T06:00:00+01:00")) == "2026-01-05T05:00:00.000Z"


def test_16_spells_its_codes_as_its_errata_left_them() -> None:
    assert V16.spell(ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION) == "OccurenceConstraintViolation"
    assert V16.spell(ErrorCode.FORMAT_VIOLATION) == "FormationViolation"
    assert V16.spell(ErrorCode.MESSAGE_TYPE_NOT_SUPPORTED) == ""
    assert V201.spell(ErrorCode.FORMAT_VIOLATION) == "FormatViolation"
    assert V201.spell("VendorSpecific") == "VendorSpecific"
