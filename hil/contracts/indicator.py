"""What every indicator driver must do."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Protocol

import pytest

from controller.hal import DeviceError
from controller.logic.indication import Indication, Shown

FILM_S = 6.0  # longer than any pattern


class IndicatorRig(Protocol):
    dark: Hashable
    """How it looks when nothing is shown."""

    def show(self, shown: Sequence[Shown], now: float) -> float | None: ...
    def close(self) -> None: ...
    def look(self) -> Hashable:
        """What people see now."""

    def mistakes(self) -> list[str]:
        """What the device was told that it does not understand, or not in time."""

    def unplug(self) -> None: ...
    def plug(self) -> None:
        """It is back, as after power-on."""


def one(indication: Indication) -> tuple[Shown, ...]:
    return (Shown(1, indication),)


def film(rig: IndicatorRig, shown: Sequence[Shown], start_s: float) -> tuple[tuple[float, Hashable], ...]:
    """Call `show` as often as it asks; return what was to be seen, and from when on."""
    seen: list[tuple[float, Hashable]] = []
    now: float | None = start_s
    while now is not None and now < start_s + FILM_S:
        due = rig.show(shown, now)
        if not seen or seen[-1][1] != rig.look():
            seen.append((round(now - start_s, 3), rig.look()))
        assert due is None or due > now, "it would be called again at once, for ever"
        now = due
    return tuple(seen)


class IndicatorContract:
    @pytest.mark.parametrize("indication", list(Indication))
    def test_everything_there_is_to_show_can_be_seen(self, rig: IndicatorRig, indication: Indication) -> None:
        looks = [look for _, look in film(rig, one(indication), 1000.0)]
        assert any(look != rig.dark for look in looks)
        assert rig.mistakes() == []

    def test_no_two_indications_look_alike(self, rig: IndicatorRig) -> None:
        films = {indication: film(rig, one(indication), 600.0) for indication in Indication}
        alike = [(a, b) for a in films for b in films if a < b and films[a] == films[b]]
        assert alike == []

    def test_a_look_stays_while_nothing_changes(self, rig: IndicatorRig) -> None:
        rig.show(one(Indication.CHARGING), 1000.0)
        look = rig.look()
        rig.show(one(Indication.CHARGING), 1100.0)
        assert rig.look() == look and rig.mistakes() == []

    def test_several_evses_can_be_shown(self, rig: IndicatorRig) -> None:
        film(rig, [Shown(number, Indication.AVAILABLE) for number in range(1, 8)], 1000.0)
        assert rig.mistakes() == []

    def test_one_that_vanished_is_told_and_works_again_once_it_is_back(self, rig: IndicatorRig) -> None:
        rig.show(one(Indication.FAULT), 1000.0)
        look = rig.look()
        rig.show(one(Indication.AVAILABLE), 1001.0)
        rig.unplug()
        for _ in range(2):
            with pytest.raises(DeviceError):
                rig.show(one(Indication.FAULT), 1002.0)
        rig.plug()
        rig.show(one(Indication.FAULT), 1003.0)
        assert rig.look() == look and rig.mistakes() == []

    def test_an_end_leaves_it_dark(self, rig: IndicatorRig) -> None:
        rig.show(one(Indication.AVAILABLE), 1000.0)
        rig.close()
        assert rig.look() == rig.dark

    def test_an_end_before_anything_was_shown_is_none(self, rig: IndicatorRig) -> None:
        rig.close()
