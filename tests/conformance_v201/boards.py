"""Boards for cases that the mock board does not fit, made from its file."""

from __future__ import annotations

import re
from pathlib import Path

MOCK = Path(__file__).parents[2] / "hw" / "boards" / "mock.toml"


def one_evse(directory: Path) -> Path:
    """One socket with readers of its own."""
    return _written(directory, _first_evse(_without_lights(MOCK.read_text())))


def tethered(directory: Path) -> Path:
    """One EVSE with a fixed cable."""
    text = _first_evse(_without_lights(MOCK.read_text())).replace("tethered = false", "tethered = true\ncable_a = 32")
    text = text.replace('"sType2"', '"cType2"')
    for part in ("proximity", "lock"):
        text = re.sub(rf"\[evse\.{part}\]\n(.+\n)+\n", "", text)
    return _written(directory, text)


def _first_evse(text: str) -> str:
    start, end = (
        text.index(mark, text.index(after) + 1) for mark, after in (("[[evse]]", "[[evse]]"), ("[[reader]]", ""))
    )
    readers = text[end:].replace("[[reader]]", "[[reader]]\nevse = 1")
    return text[:start] + readers


def _written(directory: Path, text: str) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    file = directory / "board.toml"
    file.write_text(text)
    return file


def _without_lights(text: str) -> str:
    """The lights of the second EVSE would be of one that is not there."""
    return text[: text.index("[[indicator]]")]
