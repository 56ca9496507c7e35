"""A picture of what led to something wrong: who did what, what the plant did, and what went over the wire, on one axis of time."""

from __future__ import annotations

import html
from collections import deque
from dataclasses import dataclass
from pathlib import Path

from hil.csms.log import Frame
from hil.sim.world import IDENTITY, SimWorld

_MOST = 20_000
_WINDOW_S = 2 * 3600.0  # what is drawn; the list below the picture says the same in words
_WIDTH, _LEFT, _LANE, _TOP = 1400, 170, 22, 30
_COLOURS = {
    "plugged in": "#9aa5b1",
    "offered": "#5b8def",
    "contact closed": "#2e9e5b",
    "running": "#c9d3dc",
    "connected": "#c9d3dc",
}


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened. lane: who did it, or where."""

    at_s: float
    lane: str
    text: str


@dataclass(slots=True)
class Bar:
    """Something that was so for a while. end_s: None while it still is."""

    lane: str
    what: str
    begin_s: float
    end_s: float | None = None


class Timeline:
    """Remembers the newest happenings of a run. Call `watch` once."""

    def __init__(self) -> None:
        self.marks: deque[Mark] = deque(maxlen=_MOST)
        self.bars: deque[Bar] = deque(maxlen=_MOST)
        self._open: dict[tuple[str, str], Bar] = {}
        self._world: SimWorld | None = None

    def watch(self, world: SimWorld) -> None:
        self._world = world
        world.plant.subscribe(self._look)
        world.csms.log.frame_observers.append(self._frame)
        self._look()

    def note(self, at_s: float, what: str) -> None:
        """What people, the operator or trouble did, as a run tells it."""
        lane, _, rest = what.partition(": ")
        known = rest and (lane.startswith("EVSE ") or lane == "CSMS")
        self.marks.append(Mark(at_s, lane, rest) if known else Mark(at_s, "around", what))
        self._look()

    def _frame(self, frame: Frame) -> None:
        self.marks.append(Mark(frame.at_s, "wire", f"{frame.sender.value}: {frame.kind} {frame.action}"))
        self._look()

    def _look(self) -> None:
        """Begin and end bars by what is so now."""
        world = self._world
        if world is None:
            return
        so = {
            ("station", "running"): world.station is not None,
            ("safety", "running"): world.safety is not None,
            ("CSMS", "connected"): IDENTITY in world.csms.connected,
        }
        for number, model in world.plant.evses.items():
            lane = f"EVSE {number}"
            so[lane, "plugged in"] = model.is_plugged
            so[lane, "offered"] = model.is_advertising
            so[lane, "contact closed"] = model.contactor.is_closed
        for key, holds in so.items():
            bar = self._open.get(key)
            if holds and bar is None:
                self._open[key] = bar = Bar(*key, world.now)
                self.bars.append(bar)
            elif not holds and bar is not None:
                del self._open[key]
                bar.end_s = world.now

    def write(self, path: Path, title: str, end_s: float) -> None:
        """Write the picture of the time before `end_s`, as a page of its own. Raises OSError."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_page(title, list(self.marks), list(self.bars), end_s), encoding="utf-8")


def _page(title: str, marks: list[Mark], bars: list[Bar], end_s: float) -> str:
    first = min((mark.at_s for mark in marks), default=end_s)
    begin_s = max(first, end_s - _WINDOW_S)
    seen = [mark for mark in marks if begin_s <= mark.at_s <= end_s]
    rows = "\n".join(
        f"<tr><td>{mark.at_s:.2f}</td><td>{html.escape(mark.lane)}</td><td>{html.escape(mark.text)}</td></tr>"
        for mark in seen
    )
    style = "body{font:14px sans-serif}td{padding:0 1em 0 0;font:12px monospace}text{font:12px sans-serif}"
    return (
        f'<!doctype html><meta charset="utf-8"><title>{html.escape(title)}</title><style>{style}</style>'
        f"<h1>{html.escape(title)}</h1>\n{_svg(seen, bars, begin_s, end_s)}\n"
        f"<p>Virtual seconds; point at a mark to read it.</p><table>\n{rows}\n</table>\n"
    )


def _svg(marks: list[Mark], bars: list[Bar], begin_s: float, end_s: float) -> str:
    lanes = sorted({(bar.lane, bar.what) for bar in bars}) + [
        (lane, "") for lane in sorted({mark.lane for mark in marks})
    ]
    place = {lane: _TOP + _LANE * number for number, lane in enumerate(lanes)}
    scale = (_WIDTH - _LEFT) / max(1.0, end_s - begin_s)

    def x(at_s: float) -> float:
        return round(_LEFT + (min(max(at_s, begin_s), end_s) - begin_s) * scale, 1)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH + 10}" height="{_TOP + _LANE * len(lanes) + 10}">'
    ]
    for tick in range(11):
        at_s = begin_s + (end_s - begin_s) * tick / 10
        parts.append(f'<text x="{x(at_s) - 20}" y="14">{at_s:.0f}</text>')
        parts.append(f'<line x1="{x(at_s)}" x2="{x(at_s)}" y1="18" y2="{_TOP + _LANE * len(lanes)}" stroke="#eee"/>')
    for lane, y in place.items():
        parts.append(f'<text x="0" y="{y + 14}">{html.escape(" ".join(lane))}</text>')
    for bar in bars:
        until_s = bar.end_s if bar.end_s is not None else end_s
        if until_s >= begin_s and bar.begin_s <= end_s:
            left, right = x(bar.begin_s), x(until_s)
            told = html.escape(f"{bar.lane} {bar.what}: {bar.begin_s:.2f} to {until_s:.2f} s")
            parts.append(
                f'<rect x="{left}" y="{place[bar.lane, bar.what] + 3}" width="{max(1.0, right - left):.1f}" height="{_LANE - 6}" '
                f'fill="{_COLOURS[bar.what]}"><title>{told}</title></rect>'
            )
    for mark in marks:
        at, y = x(mark.at_s), place[mark.lane, ""] + 3
        told = html.escape(f"{mark.at_s:.2f} {mark.text}")
        parts.append(
            f'<rect x="{at}" y="{y}" width="2" height="{_LANE - 6}" fill="#c2553a"><title>{told}</title></rect>'
        )
    return "\n".join([*parts, "</svg>"])
