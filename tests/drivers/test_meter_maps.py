"""Register maps of one's own: read by their path, and every mistake told with key, value and rule."""

from __future__ import annotations

import copy
import tomllib
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import strategies as st

from drivers.meter.model import ModelError, known_models, load_model, model_of
from tests.drivers.fuzzing import fuzzed

MODELS = Path(__file__).parents[2] / "drivers" / "meter" / "models"


def test_an_unknown_model_names_those_there_are() -> None:
    with pytest.raises(ModelError, match=r"no meter model 'sdm631'; known models: abb_b23, .*sdm630"):
        load_model("sdm631")


def test_a_map_of_ones_own_is_read_by_its_path(tmp_path: Path) -> None:
    own = tmp_path / "mine.toml"
    own.write_text((MODELS / "sdm120.toml").read_text())
    assert load_model(str(own)).phases == 1


LABEL = {"register": 1, "type": "u32"}
TEXT = {"register": 0xA000, "type": "text", "words": 300}


def with_changes(table: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """changes: by dotted key; None takes the key away."""
    changed: dict[str, Any] = copy.deepcopy(table)
    for dotted, value in changes.items():
        *parents, key = dotted.split(".")
        place = changed
        for parent in parents:
            place = place[parent]
        if value is None:
            del place[key]
        else:
            place[key] = value
    return changed


MISTAKES: list[tuple[dict[str, Any], str]] = [
    ({"colour": "red"}, "unknown key colour = 'red'; known: name, phases, function"),
    ({"max_regs": 80}, "unknown key max_regs = 80; did you mean max_registers?"),
    ({"voltage": {"registers": [0]}}, "unknown key voltage; did you mean voltage_v?"),
    ({"power_w.scal": 10}, "unknown key power_w.scal = 10; did you mean power_w.scale?"),
    ({"serial.stopbits": 1}, "unknown key serial.stopbits = 1; did you mean serial.stop_bits?"),
    ({"a\nb": 1}, "unknown key 'a\\nb' = 1"),
    ({"name": None}, "name is missing"),
    ({"name": ""}, "name = '' is not a text of one line"),
    ({"phases": 2}, "phases = 2 is none of 1, 3"),
    ({"phases": "3"}, "phases = '3' is not a whole number"),
    ({"function": 6}, "function = 6 is none of 3, 4"),
    ({"max_registers": 126}, "max_registers = 126 is not 1 to 125"),
    ({"max_registers": 0}, "max_registers = 0 is not 1 to 125"),
    ({"pause_ms": -5}, "pause_ms = -5 is not 0 to 5000"),
    ({"serial": None}, "serial.baud is missing"),
    ({"serial": "9600 8N1"}, "serial = '9600 8N1' is not a section: write it as [serial]"),
    ({"serial.baud": 96}, "serial.baud = 96 is not 300 to 115200"),
    ({"serial.parity": "even"}, "serial.parity = 'even' is none of N, E, O; did you mean E?"),
    ({"serial.stop_bits": 3}, "serial.stop_bits = 3 is none of 1, 2"),
    ({"type": "float32"}, "power_w.type = 'float32' is none of u16, i16, u32, i32, u64, i64, f32; did you mean f32?"),
    ({"word_order": "little"}, "power_w.word_order = 'little' is none of high_first, low_first; did you mean low_first?"),
    ({"word_order": None}, "power_w.word_order is missing; it is one of high_first, low_first"),
    ({"missing": ["nan"]}, "missing = 'nan' is none of all_ones, max_positive"),
    ({"missing": "all_ones"}, "missing = 'all_ones' is not a list"),
    ({"power_w": None}, "[power_w] is missing: a meter must have it"),
    ({"energy_import_wh": None}, "[energy_import_wh] is missing: a meter must have it"),
    ({"power_w": 0x34}, "power_w = 52 is not a section: write it as [power_w]"),
    ({"power_w.registers": 0x34}, "power_w.registers = 52 is not a list of registers 0 to 0xFFFF"),
    ({"power_w.registers": [-1]}, "power_w.registers = [-1] is not a list of registers"),
    ({"power_w.registers": [0x34, 0x36]}, "power_w.registers has 2 entries; it is one value"),
    ({"voltage_v.registers": [0, 2]}, "voltage_v.registers has 2 entries; phases = 3 needs 3"),
    ({"power_w.scale": 0}, "power_w.scale = 0 is not a number other than 0"),
    ({"power_w.scale": True}, "power_w.scale = True is not a number"),
    ({"blocks": []}, "blocks = [] is not a list of [first register, count]"),
    ({"blocks": [[0, 76], [70000, 2]]}, "blocks = [[0, 76], [70000, 2]] is not a list"),
    ({"blocks": [[0, 75]]}, "energy_export_wh: register 0x004a (f32) lies in no block, or only half in one: it takes 2 registers"),
    ({"max_registers": 60}, "blocks: [0x0000, 76] has 76 registers, but max_registers = 60"),
    ({"blocks": [[0, 76], [70, 10]]}, "blocks: [0x0000, 76] and [0x0046, 10] overlap"),
    ({"blocks": [[0, 76], [0x100, 2]]}, "blocks: [0x0100, 2] holds no quantity of the map: it is read for nothing"),
    ({"blocks": [[0, 76], [0xFFFF, 2]]}, "blocks: [0xffff, 2] ends beyond register 0xffff"),
    ({"power_w.registers": [0xFFFF]}, "power_w: register 0xffff (f32) ends beyond 0xffff"),
    ({"power_w.registers": [0x0D]}, "power_w: register 0x000d (2 registers) overlaps 0x000e of phase_power_w"),
    ({"power_w.registers": [0x0C]}, "phase_power_w: register 0x000c (2 registers) overlaps 0x000c of power_w"),
    ({"voltage_v.registers": [0, 2, 2]}, "voltage_v: register 0x0002 (2 registers) overlaps 0x0002 of voltage_v"),
    ({"power_w.type": "u64"}, "power_w: register 0x0034 (4 registers) overlaps 0x0036 of power_factor"),
    ({"serial_number.type": "u33"}, "serial_number.type = 'u33' is none of text, version, bytes, u16"),
    ({"serial_number.type": "string"}, "did you mean text?"),
    ({"serial_number.register": -1}, "serial_number.register = -1 is not a whole number 0 to 65535"),
    ({"serial_number": {"register": 1, "type": "text"}}, "serial_number.words = None is not a whole number 1 to 1000"),
    ({"serial_number": {**LABEL, "function": 6}}, "serial_number.function = 6 is not a whole number 3 to 4"),
    ({"serial_number": {**LABEL, "colour": 1}}, "unknown key serial_number.colour = 1"),
    ({"serial_number": {"register": 1, "type": "text", "words": 90}}, "serial_number.words = 90 is more than max_registers = 80"),
    ({"public_key": TEXT}, "[public_key] is of no use without [signed_data]"),
    ({"signed_data": TEXT}, "signed_data.encoding is missing"),
    ({"signed_data": {**TEXT, "type": "u32", "encoding": "OCMF"}}, "signed_data.type = 'u32' is none of text, bytes"),
    ({"signed_data": {**TEXT, "words": 938, "encoding": "OCMF"}}, "signed_data.words = 938 is more than OCPP carries: 937"),
    ({"signed_data": {**TEXT, "register": 0xFFF0, "encoding": "OCMF"}}, "signed_data: 300 registers from 0xfff0 end beyond 0xffff"),
]  # fmt: skip


def base() -> dict[str, Any]:
    table = tomllib.loads((MODELS / "sdm630.toml").read_text())
    return with_changes(table, {"power_factor.registers": [0x36]})


@pytest.mark.parametrize(("changes", "told"), MISTAKES, ids=[told for _, told in MISTAKES])
def test_a_mistake_is_told_with_key_value_and_rule(changes: dict[str, Any], told: str) -> None:
    model_of(base(), "my.toml")
    with pytest.raises(ModelError) as caught:
        model_of(with_changes(base(), changes), "my.toml")
    lines = str(caught.value).splitlines()
    assert any(line.startswith("my.toml: ") and told in line for line in lines), lines


def test_all_mistakes_are_told_at_once() -> None:
    changes = {"phases": 2, "serial.parity": "X", "pause_ms": "fast", "power_w": None, "color": "red"}
    with pytest.raises(ModelError) as caught:
        model_of(with_changes(base(), changes), "my.toml")
    assert len(str(caught.value).splitlines()) == len(changes)


def test_one_phase_may_have_its_power_and_the_whole_in_one_register() -> None:
    assert (
        load_model("sdm120").quantities["power_w"].registers
        == load_model("sdm120").quantities["phase_power_w"].registers
    )


@pytest.mark.parametrize("name", known_models())
def test_every_shipped_map_is_without_mistake(name: str) -> None:
    assert load_model(name).name


_TABLES = st.recursive(
    st.one_of(
        st.integers(-5, 70_000), st.text(max_size=4), st.booleans(), st.floats(), st.just("f32"), st.just("text")
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["name", "registers", "register", "type", "words", "blocks", "baud", "power_w", "scale"]),
            inner,
        ),
    ),
    max_leaves=8,
)
_KEYS = (
    "name", "phases", "function", "type", "word_order", "max_registers", "pause_ms", "blocks", "missing", "serial",
    "power_w", "energy_import_wh", "voltage_v", "serial_number", "signed_data", "public_key", "other",
)  # fmt: skip

_WHOLE = tomllib.loads((MODELS / "sdm630.toml").read_text())
_VALUES = (
    0, 1, 2, 3, 70_000, -1, 0.5, float("nan"), float("inf"), True, "", "x\n", "f32", "u64", "text", "low_first", [], [0], [0x34, 0x36], [[0, 76]],
    [[0xFFFF, 2]], ["all_ones"], {}, {"registers": [0]}, {"register": 1, "type": "text", "words": 300}, {"baud": "fast"},
)  # fmt: skip


def changed(dice: Random, table: dict[str, Any]) -> dict[str, Any]:
    """A whole map, or the table, with keys of it, or of a section in it, put, taken or twisted."""
    places = [{**(_WHOLE if dice.random() < 0.8 else table)}]
    for _ in range(dice.choice((1, 1, 2, 3))):
        place = places[-1]
        key = dice.choice((*_KEYS, *place))
        happened = dice.randrange(4)
        if happened == 0:
            place.pop(key, None)
        elif happened == 1 and isinstance(place.get(key), dict):
            place[key] = {**place[key]}
            places.append(place[key])
        else:
            place[key] = table[dice.choice(tuple(table))] if table and happened == 2 else dice.choice(_VALUES)
    return places[0]


@fuzzed(st.dictionaries(st.one_of(st.sampled_from(_KEYS), st.text(max_size=3)), _TABLES), changed)
def test_any_table_is_a_map_or_is_refused_in_words(frame: dict[str, Any]) -> None:
    try:
        model_of(frame, "some.toml")
    except ModelError as error:
        assert all(line.startswith("some.toml: ") for line in str(error).split("\n"))


def test_a_map_that_is_not_there_or_no_toml_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"none\.toml: No such file"):
        load_model(str(tmp_path / "none.toml"))
    (tmp_path / "x.toml").write_text("name =")
    with pytest.raises(ModelError, match=r"x\.toml: "):
        load_model(str(tmp_path / "x.toml"))
