"""The header of a board as SVG: readable on paper, in one column of pins on each side."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from controller.config.header import LINES, SUPPLIES

if TYPE_CHECKING:
    from controller.config import BoardConfig
    from controller.config.header import Use

_WIDTH, _ROW, _TOP = 760, 26, 56
_COLOURS = {"5 V": "#c0392b", "3.3 V": "#d68910", "GND": "#333333"}


def header_svg(board: BoardConfig, uses: list[Use]) -> str:
    """Return a whole document."""
    by_line = {use.line: use for use in uses}
    height = _TOP + 20 * _ROW + 40
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" viewBox="0 0 {_WIDTH} {height}" '
        'font-family="sans-serif" font-size="13">',
        f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<text x="{_WIDTH // 2}" y="26" text-anchor="middle" font-size="16">{escape(board.name)}: 40-pin header</text>',
    ]
    for pin in range(1, 41):
        parts += _pin(pin, by_line)
    legend = "blue: driven by the Pi   green: read by the Pi   white: free   lines are BCM numbers"
    parts.append(f'<text x="{_WIDTH // 2}" y="{height - 14}" text-anchor="middle" font-size="11">{legend}</text>')
    return "\n".join([*parts, "</svg>\n"])


def _pin(pin: int, by_line: dict[int, Use]) -> list[str]:
    is_left = pin % 2 == 1
    x, y = _WIDTH // 2 + (-16 if is_left else 16), _TOP + (pin - 1) // 2 * _ROW + 8
    side = -18 if is_left else 18
    use = by_line.get(LINES[pin]) if pin in LINES else None
    if pin in SUPPLIES:
        colour, text = _COLOURS[SUPPLIES[pin]], SUPPLIES[pin]
    elif use is None:
        colour, text = "#ffffff", f"GPIO{LINES[pin]}"
    else:
        colour, text = "#2e86c1" if use.is_output else "#229954", f"{use.what} (GPIO{use.line})"
    number = "#000000" if colour == "#ffffff" else "#ffffff"
    anchor = "end" if is_left else "start"
    return [
        f'<circle cx="{x}" cy="{y}" r="11" fill="{colour}" stroke="#333333"/>',
        f'<text x="{x}" y="{y + 4}" text-anchor="middle" font-size="10" fill="{number}">{pin}</text>',
        f'<text x="{x + side}" y="{y + 4}" text-anchor="{anchor}">{escape(text)}</text>',
    ]
