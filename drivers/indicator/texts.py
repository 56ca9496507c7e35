"""What displays say: texts by language, as data beside this file, laid out in lines."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from importlib.resources import files

from controller.logic.indication import Indication, Shown

LANGUAGES = ("de", "en")
_DEFAULT = "en"  # what a language lacks is said in this one
PAGE_S = 3.0  # of several, where not all EVSEs fit
_LEAST_W = 50.0  # less is no charging


class Texts:
    """A language's texts by `Indication`."""

    def __init__(self, language: str) -> None:
        self._texts: Mapping[str, str] = _read(_DEFAULT) | _read(language)

    def of(self, indication: Indication) -> str:
        return self._texts[indication.value]


def _read(language: str) -> dict[str, str]:
    return tomllib.loads(files("drivers.indicator").joinpath("texts", f"{language}.toml").read_text(encoding="utf-8"))


def page_of(shown: Sequence[Shown], rows: int, now: float) -> tuple[Sequence[Shown], float | None]:
    """Return the EVSEs that are shown now, at most `rows`, and when others are; None: all fit."""
    if len(shown) <= rows:
        return shown, None
    pages = -(-len(shown) // rows)
    turn = int(now / PAGE_S)
    first = turn % pages * rows
    return shown[first : first + rows], (turn + 1) * PAGE_S


def lines_of(shown: Sequence[Shown], texts: Texts, columns: int, rows: int) -> list[str]:
    """Return `rows` lines of `columns` characters. One EVSE has two lines, of several each has one with its number."""
    if len(shown) == 1:
        [only] = shown
        lines = [texts.of(only.indication), _power(only)]
    else:
        lines = [f"{each.evse_id} {_beside(texts.of(each.indication), _power(each), columns - 2)}" for each in shown]
    lines += [""] * (rows - len(lines))
    return [line[:columns].ljust(columns) for line in lines[:rows]]


def _power(shown: Shown) -> str:
    if shown.indication is not Indication.CHARGING or shown.power_w is None or shown.power_w < _LEAST_W:
        return ""
    return f"{shown.power_w / 1000:.1f} kW"


def _beside(text: str, power: str, columns: int) -> str:
    room = columns - len(text) - len(power)
    return f"{text}{' ' * room}{power}" if power and room > 0 else text
