"""`pilotline records export`: whole transactions for a bill or another back office, as CSV, JSON or the meters' own OCMF."""

from __future__ import annotations

import argparse
import base64
import csv
import io
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from controller import __version__
from controller.cli.options import Commands, add_config, command, station_of
from controller.cli.records_file import add_choice, choice_of, moment, opened
from controller.exits import CommandFailed, ExitCode
from controller.whole_file import whole_file

if TYPE_CHECKING:
    from controller.logic.records import MeterSampled, TransactionEvent
    from controller.logic.values import IdToken, Sample, SignedReading
    from controller.store.records import Records
    from controller.store.rows import ArchivedMessage, ArchivedTransaction

_EPILOG = """\
formats (every column and field: docs/records.md):
  csv    one row a transaction, RFC 4180, with a head
  json   one object; each transaction with its events, samples, and the delivery
         of each message
  ocmf   the readings that the meter signed, untouched, one a line; a transaction
         without any is named on standard error, and the exit code is then 1

Tokens are written in full, key codes apart: keep the file where it belongs.
--out writes the whole file or none, readable by its owner alone.

examples:
  pilotline records export --format csv --since 2026-11-01 --until 2026-12-01
  pilotline records export --format json --out all.json
  pilotline records export --format ocmf --transaction 0f8fad5b-d9cb-469f-...
"""

CSV_COLUMNS = (
    "id", "evse", "connector", "token", "token_kind", "group", "csms", "protocol", "wire_id", "remote_start_id", "basis",
    "state", "stopped_reason", "begin", "begin_certainty", "end", "end_certainty", "duration_s", "begin_wh", "last_wh",
    "energy_wh", "last_is_stale", "signed_readings", "delivered", "waiting", "gave_up", "undeliverable", "skipped", "dropped", "lost",
)  # fmt: skip
_VERSION = 1  # of the JSON document; a field more does not change it


def add(actions: Commands) -> None:
    parser = command(actions, "export", "write transactions whole, to bill them or hand them on", _EPILOG, _export)
    parser.add_argument("--format", required=True, choices=sorted(_WRITERS), help="csv, json or ocmf")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write to FILE (default: standard output)")
    parser.add_argument("--transaction", metavar="ID", help="only this one")
    add_choice(parser)
    add_config(parser)


def _export(args: argparse.Namespace) -> int:
    with opened(args) as records:
        if args.transaction is not None and not records.has(args.transaction):
            raise CommandFailed(f"there is no transaction {args.transaction}; those there are: pilotline records list")
        found = records.transactions(choice_of(args, transaction_id=args.transaction))
        with _output(args.out) as out:
            missing = _WRITERS[args.format](out, records, found, args)
    for line in missing:
        print(f"pilotline: {line}", file=sys.stderr)
    return ExitCode.FAILED if missing else ExitCode.OK


@contextmanager
def _output(path: Path | None) -> Iterator[TextIO]:
    """Give where to write. A file takes its name only when it is whole."""
    if path is None:
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(encoding="utf-8")  # data: a replaced character would be a wrong one
        yield sys.stdout
        return
    try:
        with whole_file(path) as file:  # readable by its owner alone
            yield file
    except OSError as error:
        raise CommandFailed(f"{path}: cannot be written: {(error.strerror or str(error)).lower()}") from error


# ── csv ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _write_csv(out: TextIO, records: Records, found: Iterator[ArchivedTransaction], _: argparse.Namespace) -> list[str]:
    out.write(_csv_line(CSV_COLUMNS))
    for each in found:
        row = csv_row(records, each)
        out.write(_csv_line([row[column] for column in CSV_COLUMNS]))
    return []


def _csv_line(values: Any) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(values)  # RFC 4180 by default: CRLF, quotes doubled
    return line.getvalue()


def csv_row(records: Records, whole: ArchivedTransaction) -> dict[str, Any]:
    """Return a transaction by column; None is an empty field."""
    row = {key: value for key, value in _facts(records, whole).items() if key in CSV_COLUMNS}
    token = whole.transaction.id_token
    row |= {"token": _token_value(token), "token_kind": token.kind.value if token is not None else None}
    for edge, stamp in (("begin", whole.transaction.started), ("end", whole.ended)):
        told = moment(records, stamp) if stamp is not None else {}
        row |= {edge: told.get("time"), f"{edge}_certainty": told.get("certainty")}
    row["signed_readings"] = sum(1 for _ in signed_readings(whole))
    return row | _counts(whole)


# ── json ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _write_json(
    out: TextIO, records: Records, found: Iterator[ArchivedTransaction], args: argparse.Namespace
) -> list[str]:
    """One transaction a line: as many as there are need no more memory than one."""
    identity = station_of(args).identity if args.file is None else None
    head = {"format": "pilotline-records", "version": _VERSION, "program": __version__, "identity": identity}
    out.write(f'{{{json.dumps(head)[1:-1]}, "transactions": [')
    for number, each in enumerate(found):
        out.write(("," if number else "") + "\n" + json.dumps(json_of(records, each)))
    out.write("\n]}\n")
    return []


def json_of(records: Records, whole: ArchivedTransaction) -> dict[str, Any]:
    token = whole.transaction.id_token
    return {
        **_facts(records, whole),
        "token": _token(token),
        "begin": moment(records, whole.transaction.started),
        "end": moment(records, whole.ended) if whole.ended is not None else None,
        "sessions": list(whole.sessions),
        "records": [
            {
                "id": record.id,
                "basis": record.basis.value,
                "token": _token(record.id_token),
                "register_wh": record.register_wh,
                "at": moment(records, record.stamp),
            }
            for record in whole.records
        ],
        "messages": _counts(whole),
        "events": [_event(records, message) for message in whole.messages],
    }


def _event(records: Records, message: ArchivedMessage) -> dict[str, Any]:
    told = {"position": message.position, **_happening(records, message.event)}
    frozen = message.frozen
    told["message"] = (
        {"protocol": frozen.protocol, "action": frozen.action, "seq_no": frozen.seq_no} if frozen is not None else None
    )
    told["delivery"] = {
        "state": message.fate.name.lower(),
        "attempts": message.attempts,
        "unanswered": message.unanswered,
        "why": message.why,
    }
    return told


def _happening(records: Records, event: TransactionEvent | MeterSampled | None) -> dict[str, Any]:
    from controller.logic.records import TransactionEvent

    if not isinstance(event, TransactionEvent):
        return {"kind": None}  # dropped or lost: only its place is known
    return {
        "kind": event.kind.value,
        "trigger": event.trigger.value,
        "at": moment(records, event.stamp),
        "online": event.online,
        "charging_state": event.charging_state,
        "evse": event.evse_id,
        "connector": event.connector_id,
        "token": _token(event.id_token),
        "remote_start_id": event.remote_start_id,
        "stopped_reason": event.stopped_reason,
        "register_wh": event.register_wh,
        "register_is_stale": event.register_is_stale,
        "samples": [_sample(sample) for sample in event.samples],
        "kept": [
            {"at": moment(records, kept.stamp), "samples": [_sample(sample) for sample in kept.samples]}
            for kept in event.kept
        ],
    }


def _sample(sample: Sample) -> dict[str, Any]:
    return {
        "measurand": sample.measurand.value,
        "value": sample.value,
        "unit": sample.unit,
        "phase": sample.phase,
        "context": sample.context.value,
        "signed": _signed(sample.signed) if sample.signed is not None else None,
    }


def _signed(signed: SignedReading) -> dict[str, str | None]:
    return {
        "encoding": signed.encoding,
        "signing": signed.signing,
        "data": _text(signed.data),
        "data_base64": base64.b64encode(signed.data).decode(),
        "public_key_base64": base64.b64encode(signed.public_key).decode(),
    }


# ── ocmf ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _write_ocmf(out: TextIO, _: Records, found: Iterator[ArchivedTransaction], args: argparse.Namespace) -> list[str]:
    missing = []
    for whole in found:
        lines, others = [], set()
        for signed in signed_readings(whole):
            text = _text(signed.data)
            if signed.encoding.upper() != "OCMF":
                others.add(signed.encoding)
            elif text is None or len(text.splitlines()) != 1 or text.splitlines()[0] != text:
                others.add("OCMF that is not one line of text")
            else:
                lines.append(text)
        out.writelines(f"{line}\n" for line in lines)
        name = f"transaction {whole.transaction.id}"
        if others:
            missing.append(f"{name}: has signed data of {', '.join(sorted(others))}: take --format json")
        elif not lines:
            missing.append(f"{name}: has no signed data; its meter gave none")
    return missing


def signed_readings(whole: ArchivedTransaction) -> Iterator[SignedReading]:
    """Yield what the meter signed, in the order of the events."""
    from controller.logic.records import TransactionEvent

    for message in whole.messages:
        if isinstance(message.event, TransactionEvent):
            kept = [sample for each in message.event.kept for sample in each.samples]
            yield from (sample.signed for sample in (*kept, *message.event.samples) if sample.signed is not None)


# ── what the formats share ──────────────────────────────────────────────────────────────────────────────────────────


def _facts(records: Records, whole: ArchivedTransaction) -> dict[str, Any]:
    transaction = whole.transaction
    begin_wh, last_wh = transaction.start_register_wh, transaction.last_register_wh
    return {
        "id": transaction.id,
        "evse": transaction.evse_id,
        "connector": transaction.connector_id,
        "group": transaction.group,
        "csms": whole.csms,
        "protocol": transaction.protocol,
        "wire_id": transaction.wire_id,
        "remote_start_id": transaction.remote_start_id,
        "basis": whole.records[0].basis.value if whole.records else None,
        "state": "running" if whole.ended is None else "ended",
        "stopped_reason": whole.stopped_reason,
        "duration_s": _duration_s(records, whole),
        "begin_wh": begin_wh,
        "last_wh": last_wh,
        "energy_wh": last_wh - begin_wh if begin_wh is not None and last_wh is not None else None,
        "last_is_stale": bool(getattr(whole.messages[-1].event, "register_is_stale", False))
        if whole.messages
        else False,
    }


def _duration_s(records: Records, whole: ArchivedTransaction) -> float | None:
    """Return how long it took: by the monotonic clock within one boot, else by the wall."""
    started, ended = whole.transaction.started, whole.ended
    if ended is None:
        return None
    if started.boot_id == ended.boot_id:
        return round(ended.monotonic_s - started.monotonic_s, 1)
    return round((records.wall_of(ended) - records.wall_of(started)).total_seconds(), 1)


def _counts(whole: ArchivedTransaction) -> dict[str, int]:
    from controller.store.rows import Fate

    fates = [message.fate for message in whole.messages]
    return {fate.name.lower(): fates.count(fate) for fate in Fate}


def _token(token: IdToken | None) -> dict[str, str | None] | None:
    if token is None:
        return None
    return {"kind": token.kind.value, "value": _token_value(token)}


def _token_value(token: IdToken | None) -> str | None:
    """Return the token in full; never a key code (C04.FR.04)."""
    from controller.logic.values import IdTokenType

    return None if token is None or token.kind is IdTokenType.KEY_CODE else token.value


def _text(data: bytes) -> str | None:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


_WRITERS: dict[str, Callable[[TextIO, Records, Iterator[ArchivedTransaction], argparse.Namespace], list[str]]] = {
    "csv": _write_csv,
    "json": _write_json,
    "ocmf": _write_ocmf,
}
