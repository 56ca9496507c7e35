"""Every shipped register map against a meter that speaks from its maker's document: the driver's contract, byte for byte."""

from __future__ import annotations

import asyncio
import struct
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import pytest_asyncio

from controller.hal import ImplausibleReading
from controller.logic.values import SignedReading
from drivers import registry
from drivers.bus import Buses
from drivers.meter.modbus import ModbusMeter
from drivers.meter.model import known_models, load_model
from drivers.mock.meter_images import MANUALS, Manual, Shown
from drivers.mock.modbus_peer import ModbusPeer, RegisterBank, Slave, answer_from
from hil.contracts.energy_meter import EnergyMeterContract
from tests.drivers.driver_rig import section
from tests.drivers.pty_link import PtyLink

pytestmark = pytest.mark.wire

CHECKS = sorted(name for name in vars(EnergyMeterContract) if name.startswith("test_"))
QUICK = 0.005  # so soon a meter of the tests answers
# A pseudo-terminal has neither speed nor parity; the speed is what the driver's patience is reckoned by.
LINE = {"baud": 115_200, "parity": "N", "retries": 0}


class ManualRig:
    """A meter by its manual. For a meter of one phase all power is that of L1."""

    monotonic = staticmethod(time.monotonic)

    def __init__(self, directory: Path, name: str, manual: Manual) -> None:
        self.phases, self.step_wh = manual.phases, int(manual.step_wh)
        self._manual = manual
        self._shown: Shown | None = Shown((230.0,) * 3, (0.0,) * 3, (0.0,) * 3, 1000)
        self._before = self._shown
        peer = ModbusPeer(lambda: manual.slave(1, self._shown, answers_after_s=QUICK))
        self.link = PtyLink(directory / name, peer)
        self.plug, self.unplug = self.link.plug, self.link.unplug
        self.plug()
        self.buses = Buses((), ())
        settings = {"port": str(self.link.path), "model": name, **LINE, "answer_within_s": 0.1}
        self.meter: ModbusMeter = registry.build(section("meter", "modbus", **settings), self.buses)

    def shows(self, volts: tuple[float, ...], amps: tuple[float, ...], watts: float, wh: int) -> None:
        parts = (watts / 3,) * 3 if self._manual.phases != 1 else (watts, 0.0, 0.0)
        self._shown = self._before = Shown(three(volts), three(amps), three(parts), wh)

    def silence(self, silent: bool) -> None:
        self._shown = None if silent else self._before

    def close(self) -> None:
        self.buses.close()
        self.unplug()


def three(values: tuple[float, ...]) -> tuple[float, float, float]:
    one, two, last = values
    return one, two, last


@contextmanager
def rigs(directory: Path) -> Iterator[dict[str, ManualRig]]:
    made = {name: ManualRig(directory, name, manual) for name, manual in MANUALS.items()}
    try:
        yield made
    finally:
        for rig in made.values():
            rig.close()


def test_every_shipped_map_has_its_manual() -> None:
    assert set(MANUALS) == set(known_models())


@pytest.mark.asyncio
@pytest.mark.parametrize("check", CHECKS)
async def test_every_meter_keeps_the_contract(tmp_path: Path, check: str) -> None:
    """All meters at once, each on a line of its own: what each waits for, it waits for together with the others."""
    with rigs(tmp_path) as made:
        checks = [getattr(EnergyMeterContract(), check)(rig) for rig in made.values()]
        results = await asyncio.gather(*checks, return_exceptions=True)
    told = {name: result for name, result in zip(made, results, strict=True) if result is not None}
    assert {name: repr(result) for name, result in told.items() if not isinstance(result, pytest.skip.Exception)} == {}


SAID: dict[str, dict[str, str]] = {
    "sdm630": {"serial_number": "1234567", "firmware": "1.22"},
    "sdm72dm_v2": {"serial_number": "1234567", "firmware": "1.22"},
    "sdm120": {"serial_number": "1234567", "firmware": "1.22"},
    "em24": {"serial_number": "BQ12345"},
    "em340": {"serial_number": "BQ12345"},
    "em111": {"serial_number": "BQ12345"},
    "abb_b23": {"serial_number": "1234567", "firmware": "1.2.3"},
    "iem3155": {"serial_number": "1234567", "firmware": "1112"},
    "orno_we516": {"firmware": "1.25"},
    "pro380": {"serial_number": "1234567"},
    "dtsu666": {"firmware": "203"},
}


def test_what_a_meter_says_of_itself_is_read_where_its_manual_has_it() -> None:
    shown = Shown((230.0,) * 3, (0.0,) * 3, (0.0,) * 3, 1000)
    for name, manual in MANUALS.items():
        slave = manual.slave(1, shown)
        found = {}
        for said, label in load_model(name).labels.items():
            assert slave.answer is not None
            answer = slave.answer(struct.pack(">BHH", label.function, label.register, label.words))
            assert answer[0] == label.function, (name, said, answer)
            found[said] = label.text_of(struct.unpack(f">{label.words}H", answer[2:]))
        assert found == SAID.get(name, {}), name


# --- signed readings ------------------------------------------------------------------------------------------------------

OCMF = b'OCMF|{"FV":"1.0","PG":"T1","RD":[{"RV":1.0,"RU":"kWh"}]}|{"SD":"3046022100A7F1"}'
KEY = bytes.fromhex("3056301006072A8648CE3D0201")
SIGNING = """
[signed_data]
register = 0xA000
type = "text"
words = 60
function = 3
encoding = "OCMF"
[public_key]
register = 0xB000
type = "{type}"
words = {words}
function = 3
"""


def padded(data: bytes, words: int, at: int) -> dict[int, int]:
    whole = data.ljust(2 * words, b"\0")
    return {at + i: int.from_bytes(whole[2 * i : 2 * i + 2], "big") for i in range(words)}


class SigningMeter:
    """An SDM72D-M with registers for a signed reading and a key; as it gives ten registers at once, in parts."""

    def __init__(self, directory: Path) -> None:
        self.data, self.key, self.requests = OCMF, padded(KEY, 7, 0xB000), []  # type: tuple[bytes, dict[int, int], list[bytes]]
        self.model = directory / "signing.toml"
        self.link = PtyLink(directory / "tty", ModbusPeer(self._slave))
        self.link.plug()
        self.buses = Buses((), ())

    def _slave(self) -> Slave:
        words = MANUALS["sdm72d_v1"].words(Shown((0.0,) * 3, (0.0,) * 3, (0.0,) * 3, 5000))
        banks = {4: RegisterBank(10, words), 3: RegisterBank(10, padded(self.data, 60, 0xA000) | self.key)}

        def answer(request: bytes) -> bytes:
            self.requests.append(request)
            return answer_from(banks, request)

        return Slave(1, answer, answers_after_s=QUICK, rest_s=0.0)

    def meter(self, key_type: str = "bytes", key_words: int = 7) -> ModbusMeter:
        own = (Path(__file__).parents[2] / "drivers/meter/models/sdm72d_v1.toml").read_text()
        text = own.replace("pause_ms = 100", "pause_ms = 0") + SIGNING.format(type=key_type, words=key_words)
        self.model.write_text(text)
        settings = {"port": str(self.link.path), "model": str(self.model), **LINE}
        made: ModbusMeter = registry.build(section("meter", "modbus", **settings), self.buses)
        return made


@pytest_asyncio.fixture
async def signing(tmp_path: Path) -> AsyncIterator[SigningMeter]:
    made = SigningMeter(tmp_path)
    yield made
    made.buses.close()
    made.link.unplug()


@pytest.mark.asyncio
async def test_a_signed_reading_is_passed_on_untouched(signing: SigningMeter) -> None:
    meter = signing.meter()
    assert (await meter.read()).signed == SignedReading(OCMF, "OCMF", "", KEY + b"\0")
    signing.data = OCMF.replace(b"T1", b"T2")
    first = len(signing.requests)
    assert (await meter.read()).signed == SignedReading(signing.data, "OCMF", "", KEY + b"\0")
    assert not any(request[1] == 0xB0 for request in signing.requests[first:]), "the key is read once"


@pytest.mark.asyncio
async def test_a_key_in_hexadecimal_is_the_same_key(signing: SigningMeter) -> None:
    signing.key = padded(KEY.hex().encode(), 13, 0xB000)
    reading = await signing.meter("text", 13).read()
    assert reading.signed is not None and reading.signed.public_key == KEY


@pytest.mark.asyncio
@pytest.mark.parametrize("nothing", [b"", b"\xff" * 120])
async def test_a_meter_that_has_signed_nothing_yet_is_read_all_the_same(signing: SigningMeter, nothing: bytes) -> None:
    signing.data = nothing
    reading = await signing.meter().read()
    assert (reading.signed, reading.energy_import_wh) == (None, 5000)


@pytest.mark.asyncio
async def test_a_key_that_is_none_names_what_to_check(signing: SigningMeter) -> None:
    signing.key = padded(b"no key at all", 7, 0xB000)
    with pytest.raises(
        ImplausibleReading, match=r"the public key is no text in hexadecimal \(public_key in its register map\)"
    ):
        await signing.meter("text", 7).read()
