"""Throws frames at drivers: a few in `make test`, FUZZ_FRAMES at each test in `make fuzz`.

hypothesis shapes the frames that a test starts from; a seeded generator makes hundreds of others of each, so that the time is the
driver's own. A frame that gets past is made shorter as long as it still does, and told as an `@example`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from random import Random
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

F = TypeVar("F")
Vary = Callable[[Random, F], F]

FRAMES = int(os.environ.get("FUZZ_FRAMES", "300"))
_FEWEST_STARTS = 50
_MOST_FROM_A_START = 500
_LONG = FRAMES > 10_000


def fuzzed(
    starts: st.SearchStrategy[F], vary: Vary[F], at: Callable[[], AbstractContextManager[Any]] = nullcontext
) -> Callable[[Callable[..., None]], Any]:
    """Throw FRAMES frames at a test of one frame, `test(frame)`.

    vary: makes another frame of one: cut, flipped, echoed, another altogether. at: what all frames that come of one start are thrown
    at, where it does not cost nothing to make: `test(that, frame)`. Each frame must leave it as good as new.
    """

    def mark(test: Callable[..., None]) -> Any:
        def throw(frame: F, seed: int) -> None:
            with at() as target:
                one: Callable[[F], None] = test if target is None else partial(test, target)
                for each in _made_of(frame, vary, seed):
                    try:
                        one(each)
                    except Exception as error:
                        error.add_note(f"@example(frame={_told(_shortest(one, each, type(error)))}, seed=0)")
                        raise

        for attribute in ("__name__", "__qualname__", "__module__", "__doc__"):
            setattr(throw, attribute, getattr(test, attribute))
        calm = [HealthCheck.too_slow, HealthCheck.data_too_large]
        phases = [Phase.explicit, Phase.reuse, Phase.generate]  # what is to be made shorter is not the start
        starting = settings(max_examples=_starts(), deadline=None, suppress_health_check=calm, phases=phases)
        thrown = starting(given(frame=starts, seed=st.integers(0, 2**32 - 1))(throw))
        return pytest.mark.fuzz(pytest.mark.timeout(0)(thrown) if _LONG else thrown)

    return mark


def spoiled(dice: Random, frame: bytes, unit: int = 1, noise: bytes = bytes(range(256))) -> bytes:
    """Return a frame to which one thing has happened, or two, or which is noise.

    unit: bytes that stay together. noise: bytes of which what comes into it is made.
    """
    for _ in range(dice.choice((1, 1, 2))):
        first, second = sorted((_place(dice, frame, unit), _place(dice, frame, unit)))
        happened = dice.randrange(9)
        if happened == 0 and frame:
            frame = flipped(frame, [dice.getrandbits(16) for _ in range(dice.randrange(1, 4))])
        elif happened == 1:
            frame = frame[:first]
        elif happened == 2:
            frame = frame[:first] + frame[second:]
        elif happened == 3:
            frame = frame[:first] + frame[first:second] * 2 + frame[second:]
        elif happened == 4:
            frame = frame + frame
        elif happened == 5:
            frame = frame[:first] + bytes(dice.choices(noise, k=unit * dice.randrange(1, 5))) + frame[first:]
        elif happened == 6:
            frame = frame[:first] + bytes(dice.choices(noise, k=second - first)) + frame[second:]
        elif happened == 7:
            frame = frame[:first] + bytes(dice.choices(noise, k=unit)) + frame[first + unit :]
        else:
            frame = bytes(dice.choices(noise, k=unit * dice.randrange(12))) + dice.choice((frame, b""))
    return frame


def flipped(frame: bytes, bits: list[int]) -> bytes:
    """Return a frame with these bits flipped, counted round and round. frame: not empty."""
    number = int.from_bytes(frame, "big")
    for bit in bits:
        number ^= 1 << bit % (8 * len(frame))
    return number.to_bytes(len(frame), "big")


def _starts() -> int:
    return max(_FEWEST_STARTS, -(-FRAMES // _MOST_FROM_A_START))


def _made_of(frame: F, vary: Vary[F], seed: int) -> Iterator[F]:
    dice = Random(seed)
    yield frame
    for _ in range(-(-FRAMES // _starts()) - 1):
        yield vary(dice, frame)


def _place(dice: Random, frame: bytes, unit: int) -> int:
    return unit * dice.randrange(len(frame) // unit + 1)


def _shortest(test: Callable[[F], None], frame: F, kind: type[Exception]) -> F:
    """Return what is left of a frame when all has gone without which the test fails alike."""
    size = len(_parts(frame))
    while size:
        size //= 2
        at = 0
        while size and at < len(_parts(frame)):
            shorter = _without(frame, at, size)
            if _fails(test, shorter, kind):
                frame = shorter
            else:
                at += size
    return frame


def _parts(frame: Any) -> Any:
    return tuple(frame.items()) if isinstance(frame, dict) else frame


def _without(frame: Any, at: int, size: int) -> Any:
    parts = _parts(frame)
    left = parts[:at] + parts[at + size :]
    return dict(left) if isinstance(frame, dict) else left


def _fails(test: Callable[[F], None], frame: F, kind: type[Exception]) -> bool:
    try:
        test(frame)
    except Exception as error:  # noqa: BLE001 - whatever a driver raises
        return type(error) is kind
    return False


def _told(frame: Any) -> str:
    if isinstance(frame, bytes):
        return f'bytes.fromhex("{frame.hex()}")'
    if isinstance(frame, tuple):
        return "(" + "".join(f"{_told(each)}, " for each in frame) + ")"
    return repr(frame)
