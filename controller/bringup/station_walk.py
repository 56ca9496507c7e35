"""The walk along what the EVSEs share: card readers, then the CSMS, which the station itself is started for."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from controller.bringup.finding import Finding, failed, left_out, not_built, passed
from controller.bringup.person import Deed, Person
from controller.hal import DeviceError, TokenReader, TokenRefused
from controller.logic.values import IdToken, IdTokenType

CARD_S = 30.0


async def walk_readers(readers: Sequence[tuple[TokenReader, str]], person: Person) -> list[Finding]:
    """readers: each with what it is called, for example `reader 1 (mock.toml [reader.1])`."""
    findings = []
    for number, (reader, name) in enumerate(readers, 1):
        finding = await _card(reader, number, name, person)
        findings.append(finding)
        person.sees(finding)
    if not readers:
        findings.append(not_built("card reader", None))
    return findings


async def _card(reader: TokenReader, number: int, name: str, person: Person) -> Finding:
    expected = f"a card within {CARD_S:.0f} s"
    reading = asyncio.ensure_future(reader.read())  # it listens before anybody holds a card to it
    try:
        await asyncio.wait({reading}, timeout=0.5)
        if not reading.done() and not person.does(Deed.CARD, reader=name, number=number):
            return left_out(name, None, "no card was held to it")
        read = await asyncio.wait_for(reading, CARD_S)
    except TimeoutError:
        return failed(
            name,
            None,
            "no card was read",
            expected,
            "the card's kind, its distance, then the reader's wires and supply",
        )
    except DeviceError as error:
        return failed(name, None, f"{error.device}: {error.problem}", expected, error.hint or error.device)
    finally:
        reading.cancel()
        await reader.close()
    if isinstance(read, TokenRefused):
        return failed(name, None, f"refused: {read.why}", expected, "another card, or that key of the board file")
    return passed(name, None, IdToken(read.value, IdTokenType(read.kind)).redacted, expected)
