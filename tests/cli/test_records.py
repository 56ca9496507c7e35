"""`pilotline records` on a station's database, from the command line to the printed line."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from controller.cli.main import main
from controller.exits import ExitCode
from controller.store.rows import Frozen
from controller.store.store import Store
from tests.store.facts import EPOCH, V201, HandClock, begin, ended, open_store, updated

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "state" / "station.db"


@pytest.fixture
def records(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run `pilotline records ARGS…` for a station with its state in `state`; give code, stdout, stderr."""
    (tmp_path / "p.toml").write_text('[station]\nstate_dir = "state"\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TZ", "UTC")

    def run(*words: str) -> tuple[int, str, str]:
        code = main(["records", *words, "--config", "p.toml"])
        told = capsys.readouterr()
        return code, told.out, told.err

    return run


def deliver(store: Store, count: int) -> None:
    for record in store.waiting(count):
        assert record.transaction_id is not None
        store.freeze(record.position, Frozen(V201, "TransactionEvent", "{}", store.next_seq_no(record.transaction_id)))
        store.delivered(record.position)


def three_days(path: Path) -> tuple[Store, list[str]]:
    """One transaction a day from EPOCH on; two have ended, the last one runs; four messages are delivered."""
    clock = HandClock()
    store, ids = open_store(path, clock), []
    for day in range(3):
        ids.append(begin(store, clock))
        clock.advance(3600)
        store.add_event(updated(ids[-1], clock.now(), register_wh=1500 + day))
        if day < 2:
            store.add_event(ended(ids[-1], clock.now(), register_wh=2000 + day))
        clock.advance(23 * 3600)
    deliver(store, 4)
    return store, ids


@pytest.mark.parametrize("runs", [True, False])
def test_list_tells_every_transaction_with_the_station_running_or_not(database: Path, records: Run, runs: bool) -> None:
    store, ids = three_days(database)
    if not runs:
        store.close()
    code, out, err = records("list")
    assert (code, err) == (0, "")
    begun = EPOCH.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    until = (EPOCH + timedelta(hours=1)).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    assert out.splitlines()[:4] == [
        f"{begun}  EVSE 1  {ids[0]}",
        f"  until {until}, 1000 Wh, EVDisconnected",
        "  token ISO14443, 8 characters, …B2C3",
        "  messages: 3 delivered",
    ]
    assert "  RUNNING, 502 Wh\n" in out and "  messages: 2 waiting, 1 delivered\n" in out
    assert out.splitlines()[-1] == "3 transactions; messages: 4 waiting, 4 delivered"
    assert "04A1B2C3" not in out and max(map(len, out.splitlines())) <= 80


def test_list_as_json_has_every_field(database: Path, records: Run) -> None:
    store, ids = three_days(database)
    store.set_meta("x", "y")
    code, out, _ = records("list", "--json")
    found = json.loads(out)
    assert code == 0 and [each["id"] for each in found] == ids
    assert found[0] == {
        "id": ids[0],
        "evse": 1,
        "connector": 1,
        "token": {"kind": "ISO14443", "hint": "ISO14443, 8 characters, …B2C3"},
        "csms": "csms.example/ocpp",
        "protocol": "ocpp2.0.1",
        "wire_id": None,
        "state": "ended",
        "begin": {"time": "2026-01-05T06:00:00.000+00:00", "certainty": "trusted"},
        "end": {"time": "2026-01-05T07:00:00.000+00:00", "certainty": "trusted"},
        "begin_wh": 1000,
        "last_wh": 2000,
        "energy_wh": 1000,
        "stopped_reason": "EVDisconnected",
        "messages": {"delivered": 3},
    }
    assert (found[2]["state"], found[2]["end"]) == ("running", None)


@pytest.mark.parametrize(
    ("words", "chosen"),
    [
        (["--open"], [2]),
        (["--since", "2026-01-06T06:30:00+00:00"], [1, 2]),
        (["--until", "2026-01-06T06:00:00+00:00"], [0]),
        (["--since", "2026-01-06T00:00:00+00:00", "--until", "2026-01-07T00:00:00+00:00"], [1]),
        (["--since", "2026-02-01"], [2]),
        (["--evse", "2"], []),
        (["--evse", "1"], [0, 1, 2]),
    ],
    ids=str,
)
def test_list_shows_only_what_was_asked_for(database: Path, records: Run, words: list[str], chosen: list[int]) -> None:
    _, ids = three_days(database)
    _, out, _ = records("list", "--json", *words)
    assert [each["id"] for each in json.loads(out)] == [ids[number] for number in chosen]


def test_a_time_before_the_clock_was_known_is_mended_or_marked(database: Path, records: Run) -> None:
    clock = HandClock(trusted=False, wall_error=timedelta(days=-20000))
    store = open_store(database, clock)
    begin(store, clock)
    code, out, _ = records("list")
    assert code == 0 and "(guessed)" in out
    clock.advance(60)
    clock.set_wall(clock.true_wall)
    store.learn_wall_clock()
    _, out, _ = records("list", "--json")
    assert json.loads(out)[0]["begin"] == {"time": "2026-01-05T06:00:00.000+00:00", "certainty": "mended"}


def test_an_empty_database_has_no_transaction(database: Path, records: Run) -> None:
    open_store(database).close()
    assert records("list") == (0, "no transaction was found\n", "")
    assert records("list", "--json") == (0, "[]\n", "")


def test_what_cannot_be_read_is_one_line_and_a_documented_code(database: Path, records: Run) -> None:
    code, _, err = records("list")
    assert code == ExitCode.DEVICE and err.startswith("pilotline: ") and "there is no such file" in err
    store, _ = three_days(database)
    store.close()
    with sqlite3.connect(database) as other:
        [row] = other.execute("SELECT rootpage FROM sqlite_master WHERE name = 'transactions'").fetchone()
    other.close()
    whole = database.read_bytes()
    database.write_bytes(whole[: (row - 1) * 1024] + bytes(1024) + whole[row * 1024 :])
    code, _, err = records("list")
    assert code == ExitCode.FAILED and "pilotline records verify" in err and err.count("\n") == 1
    code, _, err = records("list", "--since", "tomorrow")
    assert (code, err) == (2, "pilotline: --since tomorrow: write it as 2026-11-01 or 2026-11-01T08:00\n")


def test_verify_of_a_sound_database_ends_with_0_while_the_station_runs(database: Path, records: Run) -> None:
    store, _ = three_days(database)
    store.flush()
    code, out, err = records("verify")
    assert (code, err) == (0, "")
    assert out == f"OK: {database}: 3 transactions, 8 events, nothing is wrong\n"
    assert json.loads(records("verify", "--json")[1]) == {
        "ok": True,
        "file": str(database),
        "violations": [],
        "salvageable": None,
    }


def test_verify_of_a_named_file_tells_one_line_each_and_ends_with_1(
    database: Path, records: Run, tmp_path: Path
) -> None:
    store, ids = three_days(database)
    store.close()
    other = tmp_path / "old.db"
    database.rename(other)
    with sqlite3.connect(other) as connection:
        connection.execute(
            "UPDATE streams SET settled_through = 0, last_seq_no = 9 WHERE transaction_id = ?", (ids[0],)
        )
    connection.close()
    before = other.read_bytes()
    code, out, err = records("verify", "old.db")
    assert code == ExitCode.FAILED
    assert out.splitlines() == [
        f"transaction {ids[0]}: table streams row 1: waiting is 0, by its events it is 3",
        f"transaction {ids[0]}: table streams row 1: closed is 1, by its events it is 0",
        f"transaction {ids[0]}: table streams row 1: last_seq_no 9, by its messages 2",
    ]
    assert err == "pilotline: old.db: 3 violations (3 transactions, 8 events)\n"
    code, out, _ = records("verify", "old.db", "--json")
    assert code == ExitCode.FAILED and len(json.loads(out)["violations"]) == 3
    assert other.read_bytes() == before
    other.write_bytes(before[:3072])
    code, out, err = records("verify", "old.db")
    assert code == 1
    assert out.splitlines()[0] == "file: cannot be opened: database disk image is malformed"
    assert out.splitlines()[1].startswith("a start of the station salvages of it: 0 transactions, 0 messages that wait")
    other.write_bytes(bytes(1024) + before[1024:])
    code, out, _ = records("verify", "old.db", "--json")
    assert json.loads(out)["salvageable"] == "3 transactions, 1 of them with parts missing, 4 messages that wait"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["old.db", "p.toml", "state"]


def test_verify_of_nothing_or_of_something_else_is_refused(records: Run, tmp_path: Path) -> None:
    assert records("verify")[0] == ExitCode.DEVICE
    with sqlite3.connect(tmp_path / "their.db") as connection:
        connection.execute("CREATE TABLE theirs (a)")
    code, _, err = records("verify", "their.db")
    assert (code, err) == (5, "pilotline: their.db: is not a database of a charging station\n")
