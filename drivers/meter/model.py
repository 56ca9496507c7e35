"""Register maps as files: a map is a TOML file (those we ship are in `models/`; a board file may name a path of its own).

    name = "Eastron SDM630"
    phases = 3                      # 1 or 3
    function = 4                    # 3 holding registers, 4 input registers
    type = "f32"                    # u16 i16 u32 i32 u64 i64 f32: of every quantity that names none of its own
    word_order = "high_first"       # or "low_first"
    max_registers = 80              # the most that one request may ask for
    pause_ms = 100                  # silence the meter wants between two requests
    blocks = [[0x00, 76]]           # first register and count of each request; every quantity lies in one
    missing = ["all_ones", "max_positive"]      # raw values that mean "not measured"; NaN always does

    [serial]                        # the meter as delivered
    baud = 9600
    parity = "N"
    stop_bits = 1

    [voltage_v]                     # voltage_v current_a phase_power_w: one register for each phase
    registers = [0x00, 0x02, 0x04]
    [energy_import_wh]              # power_w energy_import_wh energy_export_wh frequency_hz power_factor: one register
    registers = [0x48]
    scale = 1000                    # value = raw x scale; `type` and `word_order` may be given here too

    [serial_number]                 # also [firmware]: what the meter says of itself; read for people, never needed
    register = 0xFC00
    type = "u32"                    # of the above, or "text" or "bytes" with `words`, or "version"
    function = 3                    # where it differs from the map's

    [signed_data]                   # a signed reading, passed on untouched with every poll
    register = 0xA000
    type = "text"                   # or "bytes"
    words = 300
    encoding = "OCMF"               # its format, and `signing` where the data itself does not name the method
    [public_key]                    # the key that proves it, as ASN.1: "bytes", or "text" in hexadecimal
    register = 0xB000
    type = "bytes"
    words = 44

Registers are zero-based, as they go over the wire. `power_w` and `energy_import_wh` a map must have. `pilotline meter check FILE`
tells every mistake in one.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from drivers.meter.map_reader import MapReader
from drivers.meter.register_map import Label, MeterModel

__all__ = ["Label", "MeterModel", "ModelError", "known_models", "load_model", "model_of"]


class ModelError(Exception):
    """A register map that cannot be used. The message names file, key, value and rule, one mistake a line."""


def known_models() -> tuple[str, ...]:
    """Return the names of the maps we ship."""
    return tuple(
        sorted(entry.name.removesuffix(".toml") for entry in _shipped().iterdir() if entry.name[-5:] == ".toml")
    )


def load_model(name_or_path: str) -> MeterModel:
    """Return a map by its shipped name or, with a slash or `.toml`, by its path. Raises ModelError."""
    if "/" in name_or_path or name_or_path.endswith(".toml"):
        source: Any = Path(name_or_path)
    else:
        source = _shipped() / f"{name_or_path}.toml"
        if not source.is_file():
            raise ModelError(
                f"no meter model {name_or_path!r}; known models: {', '.join(known_models())}; "
                "a map of your own is given as a path ending in .toml"
            )
    try:
        return model_of(tomllib.loads(source.read_text()), str(source))
    except OSError as error:
        raise ModelError(f"{source}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ModelError(f"{source}: {error}") from error


def model_of(table: Mapping[str, Any], source: str) -> MeterModel:
    """Check a map's TOML table. Raises ModelError with every mistake in it."""
    reader = MapReader(table)
    model = reader.model()
    if reader.mistakes:
        raise ModelError("\n".join(f"{source}: {mistake}" for mistake in reader.mistakes))
    return model


def _shipped() -> Any:
    return files("drivers.meter") / "models"
