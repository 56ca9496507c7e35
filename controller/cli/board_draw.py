"""A board's header as text: drawn for a terminal, or as a table of wires in Markdown."""

from __future__ import annotations

from controller.config import BoardConfig
from controller.config.header import LINES, PIN_OF, SUPPLIES, Use, sections_of, uses_of

_CELL = 35  # columns on each side of the pins' numbers: 80 in all
_OUT, _IN, _SUPPLY, _FREE, _RESET = "\033[1;34m", "\033[32m", "\033[31m", "\033[2m", "\033[0m"


def on_header(board: BoardConfig) -> tuple[dict[int, Use], list[Use]]:
    """Return what has each line of the header, and the uses that are elsewhere: a second chip, or a line that does not exist.

    Of a simulated board, whose chips have no header, the first chip is drawn as if it were one.
    """
    by_line: dict[int, Use] = {}
    elsewhere = []
    uses = uses_of(sections_of(board))
    chip = next((use.chip for use in uses if use.chip and use.on_header), None) or next((u.chip for u in uses), "")
    for use in uses:
        other = by_line.get(use.line)
        if use.line not in PIN_OF or use.chip not in ("", chip):
            elsewhere.append(use)
        elif other is None:
            by_line[use.line] = use
        elif other.owner != use.owner:
            elsewhere.append(use)
    return by_line, elsewhere


def unplaced(board: BoardConfig) -> list[str]:
    """Return the ports, PWM chips and buses whose pins are not known from the board file: they are named, not drawn."""
    placed = {use.where.rpartition(" ")[0] for use in uses_of(sections_of(board))}
    found = []
    for section in sections_of(board):
        for key in ("port", "path", "device"):
            value = getattr(section.settings, key, None)
            if isinstance(value, str) and value and section.where not in placed:
                found.append(f"{section.name}: {value}")
    return found


def drawn(board: BoardConfig, *, is_coloured: bool) -> str:
    """Return the header in at most 80 columns: odd pins left, even pins right, pin 1 at the top. > is driven by the Pi, < read."""
    by_line, elsewhere = on_header(board)
    rows = [f"{board.name}: pin 1 at the Pi's corner; > driven, < read"]
    for pin in range(1, 40, 2):
        left, right = _cell(pin, by_line), _cell(pin + 1, by_line)
        space = " " * (_CELL - len(left))
        left, right = (
            _tinted(n, text, by_line) if is_coloured else text for n, text in ((pin, left), (pin + 1, right))
        )
        rows.append(f"{space}{left} {pin:>2} | {pin + 1:<2} {right}".rstrip())
    rows += [f"elsewhere: line {use.line} of {use.chip or use.owner}: {use.what}" for use in elsewhere]
    rows += [f"elsewhere: {each}" for each in unplaced(board)]
    return "\n".join(rows)


def _cell(pin: int, by_line: dict[int, Use]) -> str:
    if pin in SUPPLIES:
        return SUPPLIES[pin]
    line = f"GPIO{LINES[pin]}"
    use = by_line.get(LINES[pin])
    if use is None:
        return line
    arrow = ">" if use.is_output else "<"
    what = use.what[: _CELL - len(line) - 3]
    return f"{what} {arrow} {line}" if pin % 2 else f"{line} {arrow} {what}"


def _tinted(pin: int, text: str, by_line: dict[int, Use]) -> str:
    if pin in SUPPLIES:
        colour = _FREE if SUPPLIES[pin] == "GND" else _SUPPLY
    else:
        use = by_line.get(LINES[pin])
        colour = _FREE if use is None else _OUT if use.is_output else _IN
    return f"{colour}{text}{_RESET}"


def wiring_table(board: BoardConfig) -> str:
    """Return the wires as a Markdown table, in the order of the header's pins."""
    by_line, elsewhere = on_header(board)
    rows = ["| Pin | GPIO | Direction | Wire | Board file |", "|---|---|---|---|---|"]
    for use in sorted(by_line.values(), key=lambda use: PIN_OF[use.line]):
        direction = "out" if use.is_output else "in"
        key = use.where.partition(" ")[2]
        rows.append(f"| {PIN_OF[use.line]} | {use.line} | {direction} | {use.what} | `{key}` |")
    rows += [
        f"| - | {use.line} | {'out' if use.is_output else 'in'} | {use.what} | `{use.chip}` |" for use in elsewhere
    ]
    rows += [f"| - | - | - | {name} | `{place}` |" for name, _, place in (e.partition(": ") for e in unplaced(board))]
    return "\n".join(rows)
