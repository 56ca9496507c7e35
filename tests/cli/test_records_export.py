"""`pilotline records export`: everything a bill needs, in three formats that others can read."""

from __future__ import annotations

import base64
import csv
import io
import json
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from controller.cli.main import main
from controller.cli.records_export import CSV_COLUMNS
from controller.exits import ExitCode
from controller.logic.records import Basis, ChargingRecord, Kept
from controller.logic.values import IdToken, IdTokenType, Sample, SignedReading
from controller.store.rows import Frozen
from controller.store.store import Store
from tests.store.facts import CSMS, V201, HandClock, begin, ended, energy, open_store, started, updated

Run = Callable[..., tuple[int, str, str]]

OCMF_BEGIN = 'OCMF|{"FV":"1.0","RD":[{"RV":1.000,"TX":"B"}]}|{"SD":"3045"}'
OCMF_END = 'OCMF|{"FV":"1.0","RD":[{"RV":2.345,"TX":"E","RU":"kWh · ü"}]}|{"SD":"3046"}'
DOCS = Path(__file__).parents[2] / "docs/records.md"


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "state" / "station.db"


@pytest.fixture
def export(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    (tmp_path / "p.toml").write_text('[station]\nstate_dir = "state"\nidentity = "CP-9"\n')
    monkeypatch.chdir(tmp_path)

    def run(format: str, *words: str) -> tuple[int, str, str]:
        code = main(["records", "export", "--format", format, *words, "--config", "p.toml"])
        told = capsys.readouterr()
        return code, told.out, told.err

    return run


def signed(samples: tuple[Sample, ...], text: str | bytes, encoding: str = "OCMF") -> tuple[Sample, ...]:
    data = text.encode() if isinstance(text, str) else text
    return tuple(replace(sample, signed=SignedReading(data, encoding, "", b"\x30\x59")) for sample in samples)


def filled(path: Path) -> tuple[Store, str, str]:
    """`one` was signed at both ends, given up once and ended with a stale register; `two` runs, its token is a key code."""
    clock = HandClock()
    store = open_store(path, clock)
    store.add_charging_record(ChargingRecord("r-1", "s-1", 1, Basis.CACHE, IdToken("04A1B2C3"), 1000, clock.now()))
    one = store.new_transaction_id()
    event = replace(started(one, clock.now()), id_token=IdToken('04A1B2C3,"x"\r\n', IdTokenType.LOCAL))
    store.begin_transaction(
        replace(event, samples=signed(event.samples, OCMF_BEGIN)),
        protocol=V201, csms=CSMS, session_id="s-1", record_id="r-1", group="fleet",
    )  # fmt: skip
    clock.advance(90)
    kept = (Kept(clock.now(), energy(1500)),)
    store.add_event(updated(one, clock.now()))
    clock.advance(0.5)
    end = ended(one, clock.now(), register_wh=2345)
    store.add_event(replace(end, samples=signed(end.samples, OCMF_END), register_is_stale=True, kept=kept))
    for record in store.waiting(2):
        store.freeze(record.position, Frozen(V201, "TransactionEvent", "{}", store.next_seq_no(one)))
    store.delivered(1)
    store.attempted(2, "InternalError")
    store.gave_up(2, "3 attempts")
    two = store.new_transaction_id()
    begun = replace(started(two, clock.now()), id_token=IdToken("1234", IdTokenType.KEY_CODE))
    store.begin_transaction(begun, protocol=V201, csms=CSMS)
    return store, one, two


def test_csv_has_one_row_a_transaction_under_the_documented_columns(database: Path, export: Run) -> None:
    _, one, two = filled(database)
    code, out, err = export("csv")
    assert (code, err) == (0, "")
    head, *rows = csv.reader(io.StringIO(out, newline=""))
    assert tuple(head) == CSV_COLUMNS
    first, second = (dict(zip(head, row, strict=True)) for row in rows)
    assert first == {
        "id": one, "evse": "1", "connector": "1", "token": '04A1B2C3,"x"\r\n', "token_kind": "Local", "group": "fleet",
        "csms": CSMS, "protocol": V201, "wire_id": "", "remote_start_id": "", "basis": "cache", "state": "ended",
        "stopped_reason": "EVDisconnected", "begin": "2026-01-05T06:00:00.000+00:00", "begin_certainty": "trusted",
        "end": "2026-01-05T06:01:30.500+00:00", "end_certainty": "trusted", "duration_s": "90.5", "begin_wh": "1000",
        "last_wh": "2345", "energy_wh": "1345", "last_is_stale": "True", "signed_readings": "2", "delivered": "1",
        "waiting": "1", "gave_up": "1", "undeliverable": "0", "skipped": "0", "dropped": "0", "lost": "0",
    }  # fmt: skip
    assert (second["id"], second["state"], second["end"], second["token"]) == (two, "running", "", "")
    assert second["token_kind"] == "KeyCode" and "1234" not in out.replace(one, "").replace(two, "")


def test_csv_is_written_as_rfc_4180_has_it(database: Path, export: Run) -> None:
    filled(database)
    export("csv", "--out", "out.csv")
    text = (database.parents[1] / "out.csv").read_bytes()
    assert text.startswith(",".join(CSV_COLUMNS).encode() + b"\r\n") and text.endswith(b"\r\n")
    assert b'"04A1B2C3,""x""\r\n"' in text
    assert b"\n" not in text.replace(b"\r\n", b"")


def test_json_has_events_samples_and_the_delivery_of_each_message(database: Path, export: Run) -> None:
    _, one, two = filled(database)
    code, out, err = export("json")
    assert (code, err) == (0, "")
    document = json.loads(out)
    assert (document["format"], document["version"], document["identity"]) == ("pilotline-records", 1, "CP-9")
    first, second = document["transactions"]
    assert [first["id"], second["id"]] == [one, two]
    assert first["begin"] == {"time": "2026-01-05T06:00:00.000+00:00", "certainty": "trusted"}
    assert (first["begin_wh"], first["last_wh"], first["energy_wh"]) == (1000, 2345, 1345)
    assert first["sessions"] == ["s-1"] and first["records"][0]["basis"] == "cache"
    assert first["messages"] | {"dropped": 0} == {
        "waiting": 1, "delivered": 1, "gave_up": 1, "undeliverable": 0, "skipped": 0, "dropped": 0, "lost": 0
    }  # fmt: skip
    begun, update, end = first["events"]
    assert (begun["kind"], begun["register_wh"], begun["message"]["seq_no"]) == ("Started", 1000, 0)
    sample = begun["samples"][0]
    assert (sample["value"], sample["unit"], sample["context"]) == (1000, "Wh", "Transaction.Begin")
    assert (sample["signed"]["data"], sample["signed"]["encoding"]) == (OCMF_BEGIN, "OCMF")
    assert base64.b64decode(sample["signed"]["data_base64"]).decode() == OCMF_BEGIN
    assert update["delivery"] == {"state": "gave_up", "attempts": 1, "unanswered": 0, "why": "3 attempts"}
    assert (end["message"], end["delivery"]["state"], end["stopped_reason"]) == (None, "waiting", "EVDisconnected")
    assert end["kept"][0]["samples"][0]["value"] == 1500 and end["register_is_stale"] is True
    assert second["token"] == {"kind": "KeyCode", "value": None} and second["end"] is None


def test_every_column_and_field_is_documented(database: Path, export: Run) -> None:
    filled(database)
    text = DOCS.read_text()

    def fields(value: object) -> set[str]:
        if isinstance(value, dict):
            return set(value).union(*(fields(each) for each in value.values()))
        return set().union(*(fields(each) for each in value)) if isinstance(value, list) else set()

    found = fields(json.loads(export("json")[1]))
    # `value`, `kind`, `time` and the like are shared by several objects.
    assert [name for name in sorted({*found, *CSV_COLUMNS}) if f"`{name}`" not in text] == []


def test_ocmf_gives_the_meters_own_strings_and_names_what_has_none(database: Path, export: Run) -> None:
    _, one, two = filled(database)
    code, out, err = export("ocmf", "--transaction", one)
    assert (code, out, err) == (0, f"{OCMF_BEGIN}\n{OCMF_END}\n", "")
    code, out, err = export("ocmf")
    assert (code, out) == (ExitCode.FAILED, f"{OCMF_BEGIN}\n{OCMF_END}\n")
    assert err == f"pilotline: transaction {two}: has no signed data; its meter gave none\n"
    export("ocmf", "--transaction", one, "--out", "signed.ocmf")
    assert (database.parents[1] / "signed.ocmf").read_bytes() == f"{OCMF_BEGIN}\n{OCMF_END}\n".encode()


@pytest.mark.parametrize(
    ("data", "encoding", "says"),
    [
        (b"\xff\x00", "EDL", "has signed data of EDL: take --format json"),
        (b"OCMF|{\n}|{}", "OCMF", "has signed data of OCMF that is not one line of text: take --format json"),
        (b"\xff", "ocmf", "has signed data of OCMF that is not one line of text: take --format json"),
    ],
)
def test_signed_data_that_is_no_ocmf_line_is_never_bent_into_one(
    database: Path, export: Run, data: bytes, encoding: str, says: str
) -> None:
    clock = HandClock()
    store = open_store(database, clock)
    event = started("tx", clock.now())
    store.begin_transaction(replace(event, samples=signed(event.samples, data, encoding)), protocol=V201, csms=CSMS)
    assert export("ocmf") == (1, "", f"pilotline: transaction tx: {says}\n")
    [sample] = json.loads(export("json")[1])["transactions"][0]["events"][0]["samples"]
    assert base64.b64decode(sample["signed"]["data_base64"]) == data


def test_a_file_is_whole_private_and_replaced_in_one_piece(database: Path, export: Run, tmp_path: Path) -> None:
    filled(database)
    (tmp_path / "out.json").write_text("old")
    assert export("json", "--out", "out.json") == (0, "", "")
    assert len(json.loads((tmp_path / "out.json").read_text())["transactions"]) == 2
    assert stat.S_IMODE((tmp_path / "out.json").stat().st_mode) == 0o600
    code, _, err = export("json", "--out", "nowhere/out.json")
    assert (code, err) == (1, "pilotline: nowhere/out.json: cannot be written: no such file or directory\n")
    # What turns out to be unreadable half-way leaves the old file, and nothing beside it.
    (tmp_path / "out.json").write_text("old")
    store = open_store(database)
    with store._db.change() as connection:
        connection.execute("UPDATE events SET body = 'x' WHERE position = 4")
    code, _, err = export("json", "--out", "out.json")
    assert code == 1 and "pilotline records verify" in err and err.count("\n") == 1
    assert (tmp_path / "out.json").read_text() == "old"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["out.json", "p.toml", "state"]


def test_a_transaction_there_is_not_and_a_choice_of_nothing(database: Path, export: Run) -> None:
    filled(database)
    code, _, err = export("json", "--transaction", "nobody")
    assert (code, err) == (1, "pilotline: there is no transaction nobody; those there are: pilotline records list\n")
    code, out, _ = export("json", "--evse", "7")
    assert (code, json.loads(out)["transactions"]) == (0, [])
    assert export("csv", "--until", "2020-01-01")[1] == ",".join(CSV_COLUMNS) + "\r\n"


def test_a_dropped_value_keeps_its_place(database: Path, export: Run) -> None:
    clock = HandClock()
    store = open_store(database, clock, max_waiting=4)
    one = begin(store, clock)
    for _ in range(6):
        store.add_event(updated(one, clock.now()))
    store.flush()
    [transaction] = json.loads(export("json")[1])["transactions"]
    dropped = [each for each in transaction["events"] if each["kind"] is None]
    assert dropped and {each["delivery"]["state"] for each in dropped} == {"dropped"}
    assert transaction["messages"]["dropped"] == len(dropped)


def test_what_can_be_read_of_a_damaged_file_is_exported_when_it_is_named(database: Path, export: Run) -> None:
    store, one, two = filled(database)
    store.close()
    named = database.parents[1] / "station.db.damaged-1"
    named.write_bytes(bytes(1024) + database.read_bytes()[1024:])
    code, out, err = export("json", "--file", "station.db.damaged-1")
    assert code == 0
    assert [each["id"] for each in json.loads(out)["transactions"]] == [one, two]
    assert err == (
        "pilotline: station.db.damaged-1: is damaged; what can be read of it: 2 transactions, 2 messages that wait\n"
    )
    assert sorted(each.name for each in named.parent.iterdir()) == ["p.toml", "state", "station.db.damaged-1"]
