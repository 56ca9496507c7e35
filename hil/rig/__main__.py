"""`python -m hil.rig /dev/ttyACM0`: a rig's verbs on a bench's socket, for `pilotline bench`, scenarios and your own programs.

The station's file tells how the EVSE is built that the rig stands at. Ends with Ctrl-C.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from controller.config import ConfigError
from controller.exits import ExitCode
from controller.signals import stop_signals
from hil.bench.layout import BenchError
from hil.rig.bridge import bridged
from hil.rig.station import station_of


def main(words: Sequence[str] | None = None) -> int:
    args = _parser().parse_args(words)
    logging.basicConfig(format="rig: %(message)s", level=logging.INFO)
    try:
        station = station_of(args.config, args.evse)
        socket = args.socket if args.socket is not None else station.config.run_dir / "rig.sock"
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(_serve(args.port, args.evse, station.built, socket))
    except ConfigError as error:
        print("\n".join(f"rig: {line}" for line in error.mistakes), file=sys.stderr)
        return ExitCode.CONFIG
    except BenchError as error:
        print(f"rig: {error}", file=sys.stderr)
        return error.code
    return ExitCode.OK


async def _serve(port: str, evse: int, built: list[str], socket: Path) -> None:
    stopped = asyncio.Event()
    for number in stop_signals():
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with bridged(port, evse, built, socket) as bridge:
        print(f"{port} is EVSE {evse} on {socket}; it can: {', '.join(bridge.abilities())}", flush=True)
        await stopped.wait()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m hil.rig", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("port", help="the rig's serial port")
    parser.add_argument("--evse", type=int, default=1, help="the EVSE that it stands at (default 1)")
    parser.add_argument("--config", type=Path, help="the station's file (default: as `pilotline` finds it)")
    parser.add_argument("--socket", type=Path, help="where the verbs are answered (default: rig.sock in run_dir)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
