"""What the `pilotline records` commands share: which database and which transactions are meant, and how an instant is told."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from controller.cli.options import station_of
from controller.exits import CommandFailed, ExitCode

if TYPE_CHECKING:
    from controller.logic.values import Stamp
    from controller.store.records import Choice, Records


def add_choice(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--since", metavar="WHEN", help="those that had not ended before WHEN, as 2026-11-01 or 2026-11-01T08:00"
    )
    parser.add_argument(
        "--until", metavar="WHEN", help="those that began before WHEN; local time, a day is its midnight"
    )
    parser.add_argument("--evse", type=int, metavar="N", help="only those of this EVSE")
    parser.add_argument("--file", type=Path, metavar="FILE", help="another database, such as one that was set aside")


@contextmanager
def telling_of_the_store() -> Iterator[None]:
    """What is wrong with the store ends the command in one line."""
    from controller.store.exc import StoreError, StoreUnusable

    try:
        yield
    except StoreUnusable as error:
        raise CommandFailed(str(error), ExitCode.DEVICE) from error
    except StoreError as error:
        raise CommandFailed(str(error)) from error


@contextmanager
def opened(args: argparse.Namespace) -> Iterator[Records]:
    """Give the records of the database that is meant; of a damaged one that was named, those that can be read. Raises CommandFailed."""
    from controller.store.records import Records
    from controller.store.salvage import is_damaged, salvage_into

    path = file_of(args)
    with telling_of_the_store(), ExitStack() as stack:
        if args.file is not None and is_damaged(path):
            copy = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pilotline-"))) / path.name
            found = salvage_into(path, copy)
            print(f"pilotline: {path}: is damaged; what can be read of it: {found.gain}", file=sys.stderr)
            path = copy
        records = Records.open(path)
        stack.callback(records.close)
        yield records


def file_of(args: argparse.Namespace) -> Path:
    """Return the database that is meant: the one named, else the station's."""
    from controller.store.store import DATABASE

    named: Path | None = args.file
    return named if named is not None else station_of(args).state_dir / DATABASE


def choice_of(args: argparse.Namespace, *, open_only: bool = False, transaction_id: str | None = None) -> Choice:
    from controller.store.records import Choice

    return Choice(_when("--since", args.since), _when("--until", args.until), args.evse, open_only, transaction_id)


def _when(option: str, text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError) as error:
        raise CommandFailed(f"{option} {text}: write it as 2026-11-01 or 2026-11-01T08:00", ExitCode.USAGE) from error


def moment(records: Records, stamp: Stamp) -> dict[str, str]:
    """Return an instant as RFC 3339 in UTC, and how far it can be relied on."""
    return {
        "time": records.wall_of(stamp).isoformat(timespec="milliseconds"),
        "certainty": records.certainty_of(stamp).value,
    }
