"""The bare loop: one CALL in flight, its answer awaited, the next; no store, no station.

`python -P -m hil.measure.bare URL SUBPROTOCOL` speaks over the station's own WebSocket connector. It registers, and then plays files of frames,
one a line: each line of its input names such a file, each line of its output says that a file is through.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from controller.ocpp.link import WebSocketConnection, WebSocketConnector

_BOOT = {
    "ocpp2.0.1": {"reason": "PowerUp", "chargingStation": {"vendorName": "Bare", "model": "Loop"}},
    "ocpp1.6": {"chargePointVendor": "Bare", "chargePointModel": "Loop"},
}


async def main(url: str, protocol: str) -> None:
    connection = await WebSocketConnector(lambda: 0.0).connect(url, [protocol], {})
    await _exchange(connection, json.dumps([2, "boot", "BootNotification", _BOOT[protocol]]))
    print("ready", flush=True)
    while name := await asyncio.to_thread(sys.stdin.readline):
        for frame in _frames(name.rstrip("\n")):
            await _exchange(connection, frame)
        print("done", flush=True)
    await connection.close()


def _frames(name: str) -> list[str]:
    return Path(name).read_text(encoding="utf-8").splitlines()


async def _exchange(connection: WebSocketConnection, frame: str) -> None:
    await connection.send(frame)
    answer = await connection.recv()
    if not answer.startswith("[3,"):
        raise SystemExit(f"{frame[:100]} was answered {answer[:200]}")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
