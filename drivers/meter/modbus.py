"""An energy meter over Modbus RTU, by a register map (family meter)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from controller.hal import DeviceError, DeviceSilent, ImplausibleReading, setting
from controller.logic.values import MeterReading, SignedReading
from drivers.bus import Buses, CloseStage
from drivers.meter.modbus_line import LineFormat, ModbusLine, Request, Unit
from drivers.meter.model import Label, MeterModel, ModelError, load_model
from drivers.meter.plausibility import EnergyWatch, complaint_about


class ModbusMeter:
    """Reads whole, plausible polls. A bad frame, a wrong value or a missing answer is tried again before it counts."""

    @dataclass(frozen=True)
    class Settings:
        port: str = setting("Serial port of the RS-485 line, best by /dev/serial/by-path.")
        model: str = setting("Name of a shipped register map, or the path of one's own.", default="sdm630")
        address: int = setting("Modbus address of the meter.", default=1, low=1, high=247)
        baud: int | None = setting("Line speed; the model's own where absent.", default=None, low=300, high=115200)
        parity: str | None = setting(
            "N, E or O; the model's own where absent.", default=None, choices=("N", "E", "O", None)
        )
        stop_bits: int | None = setting("Stop bits; the model's own where absent.", default=None, low=1, high=2)
        phases: int | None = setting(
            "1 where a three-phase meter has only L1 wired; the model's own where absent.",
            default=None,
            choices=(1, 3, None),
        )
        answer_within_s: float = setting(
            "Time the meter may take before it answers.", default=0.3, low=0.05, high=5, unit="s"
        )
        retries: int = setting("Tries after the first that failed.", default=2, low=0, high=5)

        def __post_init__(self) -> None:
            """Raises ValueError for a register map that is not there or not usable."""
            try:
                load_model(self.model)
            except ModelError as error:
                first, *others = str(error).splitlines()
                more = f"; and {len(others)} more: `pilotline meter check` tells all" if others else ""
                raise ValueError(f"model = {self.model!r}: {first}{more}") from error

    def __init__(self, settings: Settings, buses: Buses, where: str) -> None:
        """Raises DeviceError for a map that has gone or a line format that differs from that of the line's other meters."""
        try:
            self._model = load_model(settings.model)
        except ModelError as error:
            raise DeviceError(f"meter of {where}", str(error)) from error
        self._settings = settings
        self._phases = self._model.phases if settings.phases is None else min(settings.phases, self._model.phases)
        self._monotonic = buses.monotonic
        self._energy = EnergyWatch()
        self._public_key: bytes | None = None
        line_format = LineFormat(
            settings.baud or self._model.baud,
            settings.parity or self._model.parity,
            settings.stop_bits or self._model.stop_bits,
        )
        device = f"{self._model.name} on {settings.port} address {settings.address}"
        self._unit = Unit(device, where, settings.address, self._model.pause_s)
        self._line: ModbusLine = buses.shared(
            ("modbus line", settings.port),
            lambda: ModbusLine(settings.port, line_format, where, settings.answer_within_s),
        )
        self._line.join(self._unit, line_format)
        self._is_open = True
        buses.at_close(CloseStage.DEVICES, self._leave)

    async def read(self) -> MeterReading:
        failure: DeviceError | None = None
        for _ in range(1 + self._settings.retries):
            try:
                return await self._poll()
            except ImplausibleReading as error:
                failure = error
            except DeviceSilent as error:
                failure = failure or error  # what a meter said tells more than that it then fell silent
        assert failure is not None
        raise failure

    async def close(self) -> None:
        self._leave()

    def _leave(self) -> None:
        if self._is_open:
            self._is_open = False
            self._line.leave()

    async def _poll(self) -> MeterReading:
        words: dict[int, int] = {}
        for block in self._model.blocks:
            request = Request(self._model.function, block.start, block.count)
            answer = await self._line.read(self._unit, request)
            words.update(enumerate(answer, start=block.start))
        reading = reading_of(self._model, words, self._phases, self._monotonic(), self._unit.device)
        reading = replace(reading, signed=await self._signed())
        complaint = complaint_about(reading) or self._energy.complaint_about(
            reading.energy_import_wh, reading.taken_at_s
        )
        if complaint is not None:
            raise ImplausibleReading(self._unit.device, complaint, "after an exchange of the meter restart the station")
        return reading

    async def _signed(self) -> SignedReading | None:
        """Return what the meter signed; None where it keeps nothing signed, or nothing at the moment."""
        block = self._model.signed
        data = b"" if block is None else block.data.data_of(await self._words_of(block.data))
        if block is None or not data:
            return None
        if self._public_key is None:
            self._public_key = await self._read_public_key(block.public_key)
        return SignedReading(data, block.encoding, block.signing, self._public_key)

    async def _read_public_key(self, label: Label | None) -> bytes:
        """Return it as ASN.1. It does not change: it is read once."""
        if label is None:
            return b""
        data = label.data_of(await self._words_of(label))
        if label.type == "bytes":
            return data
        try:
            return bytes.fromhex(data.decode("ascii"))
        except ValueError as error:
            raise ImplausibleReading(
                self._unit.device, "the public key is no text in hexadecimal", "public_key in its register map"
            ) from error

    async def _words_of(self, label: Label) -> list[int]:
        words: list[int] = []
        for function, start, count in self._model.parts_of(label):
            words += await self._line.read(self._unit, Request(function, start, count))
        return words


def reading_of(
    model: MeterModel, words: dict[int, int], phases: int, taken_at_s: float, device: str = "meter"
) -> MeterReading:
    """Return the reading of one poll's registers. Raises ImplausibleReading when a value it must have is not measured."""
    values = model.decode(words)

    def per_phase(name: str) -> tuple[float, ...]:
        return tuple(measured(name, value) for value in values.get(name, ())[:phases])

    def whole(name: str) -> float | None:
        return values[name][0] if name in values else None

    def measured(name: str, value: float | None) -> float:
        if value is None:
            raise ImplausibleReading(
                device, f"{name} is not a number", "is this phase wired? `phases = 1` reads L1 only"
            )
        return value

    export_wh = whole("energy_export_wh")
    return MeterReading(
        taken_at_s=taken_at_s,
        voltage_v=per_phase("voltage_v"),
        current_a=per_phase("current_a"),
        power_w=measured("power_w", whole("power_w")),
        energy_import_wh=round(measured("energy_import_wh", whole("energy_import_wh"))),
        energy_export_wh=None if export_wh is None else round(export_wh),
        phase_power_w=per_phase("phase_power_w"),
        frequency_hz=whole("frequency_hz"),
        power_factor=whole("power_factor"),
    )
