"""What a keyboard types, out of the kernel's records: bytes and times in, lines out, no I/O.

Records are those of linux/input.h, key codes those of linux/input-event-codes.h. Card readers type as a US keyboard does.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

EVENT = struct.Struct("llHHi")  # time in seconds and microseconds, type, code, value
ENTER = 28
_EV_SYN, _EV_KEY, _SYN_DROPPED = 0, 1, 3
_RELEASED, _PRESSED = 0, 1
_LONGEST = 64
_PAUSE_S = 1.0  # a reader types a card within some 100 ms
_ENTERS = frozenset((ENTER, 96))
_SHIFTS = frozenset((42, 54))
# Caps Lock is not followed: the case of an idToken means nothing. Num Lock changes no key code.
_LOCKS = frozenset((58, 69))
_PLAIN = {
    **dict(zip(range(2, 14), "1234567890-=", strict=True)),
    **dict(zip(range(16, 28), "qwertyuiop[]", strict=True)),
    **dict(zip(range(30, 42), "asdfghjkl;'`", strict=True)),
    **dict(zip(range(43, 54), "\\zxcvbnm,./", strict=True)),
    **dict(zip((71, 72, 73, 75, 76, 77, 79, 80, 81, 82), "7894561230", strict=True)),
    55: "*", 57: " ", 74: "-", 78: "+", 83: ".", 98: "/",
}  # fmt: skip
_KEYPAD = frozenset((55, 74, 78, 98, *range(71, 84)))
_SHIFTED = dict(zip("1234567890-=[];'`\\,./", '!@#$%^&*()_+{}:"~|<>?', strict=True))


class Keys:
    """Turns records into typed lines, cut however they arrive.

    A line of which a part was lost, was too much or is no text is None at its end: what is left of it would be another token.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._shifts: set[int] = set()
        self._typed: list[str] = []
        self._is_whole = True
        self._last_s = 0.0

    def feed(self, data: bytes, at_s: float) -> Iterator[str | None]:
        """Take bytes of the event device that came at a monotonic time; yield each line that Enter has ended."""
        if at_s - self._last_s > _PAUSE_S and (self._typed or not self._is_whole):
            self._begin()  # the reader broke off and begins anew
        self._last_s = at_s
        data = self._rest + data
        whole = len(data) - len(data) % EVENT.size
        self._rest = data[whole:]
        for _, _, kind, code, value in EVENT.iter_unpack(data[:whole]):
            if kind == _EV_KEY:
                yield from self._key(code, value)
            elif kind == _EV_SYN and code == _SYN_DROPPED:  # the kernel had no room: releases may be lost too
                self._shifts.clear()
                self._is_whole = False

    def reset(self) -> None:
        self._rest = b""
        self._shifts.clear()
        self._begin()

    def _key(self, code: int, value: int) -> Iterator[str | None]:
        if code in _SHIFTS:
            (self._shifts.discard if value == _RELEASED else self._shifts.add)(code)
        elif value != _PRESSED or code in _LOCKS:  # a repeat types nothing: no card has a key held down
            return
        elif code in _ENTERS:
            typed, is_whole = "".join(self._typed).strip(), self._is_whole
            self._begin()
            if typed or not is_whole:
                yield typed if is_whole else None
        elif code in _PLAIN and len(self._typed) < _LONGEST:
            self._typed.append(self._letter(code))
        else:
            self._is_whole = False

    def _letter(self, code: int) -> str:
        plain = _PLAIN[code]
        return _SHIFTED.get(plain, plain.upper()) if self._shifts and code not in _KEYPAD else plain

    def _begin(self) -> None:
        self._typed.clear()
        self._is_whole = True
