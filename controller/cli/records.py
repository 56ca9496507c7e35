"""`pilotline records`: every transaction there was, from the station's database, whether the station runs or not."""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from controller.cli import records_export
from controller.cli.options import Commands, add_config, add_json, command, print_json
from controller.cli.records_file import add_choice, choice_of, file_of, moment, opened, telling_of_the_store
from controller.exits import CommandFailed, ExitCode

if TYPE_CHECKING:
    from controller.logic.values import Stamp
    from controller.store.records import Records, Summary
    from controller.store.rows import Fate

_EPILOG = """\
examples:
  pilotline records list                        every transaction, oldest first
  pilotline records list --open                 those that run now
  pilotline records list --since 2026-11-01 --evse 2
  pilotline records export --format csv --out november.csv --since 2026-11-01
  pilotline records verify                      is the database sound?

A running station is not disturbed: its database is only read. The file is
station.db in the station's state_dir.
"""
_LIST_EPILOG = """\
Times are local. `(guessed)`: nobody had told the station the time since it was
switched on. Of a token only the end is shown.

messages: delivered (the CSMS confirmed it), waiting (still to be sent), given
up (the CSMS refused it after the last attempt), undeliverable (its protocol or
CSMS is not configured any more), skipped (its OCPP version has no message for
it), dropped (a periodic value, thinned out while room was short), lost (it lay
in a damaged part of the database).

--json: one array. Each transaction: id, evse, connector, token (kind, hint),
csms, protocol, wire_id (the number a 1.6 CSMS gave), begin and end (time,
certainty: trusted, mended, guessed), state, begin_wh, last_wh, energy_wh,
stopped_reason, messages (count by delivered, waiting, gave_up, …).
"""

_VERIFY_EPILOG = """\
Looks at the file as SQLite does (integrity check), at its schema, and at what
must hold of every transaction: one begin, one end at most, registers that never
decrease, seqNos without a gap but where a drop is noted, no id used twice, and
delivery marks that fit the messages. Nothing is written; a station may run.

exit code: 0 when nothing is wrong; 1 when something is: one line each, naming
the transaction, and table and row in the file. Of a damaged file the last line
tells what can still be read of it.
"""


def add(commands: Commands) -> None:
    parser = command(commands, "records", "list, export or verify every transaction there was", _EPILOG)
    actions = parser.add_subparsers(metavar="list|export|verify", required=True)
    listed = command(actions, "list", "list the transactions, running, ended, delivered or not", _LIST_EPILOG, _list)
    add_choice(listed)
    listed.add_argument("--open", action="store_true", help="only those that still run")
    add_config(listed)
    add_json(listed)
    records_export.add(actions)
    verify = command(
        actions,
        "verify",
        "prove a database: SQLite's own check, and what must hold of its rows",
        _VERIFY_EPILOG,
        _verify,
    )
    verify.add_argument("file", nargs="?", type=Path, metavar="FILE", help="the database (default: the station's)")
    add_config(verify)
    add_json(verify)


def _list(args: argparse.Namespace) -> int:
    with opened(args) as records:
        summaries = records.summaries(choice_of(args, open_only=args.open))
        if args.json:
            print_json([as_json(records, each) for each in summaries])
            return ExitCode.OK
        fates: Counter[Fate] = Counter()
        count = 0
        for each in summaries:
            print(rendered(records, each))
            fates += Counter(each.fates)
            count += 1
    if not count:
        print("no transaction was found")
    else:
        print(f"\n{count} transaction{'s' * (count != 1)}; messages: {_told(fates)}")
    return ExitCode.OK


def _verify(args: argparse.Namespace) -> int:
    from controller.store.verify import Verifier

    path = file_of(args)
    with telling_of_the_store():
        verifier = Verifier(path)
        violations = []
        for line in verifier.violations():
            violations.append(line)
            if not args.json:
                print(line, flush=True)
        salvageable = _salvageable(path, violations)
    if args.json:
        told = {"ok": not violations, "file": str(path), "violations": violations, "salvageable": salvageable}
        print_json(told)
        return ExitCode.FAILED if violations else ExitCode.OK
    if salvageable is not None:
        print(f"a start of the station salvages of it: {salvageable}")
    count = len(violations)
    looked_at = f"{verifier.transactions} transactions, {verifier.events} events"
    if count:
        raise CommandFailed(f"{path}: {count} violation{'s' * (count != 1)} ({looked_at})")
    print(f"OK: {path}: {looked_at}, nothing is wrong")
    return ExitCode.OK


def _salvageable(path: Path, violations: list[str]) -> str | None:
    """Return what can be read of a file that is damaged as such; None of one that is not."""
    from controller.store.exc import StoreError
    from controller.store.salvage import rehearse

    if not any(line.startswith("file: ") for line in violations):
        return None
    try:
        return rehearse(path).gain
    except StoreError as error:
        return f"nothing ({error})"


def rendered(records: Records, summary: Summary) -> str:
    """Return a transaction as lines of 80 columns."""
    transaction = summary.transaction
    where = f"EVSE {transaction.evse_id}" if transaction.evse_id is not None else "no EVSE"
    lines = [f"{_local(records, transaction.started)}  {where}  {transaction.id}"]
    facts = [f"until {_local(records, summary.ended)}" if summary.ended is not None else "RUNNING"]
    facts.append(f"{summary.energy_wh} Wh" if summary.energy_wh is not None else "energy not known")
    if summary.stopped_reason is not None:
        facts.append(summary.stopped_reason)
    lines.append("  " + ", ".join(facts))
    token = transaction.id_token
    lines.append(f"  token {token.redacted}" if token is not None else "  no token")
    lines.append(f"  messages: {_told(summary.fates)}")
    return "\n".join(lines)


def _told(fates: dict[Fate, int]) -> str:
    from controller.store.rows import Fate

    words = {Fate.GAVE_UP: "GIVEN UP", Fate.UNDELIVERABLE: "UNDELIVERABLE"}
    return ", ".join(f"{fates[fate]} {words.get(fate, fate.value)}" for fate in Fate if fates.get(fate)) or "none"


def _local(records: Records, stamp: Stamp) -> str:
    from controller.store.boots import Certainty

    guessed = " (guessed)" if records.certainty_of(stamp) is Certainty.GUESSED else ""
    return records.wall_of(stamp).astimezone().strftime("%Y-%m-%d %H:%M:%S") + guessed


def as_json(records: Records, summary: Summary) -> dict[str, Any]:
    transaction, token = summary.transaction, summary.transaction.id_token
    return {
        "id": transaction.id,
        "evse": transaction.evse_id,
        "connector": transaction.connector_id,
        "token": None if token is None else {"kind": token.kind.value, "hint": token.redacted},
        "csms": summary.csms,
        "protocol": transaction.protocol,
        "wire_id": transaction.wire_id,
        "state": "running" if summary.ended is None else "ended",
        "begin": moment(records, transaction.started),
        "end": None if summary.ended is None else moment(records, summary.ended),
        "begin_wh": transaction.start_register_wh,
        "last_wh": transaction.last_register_wh,
        "energy_wh": summary.energy_wh,
        "stopped_reason": summary.stopped_reason,
        "messages": {fate.name.lower(): count for fate, count in summary.fates.items()},
    }
