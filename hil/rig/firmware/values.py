"""What a verb's arguments may be. A mistake is a Refused, one line that names verb and key; then nothing has changed."""

try:
    from typing import Any
except ImportError:  # MicroPython has none, and does not evaluate annotations
    pass

SHOWN = 40  # characters of a wrong value that an error repeats


class Refused(Exception):
    """The message is the answer's `error`."""


def shown(value: Any) -> str:
    """Return a wrong value as an error shows it."""
    text = repr(value)
    return text if len(text) <= SHOWN else text[:SHOWN] + "..."


def number(where: str, key: str, value: Any, low: float, high: float) -> float:
    if value is True or value is False or not isinstance(value, (int, float)) or not low <= value <= high:
        raise Refused(f"{where}: `{key}` must be a number from {low} to {high}, not {shown(value)}")
    return value


def whole(where: str, key: str, value: Any, low: int, high: int) -> int:
    if value is True or value is False or not isinstance(value, int) or not low <= value <= high:
        raise Refused(f"{where}: `{key}` must be a whole number from {low} to {high}, not {shown(value)}")
    return value


def flag(where: str, key: str, value: Any) -> bool:
    if value is not True and value is not False:
        raise Refused(f"{where}: `{key}` must be true or false, not {shown(value)}")
    return bool(value)


def one_of(where: str, key: str, value: Any, known: tuple[Any, ...]) -> Any:
    """Return the value if it is among the known ones, of the same kind (true is no 1)."""
    for each in known:
        if type(each) is type(value) and each == value:
            return each
    names = ", ".join([str(each) for each in known])
    raise Refused(f"{where}: `{key}` must be one of {names}, not {shown(value)}")
