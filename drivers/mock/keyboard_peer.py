"""A card reader that plays a US keyboard, as the kernel tells of it: records of its event device.

Each key is its scan code (EV_MSC), press, report, release, report; a capital has Shift held around it. Sources: Linux kernel
documentation, input/event-codes.rst and input/input.rst; key codes: include/uapi/linux/input-event-codes.h.
"""

from __future__ import annotations

import struct

from drivers.mock.peer import Answers

_RECORD = struct.Struct("@llHHi")  # struct input_event where time_t has the size of a long
EV_SYN, EV_KEY, EV_MSC = 0x00, 0x01, 0x04
SYN_REPORT, SYN_DROPPED, MSC_SCAN = 0, 3, 4
KEY_ENTER, KEY_LEFTSHIFT, KEY_KPENTER = 28, 42, 96
RELEASE, PRESS, REPEAT = 0, 1, 2
_USB_KEYBOARD_PAGE = 0x70000

KEYS = {
    "1": 2, "2": 3, "3": 4, "4": 5, "5": 6, "6": 7, "7": 8, "8": 9, "9": 10, "0": 11, "-": 12, "=": 13,
    "q": 16, "w": 17, "e": 18, "r": 19, "t": 20, "y": 21, "u": 22, "i": 23, "o": 24, "p": 25,
    "a": 30, "s": 31, "d": 32, "f": 33, "g": 34, "h": 35, "j": 36, "k": 37, "l": 38, ";": 39,
    "z": 44, "x": 45, "c": 46, "v": 47, "b": 48, "n": 49, "m": 50, ",": 51, ".": 52, "/": 53, "\n": KEY_ENTER,
}  # fmt: skip
KEYPAD = {"7": 71, "8": 72, "9": 73, "4": 75, "5": 76, "6": 77, "1": 79, "2": 80, "3": 81, "0": 82, "\n": KEY_KPENTER}
_WITH_SHIFT = {":": ";", "_": "-", "+": "=", "&": "7", "*": "8"}


def record(code: int, value: int, kind: int = EV_KEY, at_s: float = 1.0) -> bytes:
    return _RECORD.pack(int(at_s), int(at_s % 1 * 1e6), kind, code, value)


def stroke(code: int, value: int, at_s: float = 1.0) -> bytes:
    """Return what one key going down, staying or going up is told as."""
    scan = record(MSC_SCAN, _USB_KEYBOARD_PAGE + code, EV_MSC, at_s)
    return scan + record(code, value, EV_KEY, at_s) + record(SYN_REPORT, 0, EV_SYN, at_s)


def typed(text: str, keys: dict[str, int] = KEYS, at_s: float = 1.0) -> bytes:
    """Return the records of a text with its Enter, `\\n`. keys: KEYS, or KEYPAD for digits alone."""
    data = b""
    for letter in text:
        plain = _WITH_SHIFT.get(letter, letter.lower())
        strokes = stroke(keys[plain], PRESS, at_s) + stroke(keys[plain], RELEASE, at_s)
        if plain != letter:
            strokes = stroke(KEY_LEFTSHIFT, PRESS, at_s) + strokes + stroke(KEY_LEFTSHIFT, RELEASE, at_s)
        data += strokes
    return data


class KeyboardPeer:
    """Types each token once, when it is held to the reader."""

    def __init__(self) -> None:
        self._answers = Answers()

    def send_token(self, token: str, now: float) -> None:
        self._answers.put(now, typed(token + "\n", at_s=now))

    def receive(self, data: bytes, now: float) -> None:
        pass

    def deadline(self) -> float | None:
        return self._answers.deadline()

    def take(self, now: float) -> bytes:
        return self._answers.take(now)
