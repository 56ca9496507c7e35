"""`pilotline card`: a reader is tried with the station stopped, on the bytes of its peer; every refusal is one line."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from controller.cli.main import main
from controller.exits import ExitCode
from drivers.mock.pn532_peer import Pn532Peer
from tests.drivers.pty_link import PtyLink

BOARDS = Path(__file__).parents[2] / "hw/boards"
Card = Callable[..., int]


class Field:
    """A PN532 on a pseudo-terminal, served in a thread of its own. cards: held to it one after the other, each 0.3 s, then none."""

    def __init__(self, path: Path, *cards: str) -> None:
        self._cards = cards
        self._began_s: float | None = None
        self._path = path
        self._loop = asyncio.new_event_loop()
        self._is_there = threading.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),), daemon=True)

    def __enter__(self) -> None:
        self._thread.start()
        assert self._is_there.wait(10)

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(10)

    async def _serve(self) -> None:
        self._over = asyncio.Event()
        link = PtyLink(self._path, Pn532Peer(self._card))
        link.plug()
        self._is_there.set()
        await self._over.wait()
        link.unplug()

    def _card(self) -> str | None:
        """The first one comes at the first look."""
        now = time.monotonic()
        self._began_s = now if self._began_s is None else self._began_s
        place = int((now - self._began_s) / 0.3)
        return self._cards[place] if place < len(self._cards) else None


@pytest.fixture
def card(tmp_path: Path) -> Card:
    """Run `pilotline card ARGS…` for a station with that [[reader]] text."""

    def run(
        *args: str, readers: str = f'[[reader]]\ntype = "pn532"\nport = "{tmp_path}/pn532"\npoll_s = 0.02\n'
    ) -> int:
        text = (BOARDS / "single-tethered.toml").read_text()
        head, _, rest = text.partition("[[reader]]\n")
        rest = rest.partition("\n\n")[2]
        (tmp_path / "board.toml").write_text(f"{head}{readers}\n{rest}")
        (tmp_path / "p.toml").write_text(
            f'[station]\nboard = "{tmp_path}/board.toml"\nrun_dir = "{tmp_path}/run"\nstate_dir = "{tmp_path}/state"\n'
        )
        return main(["card", *args, "--config", str(tmp_path / "p.toml")])

    return run


@pytest.fixture
def err(capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[[], str]]:
    def one_line() -> str:
        [line] = capsys.readouterr().err.splitlines()
        return line

    yield one_line


@pytest.mark.wire
def test_a_card_is_shown_whole(tmp_path: Path, card: Card, capsys: pytest.CaptureFixture[str]) -> None:
    with Field(tmp_path / "pn532", "04A1B2C3D4E5F6"):
        assert card("read") == ExitCode.OK
    assert capsys.readouterr().out.splitlines() == [
        f"hold a card to reader 1: pn532, {tmp_path}/board.toml [reader.1]",
        "04A1B2C3D4E5F6  ISO14443, 14 characters",
    ]


@pytest.mark.wire
def test_a_refused_card_is_told_with_the_reason_and_fails(
    tmp_path: Path, card: Card, capsys: pytest.CaptureFixture[str]
) -> None:
    with Field(tmp_path / "pn532", "08A1B2C3", "04A1B2C3D4E5F6071829"):
        assert card("read", "--count", "2", "--json") == ExitCode.FAILED
    refused, read = map(json.loads, capsys.readouterr().out.splitlines())
    assert refused["reader"] == 1 and f"accept_random_uid in {tmp_path}/board.toml [reader.1]" in refused["refused"]
    assert read == {"reader": 1, "token": "04A1B2C3D4E5F6071829", "kind": "ISO14443", "fits_ocpp16": True}


@pytest.mark.wire
def test_a_token_too_long_for_16_says_so(tmp_path: Path, card: Card, capsys: pytest.CaptureFixture[str]) -> None:
    readers = f'[[reader]]\ntype = "pn532"\nport = "{tmp_path}/pn532"\nprefix = "PILOT-"\n'
    with Field(tmp_path / "pn532", "04A1B2C3D4E5F6071829"):
        assert card("read", readers=readers) == ExitCode.OK
    assert (
        capsys.readouterr().out.splitlines()[1].endswith("26 characters; too long for OCPP 1.6, which has room for 20")
    )


@pytest.mark.wire
def test_without_a_card_it_ends_and_says_what_to_look_at(tmp_path: Path, card: Card, err: Callable[[], str]) -> None:
    with Field(tmp_path / "pn532"):
        assert card("read", "--timeout", "0.3") == ExitCode.FAILED
    assert err() == (
        "pilotline: no card within 0.3 s; look at the card's kind, its distance, then the reader's wires and supply"
    )


def test_a_reader_that_is_not_there_is_a_device_that_cannot_be_used(
    tmp_path: Path, card: Card, err: Callable[[], str]
) -> None:
    assert card("read") == ExitCode.DEVICE
    line = err()
    assert f"PN532 on {tmp_path}/pn532 of {tmp_path}/board.toml [reader.1]: " in line and "is not there" in line


TWO = '[[reader]]\ntype = "pn532"\nport = "/x/a"\n[[reader]]\ntype = "rdm6300"\nport = "/x/b"\n'


@pytest.mark.parametrize(
    ("args", "readers", "code", "says"),
    [
        ((), "", ExitCode.FAILED, "board.toml has no [[reader]]"),
        ((), TWO, ExitCode.USAGE, "name one with --reader; board.toml has 1 (pn532), 2 (rdm6300)"),
        (("--reader", "3"), TWO, ExitCode.USAGE, "there is no reader 3; board.toml has 1 (pn532), 2 (rdm6300)"),
        (("--reader", "0"), TWO, ExitCode.USAGE, "there is no reader 0; board.toml has 1 (pn532), 2 (rdm6300)"),
        (("--count", "0"), TWO, ExitCode.USAGE, "--count 0 --timeout 30: both must be above 0"),
        (("--timeout", "nan"), TWO, ExitCode.USAGE, "--count 1 --timeout nan: both must be above 0"),
    ],
)
def test_what_cannot_be_tried_is_one_line(
    card: Card, err: Callable[[], str], args: tuple[str, ...], readers: str, code: ExitCode, says: str
) -> None:
    assert card("read", *args, readers=readers) == code
    assert err() == f"pilotline: {says}"


def test_while_the_station_runs_its_cards_are_watched(tmp_path: Path, card: Card, err: Callable[[], str]) -> None:
    import socket

    (tmp_path / "run").mkdir()
    with socket.socket(socket.AF_UNIX) as station:
        station.bind(str(tmp_path / "run/api.sock"))
        station.listen()
        assert card("read") == ExitCode.BUSY
    assert err() == (
        "pilotline: the station runs and has its readers; pilotline card watch shows its cards, or stop it first"
    )


def test_the_readers_of_the_mock_board_are_there_only_while_it_runs(tmp_path: Path, err: Callable[[], str]) -> None:
    (tmp_path / "p.toml").write_text(f'[station]\nrun_dir = "{tmp_path}/run"\nstate_dir = "{tmp_path}/state"\n')
    assert main(["card", "read", "--reader", "1", "--config", str(tmp_path / "p.toml")]) == ExitCode.NOT_RUNNING
    assert "pilotline run, then pilotline card watch" in err()


@pytest.mark.wire
def test_a_reader_whose_far_end_is_another_s_is_read_on_a_simulated_board(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (BOARDS / "mock.toml").read_text()
    own = f'[[reader]]\ntype = "pn532"\nport = "{tmp_path}/pn532"\n\n[[reader]]\n'
    (tmp_path / "own.toml").write_text(text.replace("[[reader]]\n", own, 1))
    (tmp_path / "p.toml").write_text(
        f'[station]\nboard = "./own.toml"\nrun_dir = "{tmp_path}/run"\nstate_dir = "{tmp_path}/state"\n'
    )
    with Field(tmp_path / "pn532", "04A1B2C3D4E5F6"):
        assert main(["card", "read", "--reader", "1", "--config", str(tmp_path / "p.toml")]) == ExitCode.OK
    assert capsys.readouterr().out.endswith("\n04A1B2C3D4E5F6  ISO14443, 14 characters\n")
