"""A board's header as SVG. White ground and dark strokes: the same on paper, on a bright page and on a dark one.

Direction is told by arrows and words, colours only help: a printout in grey has all of it.
"""

from __future__ import annotations

from xml.sax.saxutils import escape

from controller.cli.board_draw import on_header, unplaced
from controller.config import BoardConfig
from controller.config.header import LINES, SUPPLIES, Use

_WIDTH, _ROW, _TOP, _RADIUS = 900, 26, 64, 11
_COLOURS = {"5 V": "#c0392b", "3.3 V": "#b9770e", "GND": "#333333"}
_DRIVEN, _READ, _FREE, _INK, _PALE = "#1f618d", "#1e8449", "#ffffff", "#111111", "#777777"


def header_svg(board: BoardConfig) -> str:
    """Return a whole document."""
    by_line, elsewhere = on_header(board)
    rest = [f"line {use.line} of {use.chip or use.owner}: {use.what}" for use in elsewhere] + unplaced(board)
    bottom = _TOP + 20 * _ROW + 16
    height = bottom + 20 * (len(rest) + 2)
    title = f"{board.name}: the 40-pin header, lines by BCM number"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" viewBox="0 0 {_WIDTH} {height}" '
        'font-family="sans-serif" font-size="13">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{_WIDTH}" height="{height}" fill="{_FREE}"/>',
        _text(_WIDTH // 2, 28, title, size=16),
        f'<rect x="{_WIDTH // 2 - 34}" y="{_TOP - 12}" width="68" height="{20 * _ROW + 8}" rx="4" fill="none" stroke="{_INK}"/>',
    ]
    for pin in range(1, 41):
        parts += _pin(pin, by_line)
    parts.append(
        _text(
            _WIDTH // 2,
            bottom + 12,
            "arrow away from the pin: driven by the Pi; towards it: read; pin 1 is square",
            size=12,
        )
    )
    parts += [_text(_WIDTH // 2, bottom + 34 + 20 * n, f"elsewhere: {each}", size=12) for n, each in enumerate(rest)]
    return "\n".join([*parts, "</svg>\n"])


def _pin(pin: int, by_line: dict[int, Use]) -> list[str]:
    is_left = pin % 2 == 1
    x, y = _WIDTH // 2 + (-16 if is_left else 16), _TOP + (pin - 1) // 2 * _ROW + 4
    use = by_line.get(LINES[pin]) if pin in LINES else None
    colour = _FREE
    if pin in SUPPLIES:
        colour = _COLOURS[SUPPLIES[pin]]
    elif use is not None:
        colour = _DRIVEN if use.is_output else _READ
    shape = f'<circle cx="{x}" cy="{y}" r="{_RADIUS}"'
    if pin == 1:
        shape = f'<rect x="{x - _RADIUS}" y="{y - _RADIUS}" width="{2 * _RADIUS}" height="{2 * _RADIUS}"'
    return [
        f'{shape} fill="{colour}" stroke="{_INK}"/>',
        _text(x, y + 4, str(pin), size=10, colour=_INK if colour == _FREE else _FREE),
        _text(
            _WIDTH // 2 + (-44 if is_left else 44),
            y + 4,
            _label(pin, use, is_left),
            anchor="end" if is_left else "start",
            colour=_PALE if use is None and pin in LINES else _INK,
        ),
    ]


def _label(pin: int, use: Use | None, is_left: bool) -> str:
    if pin in SUPPLIES:
        return SUPPLIES[pin]
    if use is None:
        return f"GPIO{LINES[pin]}"
    outwards, inwards = ("←", "→") if is_left else ("→", "←")
    arrow = outwards if use.is_output else inwards
    return f"{use.what} {arrow} GPIO{use.line}" if is_left else f"GPIO{use.line} {arrow} {use.what}"


def _text(x: int, y: int, text: str, *, size: int = 13, anchor: str = "middle", colour: str = _INK) -> str:
    return f'<text x="{x}" y="{y}" font-size="{size}" text-anchor="{anchor}" fill="{colour}">{escape(text)}</text>'
