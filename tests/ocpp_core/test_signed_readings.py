"""A reading that the meter signed: carried from the meter to the message as it is, through the store and in both versions."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from controller.logic.metering import samples
from controller.logic.records import Kept
from controller.logic.values import Measurand, MeterReading, Sample, SampleContext, SignedReading
from controller.ocpp.signed import signed_meter_value
from controller.ocpp.v2.messages201 import SampledValueType
from controller.ocpp.v2.metering import sampled_value
from controller.ocpp.v16.messages import SampledValue
from controller.ocpp.v16.transactions import sampled_values
from tests.store.facts import HandClock, ended, open_store

OCMF = b'OCMF|{"FV":"1.0"}|{"SD":"30\xff"}'
SIGNED = SignedReading(OCMF, "OCMF", "", bytes.fromhex("3056"))
READING = MeterReading(5.0, (230.0,), (16.0,), 3680.0, 1234, signed=SIGNED)
SAMPLE = Sample(Measurand.ENERGY_IMPORT, 1234, "Wh", SampleContext.TRANSACTION_END, None, SIGNED)
FIELDS = {
    "signedMeterData": base64.b64encode(OCMF).decode(),
    "signingMethod": "",
    "encodingMethod": "OCMF",
    "publicKey": base64.b64encode(b"oca:base16:asn1:3056").decode(),
}


@pytest.mark.parametrize("context", list(SampleContext))
def test_the_begin_and_the_end_carry_the_signature(context: SampleContext) -> None:
    found = samples(READING, [Measurand.ENERGY_IMPORT, Measurand.VOLTAGE], context, offered_a=0.0, phases=1)
    is_edge = context in (SampleContext.TRANSACTION_BEGIN, SampleContext.TRANSACTION_END)
    assert [sample.signed for sample in found] == [SIGNED if is_edge else None, None]


def test_what_the_meter_signed_comes_out_of_the_store_as_it_went_in(tmp_path: Path) -> None:
    clock = HandClock()
    store = open_store(tmp_path / "store.sqlite", clock)
    kept = Kept(clock.now(), (SAMPLE,))
    store.keep("one", kept)
    assert store.kept("one") == (kept,)
    store.close()


def test_a_row_without_a_signature_is_one_of_before() -> None:
    event = ended("one", HandClock().now())
    older = msgspec.to_builtins(replace(event, samples=(SAMPLE,)))
    del older["samples"][0]["signed"]
    assert msgspec.convert(older, type(event)).samples == (replace(SAMPLE, signed=None),)


def test_201_tells_it_beside_the_value() -> None:
    told = sampled_value(SAMPLE)
    assert told["value"] == 1234 and told["signedMeterValue"] == FIELDS
    assert msgspec.convert(told, SampledValueType)
    assert "signedMeterValue" not in sampled_value(replace(SAMPLE, signed=None))


def test_16_tells_it_as_a_second_value() -> None:
    plain, signed = sampled_values(SAMPLE)
    assert plain == sampled_values(replace(SAMPLE, signed=None))[0]
    assert (signed["format"], signed["context"]) == ("SignedData", "Transaction.End")
    assert json.loads(signed["value"]) == FIELDS
    assert msgspec.convert(signed, SampledValue)


def test_without_a_key_the_field_is_empty_and_too_much_is_left_out_whole() -> None:
    assert signed_meter_value(replace(SIGNED, public_key=b"")) == {**FIELDS, "publicKey": ""}
    assert signed_meter_value(replace(SIGNED, data=bytes(1875))) is not None
    assert signed_meter_value(replace(SIGNED, data=bytes(1876))) is None
    assert sampled_values(replace(SAMPLE, signed=replace(SIGNED, data=bytes(1876)))) == [sampled_values(SAMPLE)[0]]
