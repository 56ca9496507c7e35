"""What the section reader accepts, and what it says of what it does not."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from controller.config.reader import ConfigError, Mistakes, read_section, read_toml
from controller.hal import setting


@dataclass(frozen=True)
class Wire:
    port: str = setting("The serial port.")
    baud: int = setting("Speed.", default=9600, low=1200, high=115200, unit="baud")
    parity: str = setting("Parity.", default="N", choices=("N", "E", "O"))
    gain: float = setting("Gain.", default=1.0, low=0)
    limit: float | None = setting("Limit.", default=None, unit="A")
    inverted: bool = setting("Inverted.", default=False)
    channels: tuple[int, ...] = setting("Channels.", default=(), low=0, high=3)
    label: str = setting("A short label.", default="", high=4)

    def __post_init__(self) -> None:
        if self.inverted and self.limit is not None:
            raise ValueError("'limit' has no meaning with inverted = true")


def read(table: dict[str, object]) -> tuple[Wire | None, list[str]]:
    mistakes = Mistakes("b.toml")
    return read_section(Wire, table, "evse.1.meter", mistakes), mistakes.lines


def test_read_section_with_defaults_fills_them() -> None:
    wire, lines = read({"port": "/dev/ttyUSB0"})
    assert lines == []
    assert wire == Wire(port="/dev/ttyUSB0")


def test_read_section_with_every_key_converts_types() -> None:
    wire, lines = read(
        {"port": "p", "baud": 19200, "parity": "E", "gain": 2, "limit": 6, "channels": [0, 3], "label": "abcd"}
    )
    assert lines == []
    assert wire == Wire(port="p", baud=19200, parity="E", gain=2.0, limit=6.0, channels=(0, 3), label="abcd")
    assert isinstance(wire.gain, float) and isinstance(wire.limit, float)


def test_read_section_replaces_placeholders_in_texts() -> None:
    wire = read_section(Wire, {"port": "{run}/m"}, "s", Mistakes("f"), replace=lambda text: text.replace("{run}", "/r"))
    assert wire is not None and wire.port == "/r/m"


@pytest.mark.parametrize(
    ("table", "line"),
    [
        ({}, "b.toml [evse.1.meter]: 'port' is missing: The serial port."),
        ({"port": "p", "badu": 1}, "b.toml [evse.1.meter]: unknown key 'badu' - did you mean 'baud'?"),
        (
            {"port": "p", "zzz": 1},
            "b.toml [evse.1.meter]: unknown key 'zzz' (known: baud, channels, gain, inverted, label, limit, parity, port)",
        ),
        ({"port": 5}, "b.toml [evse.1.meter] port = 5: must be a text in quotes"),
        ({"port": "p", "baud": "9600"}, 'b.toml [evse.1.meter] baud = "9600": must be a whole number'),
        ({"port": "p", "baud": 9600.5}, "b.toml [evse.1.meter] baud = 9600.5: must be a whole number"),
        ({"port": "p", "baud": True}, "b.toml [evse.1.meter] baud = true: must be a whole number"),
        ({"port": "p", "baud": 300}, "b.toml [evse.1.meter] baud = 300: must be 1200 to 115200 baud"),
        ({"port": "p", "parity": "X"}, 'b.toml [evse.1.meter] parity = "X": must be one of "N", "E", "O"'),
        ({"port": "p", "gain": -1}, "b.toml [evse.1.meter] gain = -1: must be at least 0"),
        ({"port": "p", "gain": float("nan")}, "b.toml [evse.1.meter] gain = nan: must be a finite number"),
        ({"port": "p", "inverted": 1}, "b.toml [evse.1.meter] inverted = 1: must be true or false"),
        ({"port": "p", "channels": 1}, "b.toml [evse.1.meter] channels = 1: must be a list of whole numbers"),
        ({"port": "p", "channels": [1, 4]}, "b.toml [evse.1.meter] channels = 4: must be 0 to 3"),
        ({"port": "p", "label": "abcde"}, 'b.toml [evse.1.meter] label = "abcde": must be at most 4 characters'),
        (
            {"port": "p", "inverted": True, "limit": 3},
            "b.toml [evse.1.meter]: 'limit' has no meaning with inverted = true",
        ),
    ],
)
def test_read_section_with_a_mistake_names_file_section_key_value_and_rule(table: dict[str, object], line: str) -> None:
    assert read(table) == (None, [line])


def test_read_section_with_many_mistakes_tells_all_of_them() -> None:
    _, lines = read({"baud": 1, "parity": 2, "colour": "red"})
    assert [each.split("] ")[-1].split("]: ")[-1].split(":")[0] for each in lines] == [
        "unknown key 'colour' (known",
        "'port' is missing",
        "baud = 1",
        "parity = 2",
    ]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "cannot be read: no such file or directory"),
        (b"a = \n", "is not valid TOML: Invalid value (at line 1, column 5)"),
        (b'a = "\xff"\n', "is not UTF-8 text (byte 5)"),
    ],
)
def test_read_toml_of_an_unusable_file_says_why_in_one_line(tmp_path: Path, content: bytes | None, says: str) -> None:
    path = tmp_path / "x.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        read_toml(path)
    assert str(caught.value) == f"{path}: {says}"


def test_read_toml_of_a_directory_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is a directory"):
        read_toml(tmp_path)
