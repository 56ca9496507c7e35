"""The devices on the bench's serial ports, joined to the plant."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from drivers.mock.line_reader_peer import LineReaderPeer
from drivers.mock.peer import Peer
from drivers.mock.pn532_peer import Pn532Peer
from drivers.mock.sdm630_peer import MeterFace, Sdm630Peer
from hil.bench.layout import Layout, MeterPort, ReaderPort
from hil.bench.serial_ports import BenchPort
from hil.plant import Plant
from hil.plant.meter import sdm630_registers


class SerialDevices:
    """Opens a port for every serial device; `follow` lets them see what changed at the plant."""

    def __init__(self, layout: Layout, plant: Plant, loop: asyncio.AbstractEventLoop) -> None:
        self._plant = plant
        self._loop = loop
        self._ports = _meter_ports(layout, plant, loop)
        self._readers: dict[str, BenchPort] = {}
        self._sent: dict[str, int] = {}
        for reader in layout.readers:
            port = BenchPort(reader.port, [self._reader_peer(reader)], reader.baud, loop)
            self._readers[reader.name] = port
            self._sent[reader.name] = 0
        for port in (*self._ports, *self._readers.values()):
            port.appear()

    def close(self) -> None:
        for port in (*self._ports, *self._readers.values()):
            port.vanish()

    def follow(self) -> None:
        for name, port in self._readers.items():
            field = self._plant.card(name)
            if field.is_connected is not port.is_there:
                self._replug(port, field.is_connected)
            if field.swipes != self._sent[name]:
                self._sent[name] = field.swipes
                self._send_token(port, field.last)
            port.poke()

    def _reader_peer(self, reader: ReaderPort) -> Peer:
        if reader.type == "pn532":
            return Pn532Peer(lambda: self._plant.card(reader.name).present)
        return LineReaderPeer()

    def _send_token(self, port: BenchPort, token: str | None) -> None:
        for peer in port.peers:
            if isinstance(peer, LineReaderPeer) and token is not None:
                peer.send_token(token, self._loop.time())

    def _replug(self, port: BenchPort, connected: bool) -> None:
        if not connected:
            port.vanish()
            return
        for peer in port.peers:
            if isinstance(peer, Pn532Peer):
                peer.power_on()
        port.appear()


def _meter_ports(layout: Layout, plant: Plant, loop: asyncio.AbstractEventLoop) -> list[BenchPort]:
    """Several meters may share a line."""
    lines: dict[Path, list[MeterPort]] = {}
    for meter in layout.meters:
        lines.setdefault(meter.port, []).append(meter)
    return [
        BenchPort(path, [Sdm630Peer(meter_face(meter, plant)) for meter in meters], meters[0].baud, loop)
        for path, meters in lines.items()
    ]


def meter_face(meter: MeterPort, plant: Plant) -> Callable[[], MeterFace]:
    """Return what tells how the meter of that port is at any moment."""
    model = plant.evses[meter.evse]

    def face() -> MeterFace:
        answers = "meter_silent" not in model.faults and plant.mains
        return MeterFace(
            address=model.faults.get("meter_address", meter.address),
            registers=sdm630_registers(model.display(plant.now)) if answers else None,
            garbled="meter_garbage" in model.faults,
        )

    return face
