"""Read TOML tables into frozen dataclasses whose fields are declared with `controller.hal.setting`.

Every mistake of a file is collected and told in one go; each line names file, section, key, value and the rule it breaks.
For a text, `low` and `high` bound its number of characters; for a list, they bound each of its elements.
"""

from __future__ import annotations

import dataclasses
import math
import tomllib
import types
import typing
from codecs import BOM_UTF8
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

Table = Mapping[str, Any]

_KIND_NAMES: dict[type, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text in quotes",
}
_SHOWN_LENGTH = 60
HIDDEN = "********"  # in place of a secret


class ConfigError(Exception):
    """The configuration cannot be used. mistakes: one line each, ready to print."""

    def __init__(self, mistakes: Iterable[str]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("\n".join(self.mistakes))


class Mistakes:
    """Collects what is wrong with one file."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.lines: list[str] = []

    def where(self, section: str) -> str:
        return f"{self.file} [{section}]" if section else self.file

    def add(self, section: str, problem: str) -> None:
        self.lines.append(f"{self.where(section)}: {problem}")

    def add_value(self, section: str, key: str, value: object, problem: str) -> None:
        self.lines.append(f"{self.where(section)} {key} = {shown(value)}: {problem}")

    def raise_if_any(self) -> None:
        if self.lines:
            raise ConfigError(self.lines)


def shown(value: object) -> str:
    """Return a TOML-like spelling of a value, short enough for a message."""
    if isinstance(value, bool):
        text = "true" if value else "false"
    elif isinstance(value, str):
        text = '"' + value.replace("\n", "\\n") + '"'
    elif isinstance(value, (list, tuple)):
        text = "[" + ", ".join(shown(each) for each in value) + "]"
    elif isinstance(value, Mapping):
        text = "{…}"
    else:
        text = str(value)
    return text if len(text) <= _SHOWN_LENGTH else text[: _SHOWN_LENGTH - 1] + "…"


def read_toml(path: Path) -> dict[str, Any]:
    """Return the file's top table. Raises ConfigError in one line when it cannot be read or is not TOML."""
    try:
        return tomllib.loads(path.read_bytes().removeprefix(BOM_UTF8).decode().replace("\r\n", "\n"))
    except OSError as error:
        raise ConfigError([f"{path}: cannot be read: {(error.strerror or str(error)).lower()}"]) from error
    except UnicodeDecodeError as error:
        raise ConfigError([f"{path}: is not UTF-8 text (byte {error.start})"]) from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([f"{path}: is not valid TOML: {error}"]) from error


def unknown(kind: str, given: str, known: Iterable[str]) -> str:
    """Say that a name is not known, and which one was probably meant."""
    from difflib import get_close_matches  # only a mistake needs it: every start would pay for it

    names = sorted(known)
    close = get_close_matches(given, names, n=1, cutoff=0.6)
    if close:
        return f"unknown {kind} '{given}' - did you mean '{close[0]}'?"
    return f"unknown {kind} '{given}' (known: {', '.join(names) or 'none'})"


def subtable(table: Table, key: str, section: str, mistakes: Mistakes) -> dict[str, Any]:
    """Return the table under `key`, empty when it is absent or (noted as a mistake) not a table."""
    value = table.get(key, {})
    if isinstance(value, dict):
        return value
    mistakes.add_value(
        section, key, value, f"must be a section: write it as [{f'{section}.{key}' if section else key}]"
    )
    return {}


def list_of_tables(table: Table, key: str, section: str, mistakes: Mistakes) -> list[dict[str, Any]]:
    """Return the tables of a `[[key]]` list, empty when it is absent or (noted) something else."""
    value = table.get(key, [])
    if isinstance(value, list) and all(isinstance(each, dict) for each in value):
        return value
    mistakes.add_value(section, key, value, f"must be a list of sections: write each as [[{key}]]")
    return []


def check_keys(table: Table, known: Iterable[str], section: str, mistakes: Mistakes) -> None:
    names = list(known)
    for key in table:
        if key not in names:
            kind = "section" if isinstance(table[key], (dict, list)) and not section else "key"
            mistakes.add(section, unknown(kind, key, names))


def read_section(
    kind: type[T],
    table: Table,
    section: str,
    mistakes: Mistakes,
    *,
    replace: Callable[[str], str] = lambda text: text,
) -> T | None:
    """Return an instance of the dataclass `kind` filled from `table`, or None after noting what is wrong with it.

    replace: applied to every text value, given or default, before it is checked. A ValueError from the dataclass' own `__post_init__` is
    noted as a mistake of the section.
    """
    before = len(mistakes.lines)
    declared = {field.name: field for field in dataclasses.fields(typing.cast(Any, kind)) if field.init}
    hints = typing.get_type_hints(kind)
    check_keys(table, declared, section, mistakes)
    values: dict[str, Any] = {}
    for name, field in declared.items():
        if name in table:
            values[name] = _value(table[name], hints[name], field, section, mistakes, replace)
        elif isinstance(field.default, str):
            values[name] = replace(field.default)
        elif not _has_default(field):
            mistakes.add(section, f"'{name}' is missing: {field.metadata.get('help') or 'it is required'}")
    if len(mistakes.lines) > before:
        return None
    try:
        return kind(**values)
    except ValueError as error:
        mistakes.add(section, str(error))
        return None


def _has_default(field: dataclasses.Field[Any]) -> bool:
    return field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING


def _value(
    value: object,
    hint: Any,
    field: dataclasses.Field[Any],
    section: str,
    mistakes: Mistakes,
    replace: Callable[[str], str],
) -> Any:
    element_kinds, is_list = _kinds(hint)
    if is_list:
        if not isinstance(value, list):
            mistakes.add_value(section, field.name, value, f"must be a list of {_named(element_kinds, plural=True)}")
            return None
        elements: list[Any] = value
    else:
        elements = [value]
    converted = []
    for element in elements:
        try:
            converted.append(_checked(_converted(element, element_kinds, replace), field.metadata))
        except ValueError as error:
            shown_element = HIDDEN if field.metadata.get("unit") == "secret" else element
            mistakes.add_value(section, field.name, shown_element, str(error))
    if is_list:
        return tuple(converted)
    return converted[0] if converted else None


def _kinds(hint: Any) -> tuple[tuple[type, ...], bool]:
    """Return the scalar types an annotation allows and whether it is a tuple of them."""
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        options = [each for each in typing.get_args(hint) if each is not type(None)]
        if len(options) == 1:
            return _kinds(options[0])
        return tuple(options), False
    if typing.get_origin(hint) is tuple:
        return _kinds(typing.get_args(hint)[0])[0], True
    return (hint,), False


def _named(kinds: tuple[type, ...], *, plural: bool = False) -> str:
    names = [_KIND_NAMES[kind] for kind in kinds]
    if plural:
        names = [name.removeprefix("a ").replace("number", "numbers").replace("text", "texts") for name in names]
    return " or ".join(names)


def _converted(value: object, kinds: tuple[type, ...], replace: Callable[[str], str]) -> bool | int | float | str:
    if isinstance(value, bool):
        if bool in kinds:
            return value
    elif isinstance(value, str):
        if str in kinds:
            return replace(value)
    elif isinstance(value, int):
        if int in kinds:
            return value
        if float in kinds:
            return float(value)
    elif isinstance(value, float) and float in kinds:
        if not math.isfinite(value):
            raise ValueError("must be a finite number")
        return value
    raise ValueError(f"must be {_named(kinds)}")


def _checked(value: Any, rules: Mapping[str, Any]) -> Any:
    choices = rules.get("choices")
    if choices is not None and value not in choices:
        raise ValueError("must be one of " + ", ".join(shown(choice) for choice in choices))
    low, high, unit = rules.get("low"), rules.get("high"), rules.get("unit") or ""
    if isinstance(value, bool) or (low is None and high is None):
        return value
    size = len(value) if isinstance(value, str) else value
    if (low is not None and size < low) or (high is not None and size > high):
        raise ValueError(_bound_text(low, high, "characters" if isinstance(value, str) else unit))
    return value


def _bound_text(low: float | None, high: float | None, unit: str) -> str:
    suffix = f" {unit}" if unit else ""
    if low is None:
        return f"must be at most {high:g}{suffix}"
    if high is None:
        return f"must be at least {low:g}{suffix}"
    return f"must be {low:g} to {high:g}{suffix}"
