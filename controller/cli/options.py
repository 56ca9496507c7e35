"""What several commands share: their --config and --json, and how they print."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from controller.config import StationConfig, default_path, load_station

FORMATTER = argparse.RawDescriptionHelpFormatter

# What `ArgumentParser.add_subparsers` returns has no public name in argparse.
Commands = Any


def command(
    commands: Commands,
    name: str,
    summary: str,
    epilog: str = "",
    carry_out: Callable[[argparse.Namespace], int] | None = None,
) -> argparse.ArgumentParser:
    """Add a sub-command. summary: one line for the list of commands and the head of its own help.

    carry_out: what it does, giving the exit code; None where its own sub-commands do.
    """
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=summary,
        description=summary[0].upper() + summary[1:] + ".",
        epilog=epilog,
        formatter_class=FORMATTER,
        allow_abbrev=False,
    )
    if carry_out is not None:
        parser.set_defaults(carry_out=carry_out)
    return parser


def add_config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, metavar="FILE", help="the station's file, pilotline.toml")


def add_json(parser: argparse.ArgumentParser, what: str = "print JSON for a script") -> None:
    parser.add_argument("--json", action="store_true", help=what)


def config_path(args: argparse.Namespace) -> Path | None:
    """Return the file to use: the one named, else the default one, else None (built-in defaults)."""
    named: Path | None = args.config
    return named if named is not None else default_path()


def station_of(args: argparse.Namespace) -> StationConfig:
    return load_station(config_path(args))


def start_hint(args: argparse.Namespace) -> str:
    """Return the command line that starts the station which `args` name."""
    return "pilotline run" + (f" --config {args.config}" if args.config is not None else "")


def print_json(value: Any) -> None:
    """Print it as one line. Escapes what an encoding might not have: a replaced character would be a wrong one."""
    is_unicode = (sys.stdout.encoding or "").lower().startswith("utf")
    print(json.dumps(value, ensure_ascii=not is_unicode, default=str), flush=True)


def table(rows: Iterable[tuple[str, str]], indent: str = "  ") -> str:
    """Return label and text in two columns."""
    listed = list(rows)
    width = max((len(label) for label, _ in listed), default=0)
    return "\n".join(f"{indent}{label:<{width}}  {text}".rstrip() for label, text in listed)
