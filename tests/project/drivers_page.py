"""docs/drivers.md as its reader has it: the files it tells to write, and a package made of them."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from drivers.registry import ENTRY_POINT_GROUP

TEXT = (Path(__file__).parents[2] / "docs" / "drivers.md").read_text()
BLOCKS = dict(re.findall(r"^```\w+ file=(\S+)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL))


def write_package(directory: Path) -> Path:
    """Write the page's files, with what an installer makes of its pyproject.toml beside them."""
    for name, text in BLOCKS.items():
        (directory / name).write_text(text)
    project = tomllib.loads(BLOCKS["pyproject.toml"])["project"]
    install(directory, project["name"], project["version"], project["entry-points"][ENTRY_POINT_GROUP])
    return directory


def install(directory: Path, name: str, version: str, points: dict[str, str]) -> None:
    info = directory / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    lines = "".join(f"{key} = {value}\n" for key, value in points.items())
    (info / "entry_points.txt").write_text(f"[{ENTRY_POINT_GROUP}]\n{lines}")
