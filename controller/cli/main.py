"""Parse the command line, carry out the command, end with a documented code. No traceback ever reaches a user."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

from controller import __version__
from controller.cli.options import FORMATTER
from controller.config import ConfigError
from controller.diagnostics.crash import crash_directory, crash_report
from controller.exits import CommandFailed, ExitCode, OutputFailed
from controller.hal.errors import DriverMistake
from controller.streams import silence_output

# In the order of the help. Each is a module of this package (with _ for -) with `add(commands)`.
COMMANDS = (
    "run", "demo", "status", "watch", "why", "clear", "faults", "records", "contactor", "bringup", "meter", "card", "board", "bench", "csms", "config", "drivers", "completion", "safe-outputs",
)  # fmt: skip

_EPILOG = """\
A first look:
  pilotline demo              one whole charging session, simulated, live
  pilotline run               a station on the mock bench, built-in defaults
  pilotline csms              a CSMS for it, in a second terminal
  pilotline status            what it is doing, in a third
Then, with a file of your own:
  pilotline config check --config pilotline.toml

Without --config, commands use $PILOTLINE_CONFIG, else
/etc/pilotline/pilotline.toml, else the built-in defaults (mock board, files
under the user's own directories).

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 wrong configuration,
4 not running, 5 a device or directory cannot be used, 6 taken by another
process; 130, 143, 129 when Ctrl-C, SIGTERM or SIGHUP ended a command before its
work was done. A station or CSMS that was stopped ends with 0. A standard output
that was closed (by `| head`) before all was told ends a command quietly with 1.
"""


def build_parser(names: Sequence[str] = COMMANDS) -> argparse.ArgumentParser:
    """Return the parser of these commands. A command's module is loaded only here: the safety process is one of them."""
    parser = argparse.ArgumentParser(
        prog="pilotline",
        description="Charger-controller software: a Raspberry Pi as an EV charging station.",
        epilog=_EPILOG,
        formatter_class=FORMATTER,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"pilotline {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name in names:
        importlib.import_module(f"controller.cli.{name.replace('-', '_')}").add(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code (controller.exits.ExitCode)."""
    try:
        code = _carry_out(list(sys.argv[1:] if argv is None else argv))
        sys.stdout.flush()
        return code
    except OutputFailed as error:
        silence_output()
        if not error.is_closed:
            print(f"pilotline: {error}", file=sys.stderr)
        return ExitCode.FAILED
    except ConfigError as error:
        for line in error.mistakes:
            print(f"pilotline: {line}", file=sys.stderr)
        return ExitCode.CONFIG
    except CommandFailed as error:
        print(f"pilotline: {error}", file=sys.stderr)
        return error.code
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except DriverMistake as error:
        told = crash_report(crash_directory(), "cli", error, said=str(error), ask=error.ask)
        print(f"pilotline: {told}", file=sys.stderr)
        return ExitCode.FAILED
    except Exception as error:  # noqa: BLE001 - the outermost supervisor
        print(f"pilotline: {crash_report(crash_directory(), 'cli', error)}", file=sys.stderr)
        return ExitCode.FAILED


def _carry_out(arguments: list[str]) -> int:
    named = arguments[0] if arguments else ""
    parser = build_parser((named,) if named in COMMANDS else COMMANDS)
    if not arguments:
        parser.print_help()
        return ExitCode.OK
    try:
        args = parser.parse_args(arguments)
    except SystemExit as end:  # argparse has said what is wrong, or printed the help
        return end.code if isinstance(end.code, int) else ExitCode.USAGE
    code: int = args.carry_out(args)
    return code
