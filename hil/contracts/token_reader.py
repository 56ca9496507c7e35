"""What every token reader driver must do."""

from __future__ import annotations

import asyncio
from typing import Protocol

import pytest

from controller.hal import DeviceError, DeviceGone, TokenRead, TokenReader, TokenRefused


class ReaderRig(Protocol):
    reader: TokenReader
    tokens: tuple[str, ...]
    """Tokens that the reader can read, as it reports them."""

    async def hold(self, token: str) -> None:
        """Hold a token to the reader and keep it there."""

    async def take_away(self) -> None: ...
    def pass_time(self, seconds: float) -> None:
        """Let the reader's clock go on by so much."""

    def unplug(self) -> None: ...
    def plug(self) -> None: ...
    def monotonic(self) -> float: ...


PATIENCE_S = 5.0
LONG_ENOUGH_S = 0.3  # for several looks of a polling reader


async def next_token(rig: ReaderRig) -> TokenRead:
    event = await asyncio.wait_for(rig.reader.read(), PATIENCE_S)
    assert isinstance(event, TokenRead), event
    assert 0 < len(event.value) <= 36 and event.value.isascii() and event.value.isprintable()
    return event


async def next_refusal(rig: ReaderRig) -> TokenRefused:
    event = await asyncio.wait_for(rig.reader.read(), PATIENCE_S)
    assert isinstance(event, TokenRefused), event
    assert event.why and "\n" not in event.why
    return event


async def reads_nothing(rig: ReaderRig) -> bool:
    try:
        await asyncio.wait_for(rig.reader.read(), LONG_ENOUGH_S)
    except TimeoutError:
        return True
    return False


@pytest.mark.asyncio
class TokenReaderContract:
    async def test_every_token_is_read_whole(self, rig: ReaderRig) -> None:
        for token in rig.tokens:
            before_s = rig.monotonic()
            await rig.hold(token)
            read = await next_token(rig)
            assert read.value == token
            assert before_s <= read.at_s <= rig.monotonic()
            await rig.take_away()

    async def test_a_token_that_stays_is_one_event(self, rig: ReaderRig) -> None:
        await rig.hold(rig.tokens[0])
        await next_token(rig)
        assert await reads_nothing(rig)

    async def test_a_short_absence_is_still_the_same_presentation(self, rig: ReaderRig) -> None:
        await rig.hold(rig.tokens[0])
        await next_token(rig)
        await rig.take_away()
        assert await reads_nothing(rig)
        await rig.hold(rig.tokens[0])
        assert await reads_nothing(rig)

    async def test_after_one_and_a_half_seconds_away_a_token_is_presented_anew(self, rig: ReaderRig) -> None:
        await rig.hold(rig.tokens[0])
        await next_token(rig)
        await rig.take_away()
        waiting = asyncio.create_task(next_token(rig))
        await asyncio.sleep(LONG_ENOUGH_S)
        rig.pass_time(1.5)
        await asyncio.sleep(LONG_ENOUGH_S)
        await rig.hold(rig.tokens[0])
        assert (await waiting).value == rig.tokens[0]

    async def test_another_token_is_read_at_once(self, rig: ReaderRig) -> None:
        await rig.hold(rig.tokens[0])
        await next_token(rig)
        await rig.take_away()
        await rig.hold(rig.tokens[1])
        assert (await next_token(rig)).value == rig.tokens[1]

    async def test_a_cancelled_read_loses_nothing(self, rig: ReaderRig) -> None:
        for _ in range(5):
            waiting = asyncio.create_task(rig.reader.read())
            await asyncio.sleep(0.03)
            waiting.cancel()
        await rig.hold(rig.tokens[0])
        assert (await next_token(rig)).value == rig.tokens[0]

    async def test_a_reader_that_vanishes_is_gone_and_comes_back(self, rig: ReaderRig) -> None:
        waiting = asyncio.create_task(next_token(rig))
        await asyncio.sleep(0.1)
        rig.unplug()
        with pytest.raises(DeviceGone):
            await waiting
        with pytest.raises(DeviceGone):
            await next_token(rig)
        rig.plug()
        await rig.hold(rig.tokens[0])
        assert (await next_token(rig)).value == rig.tokens[0]

    async def test_a_token_that_stays_over_an_outage_is_one_event(self, rig: ReaderRig) -> None:
        await rig.hold(rig.tokens[0])
        await next_token(rig)
        rig.unplug()
        with pytest.raises(DeviceGone):
            await next_token(rig)
        rig.pass_time(60)
        rig.plug()
        assert await reads_nothing(rig)
        await rig.hold(rig.tokens[1])
        assert (await next_token(rig)).value == rig.tokens[1]

    async def test_an_error_is_one_line_that_names_the_device(self, rig: ReaderRig) -> None:
        rig.unplug()
        with pytest.raises(DeviceError) as caught:
            await next_token(rig)
        assert caught.value.device and caught.value.hint and "\n" not in str(caught.value)

    async def test_a_closed_reader_may_be_closed_again(self, rig: ReaderRig) -> None:
        await rig.hold(rig.tokens[0])
        await next_token(rig)
        await rig.reader.close()
        await rig.reader.close()
