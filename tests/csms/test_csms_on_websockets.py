"""The CSMS and its command line on real sockets."""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from hil.csms import cli
from hil.csms.control import NoCsms, ask
from hil.csms.csms import Csms
from hil.csms.puppet import Puppet, Refused, dial
from hil.csms.server import PortInUse, WebSocketServer

pytestmark = pytest.mark.wire

BOOT = {"chargePointVendor": "V", "chargePointModel": "M"}
_MAIN = """
import argparse, sys
from hil.csms import cli
parser = argparse.ArgumentParser(prog="pilotline csms")
cli.add_arguments(parser)
sys.exit(cli.main(parser.parse_args()))
"""


def served(script: Callable[[Csms, WebSocketServer], Awaitable[None]], **arguments: Any) -> None:
    async def main() -> None:
        csms = Csms(**arguments)
        server = WebSocketServer(csms)
        await server.start("127.0.0.1", 0)
        try:
            await asyncio.wait_for(script(csms, server), 20)
        finally:
            await server.stop()

    asyncio.run(main())


def test_a_station_boots_and_takes_a_command_over_a_real_websocket() -> None:
    async def script(csms: Csms, server: WebSocketServer) -> None:
        wire = await dial(f"ws://127.0.0.1:{server.port}/ocpp/RDAM%20123", ["ocpp2.0", "ocpp1.6"])
        assert wire.subprotocol == "ocpp1.6"
        async with Puppet(wire, {"ClearCache": {"status": "Accepted"}}) as station:
            assert (await station.call("BootNotification", BOOT))["status"] == "Accepted"
            with pytest.raises(Refused, match="ProtocolError"):
                await station.call("Authorize", {})
            assert await csms.command("RDAM 123", "ClearCache") == {"status": "Accepted"}
        assert len(csms.violations) == 1

    served(script)


def test_the_handshake_refuses_unknown_stations_and_closes_without_a_common_version() -> None:
    async def script(csms: Csms, server: WebSocketServer) -> None:
        url = f"ws://127.0.0.1:{server.port}/"
        with pytest.raises(InvalidStatus) as refused:
            await dial(url + "CS-2", ["ocpp1.6"])
        assert refused.value.response.status_code == 404
        async with connect(url + "CS-1", subprotocols=[Subprotocol("ocpp1.5")], proxy=None) as dialled:
            assert dialled.subprotocol is None
            with pytest.raises(ConnectionClosed):
                await dialled.recv()

    served(script, stations=["CS-1"])


def test_a_taken_port_is_told_in_one_line() -> None:
    async def script(csms: Csms, server: WebSocketServer) -> None:
        with pytest.raises(PortInUse, match=f"port {server.port} on 127.0.0.1 is in use: stop .* --port") as error:
            await WebSocketServer(csms).start("127.0.0.1", server.port)
        assert "\n" not in str(error.value)

    served(script)


class Running:
    """A `pilotline csms` process."""

    def __init__(self, port: int, process: subprocess.Popen[str]) -> None:
        self.port = port
        self.process = process

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()


@pytest.fixture
def run_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return tmp_path


@pytest.fixture
def running(run_dir: Path, unused_port: int) -> Iterator[Running]:
    command = [sys.executable, "-c", _MAIN, "--port", str(unused_port)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    found = Running(unused_port, process)
    try:
        assert "speaks ocpp2.0.1, ocpp1.6" in found.line()
        yield found
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


@pytest.fixture
def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def csms_command(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    parser = argparse.ArgumentParser()
    cli.add_arguments(parser)
    code = cli.main(parser.parse_args(list(words)))
    out, err = capsys.readouterr()
    return code, out, err


def test_a_second_terminal_sends_commands_and_sees_what_is_known(
    running: Running, capsys: pytest.CaptureFixture[str]
) -> None:
    port = str(running.port)

    async def session() -> None:
        wire = await dial(f"ws://127.0.0.1:{port}/CS-1", ["ocpp1.6"])
        async with Puppet(wire, {"RemoteStartTransaction": {"status": "Accepted"}}) as station:
            await station.call("BootNotification", BOOT)
            sent = await asyncio.to_thread(
                csms_command, capsys, "send", "--port", port, "RemoteStartTransaction", "idTag=12", "connectorId=1"
            )
            assert sent == (0, 'CS-1 RemoteStartTransaction: {"status":"Accepted"}\n', "")
            assert station.requests == [("RemoteStartTransaction", {"idTag": "12", "connectorId": 1})]
            code, out, _ = await asyncio.to_thread(csms_command, capsys, "send", "--port", port, "--json", "unlock")
            assert (code, json.loads(out)["error"]) == (1, "NotImplemented")
            code, _, err = await asyncio.to_thread(csms_command, capsys, "send", "--port", port, "brew")
            assert code == 2 and "no such alias" in err
            _, out, _ = await asyncio.to_thread(csms_command, capsys, "show", "--port", port, "stations")
            assert json.loads(out)["registration"] == "Accepted"

    asyncio.run(session())
    shown = [running.line() for _ in range(4)]
    assert "BootNotification" in shown[0] and "station→" in shown[0]
    assert "RemoteStartTransaction" in shown[2] and "csms→" in shown[2]


def test_no_station_and_no_csms_are_told_apart(running: Running, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = csms_command(capsys, "send", "--port", str(running.port), "start")
    assert (code, err) == (1, "pilotline csms: no station is connected\n")
    code, _, err = csms_command(capsys, "send", "--port", "1", "start")
    assert code == 4 and "no CSMS answers for port 1" in err and err.count("\n") == 1
    with pytest.raises(NoCsms):
        ask(1, {"show": "stations"})


def test_a_second_csms_on_the_same_port_says_what_to_do(running: Running) -> None:
    command = [sys.executable, "-c", _MAIN, "--port", str(running.port)]
    second = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert second.returncode == 6
    assert second.stderr == (
        f"pilotline csms: port {running.port} on 127.0.0.1 is in use: "
        "stop what listens there or choose another with --port\n"
    )


def test_an_address_that_is_not_ours_is_no_port_in_use(run_dir: Path) -> None:
    command = [sys.executable, "-c", _MAIN, "--host", "192.0.2.1", "--port", "9"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert result.returncode == 5
    # Python 3.13 words the reason in another way than 3.11.
    line = r"pilotline csms: cannot listen on 192\.0\.2\.1 port 9: [^\n]+; choose another --host or --port\n"
    assert re.fullmatch(line, result.stderr)


def test_report_waits_for_its_last_part_and_shows_every_variable(
    running: Running, capsys: pytest.CaptureFixture[str]
) -> None:
    port = str(running.port)

    def part(seq_no: int, tbc: bool, component: dict[str, Any], name: str, value: str) -> dict[str, Any]:
        row = {"component": component, "variable": {"name": name}, "variableAttribute": [{"value": value}]}
        now = "2026-01-05T06:00:00Z"
        return {"requestId": 1, "generatedAt": now, "seqNo": seq_no, "tbc": tbc, "reportData": [row]}

    async def session() -> None:
        came = asyncio.Event()

        def accept(_: dict[str, Any]) -> dict[str, Any]:
            came.set()
            return {"status": "Accepted"}

        wire = await dial(f"ws://127.0.0.1:{port}/CS-1", ["ocpp2.0.1"])
        async with Puppet(wire, {"GetBaseReport": accept}) as station:
            boot = {"reason": "PowerUp", "chargingStation": {"vendorName": "V", "model": "M"}}
            await station.call("BootNotification", boot)
            asked = asyncio.create_task(asyncio.to_thread(csms_command, capsys, "send", "--port", port, "report"))
            await came.wait()
            await station.call("NotifyReport", part(0, True, {"name": "AuthCtrlr"}, "Enabled", "true"))
            await station.call("NotifyReport", part(1, False, {"name": "EVSE", "evse": {"id": 1}}, "Power", "0"))
            code, out, _ = await asked
            assert code == 0
            assert out.splitlines()[1:] == ["  AuthCtrlr.Enabled = true", "  EVSE@1.Power = 0"]

    asyncio.run(session())


def test_the_keys_of_a_16_station_are_shown_one_a_line() -> None:
    keys = [{"key": "HeartbeatInterval", "value": "60", "readonly": False}, {"key": "X", "readonly": True}]
    reply = {"configurationKey": keys, "unknownKey": ["Y"]}
    assert cli.answer_lines({"station": "CS-1", "action": "GetConfiguration", "reply": reply}) == [
        'CS-1 GetConfiguration: {"unknownKey":["Y"]}',
        "  HeartbeatInterval = 60",
        "  X =   (read-only)",
    ]


@pytest.mark.parametrize("line", [b"nonsense\n", b"{}\n", b'{"send": [1], "station": null}\n', b'{"show": "moon"}\n'])
def test_nonsense_on_the_control_socket_is_answered(running: Running, run_dir: Path, line: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(run_dir / f"pilotline-csms-{running.port}.sock"))
        client.sendall(line)
        with client.makefile("rb") as lines:
            assert json.loads(lines.readline())["ok"] is False
