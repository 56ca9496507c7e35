"""Text to frames: nothing is ever raised, whatever the text."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.ocpp import framing
from controller.ocpp.redaction import redacted, without_tokens

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=12,
)


@given(st.text() | JSON.map(json.dumps) | st.lists(JSON, max_size=6).map(json.dumps))
def test_any_text_is_some_frame_and_can_be_shown(text: str) -> None:
    frame = framing.parse(text)
    assert isinstance(frame, framing.Call | framing.CallResult | framing.CallFailure | framing.BadFrame)
    assert isinstance(redacted(text), str)
    assert isinstance(without_tokens(text), str)


@given(st.text(min_size=1, max_size=36), st.text(max_size=50), st.dictionaries(st.text(), JSON, max_size=4))
def test_what_is_written_is_read_again(identity: str, action: str, payload: dict[str, object]) -> None:
    written = json.dumps(payload).encode()
    call = framing.parse(framing.call_text(identity, action, written))
    assert call == framing.Call(identity, action, written)
    assert framing.parse(framing.result_text(identity, written)) == framing.CallResult(identity, written)
    failure = framing.parse(framing.error_text(identity, "GenericError", action, payload))
    assert isinstance(failure, framing.CallFailure)
    assert (failure.id, failure.code, failure.description) == (identity, "GenericError", action)


def test_an_error_without_description_or_details_is_understood() -> None:
    assert framing.parse('[4, "a", "NotSupported"]') == framing.CallFailure("a", "NotSupported", "", {})
    assert framing.parse('[4, "a", "NotSupported", null, null]') == framing.CallFailure("a", "NotSupported", "", {})


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ('[2,"a","ChangeConfiguration",{"key":"AuthorizationKey","value":"0102SECRET"}]', "0102SECRET"),
        ('[2,"a","SetNetworkProfile",{"connectionData":{"apn":{"apnPassword":"hush"}}}]', "hush"),
        ('[2,"a","Authorize",{"idToken":{"idToken":"1234","type":"KeyCode"}}]', '"1234"'),
        ('[2,"a","ChangeConfiguration",{"key":"AuthorizationKey","value":"broken', "broken"),
    ],
)
def test_a_secret_is_hidden_wherever_it_stands(text: str, hidden: str) -> None:
    assert hidden not in redacted(text)


def test_what_is_no_secret_is_left_alone() -> None:
    text = '[2,"a","ChangeConfiguration",{"key":"HeartbeatInterval","value":"5"}]'
    assert redacted(text) is text


def test_the_log_shows_the_end_of_a_token_at_most() -> None:
    text = '[2,"a","Authorize",{"idTag":"04A1B2C3D4","x":{"idToken":"short"}}]'
    assert without_tokens(text) == '[2,"a","Authorize",{"idTag":"…C3D4","x":{"idToken":"…"}}]'


def test_a_long_description_is_cut_to_what_fits() -> None:
    assert json.loads(framing.error_text("a", "GenericError", "x" * 1000, {}))[3] == "x" * 255
