"""Lights and displays: the contract on each, and what only their bytes can show."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Hashable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pytest

from controller.hal import DeviceError, DeviceGone, Indicator
from controller.logic.indication import Indication, Shown
from drivers import registry
from drivers.bus import Buses
from drivers.indicator.font import GLYPHS
from drivers.indicator.looks import LOOKS
from drivers.indicator.texts import LANGUAGES, Texts, lines_of, page_of
from drivers.mock.hd44780_peer import Hd44780Peer
from drivers.mock.ssd1306_peer import Ssd1306Peer
from drivers.mock.ws281x_peer import Ws281xPeer
from hil.contracts.indicator import IndicatorContract, one
from hil.virtual import run_virtual
from tests.drivers.driver_rig import ChipBusSettings, HandLines, Lines, Section, section

RED, GREEN, BLUE = 17, 27, 22
T = TypeVar("T")


class Rig:
    """Runs the driver on a virtual loop, call by call."""

    indicator: Indicator

    def show(self, shown: Sequence[Shown], now: float) -> float | None:
        return run_virtual(self._timed(self.indicator.show(shown, now)))

    def close(self) -> None:
        run_virtual(self._timed(self.indicator.close()))

    async def _timed(self, work: Coroutine[Any, Any, T]) -> T:
        return await work


def buses_of(name: str, chip: Any) -> Buses:
    return Buses((Section("bus", "chip", name, ChipBusSettings(chip)),), ())


class LedRig(Rig):
    def __init__(self, lines: Lines, buses: Buses, **pins: int) -> None:
        self._lines, self._pins = lines, pins
        self.dark: Hashable = (False,) * len(pins)
        self.indicator = registry.build(section("indicator", "leds", **pins), buses)

    def look(self) -> Hashable:
        return tuple(self._lines.level(pin) for pin in self._pins.values())

    def mistakes(self) -> list[str]:
        return []


class TestLeds(IndicatorContract):
    @pytest.fixture
    def rig(self, lines: Lines, buses: Buses) -> LedRig:
        return LedRig(lines, buses, red_pin=RED, green_pin=GREEN, blue_pin=BLUE)

    def test_one_that_vanished_is_told_and_works_again_once_it_is_back(self, rig: Any) -> None:
        pytest.skip("lines do not come and go; a chip that is not there is tried below")

    @pytest.mark.parametrize("indication", list(Indication))
    def test_a_single_led_tells_by_its_pattern(self, lines: Lines, buses: Buses, indication: Indication) -> None:
        rig = LedRig(lines, buses, green_pin=GREEN)
        look = LOOKS[indication]
        now: float | None = 1000.0
        for _ in range(4):
            if now is None:
                return
            due = rig.show(one(indication), now)
            assert rig.look() == (look.is_on(now),)
            now = due

    def test_a_chip_that_is_not_there_is_told_and_tried_again(self, tmp_path: Path, test_buses: None) -> None:
        from drivers.mock.pages import GpioPage

        path = tmp_path / "gpio.page"
        buses = Buses((section("bus", "gpio_page", section_name="gpio", page=str(path)),), ())
        leds = registry.build(section("indicator", "leds", red_pin=RED), buses)
        for _ in range(2):
            with pytest.raises(DeviceGone, match=r"gpio\.page"):
                asyncio.run(leds.show(one(Indication.FAULT), 0.0))
        page = GpioPage.create(path)
        asyncio.run(leds.show(one(Indication.FAULT), 0.0))
        assert page.line(RED).level

    def test_leds_without_a_line_are_refused(self) -> None:
        with pytest.raises(ValueError, match="at least one of 'red_pin'"):
            section("indicator", "leds")

    def test_the_colours_are_those_of_the_table(self, test_buses: None) -> None:
        lines = HandLines()
        rig = LedRig(lines, Buses((lines.bus,), ()), red_pin=RED, green_pin=GREEN, blue_pin=BLUE)
        for indication, lit in (
            (Indication.FAULT, (True, False, False)),
            (Indication.AVAILABLE, (False, True, False)),
            (Indication.CHARGING, (False, False, True)),
            (Indication.PAUSED_BY_VEHICLE, (False, True, True)),
        ):
            rig.show(one(indication), 1000.0)
            assert rig.look() == lit


class StripRig(Rig):
    dark: Hashable = ((0, 0, 0),) * 8

    def __init__(self, **settings: Any) -> None:
        self.peer = Ws281xPeer(8)
        strip = section("indicator", "ws281x", **{"count": 8} | settings)
        self.indicator = registry.build(strip, buses_of("spi", self.peer))

    def look(self) -> Hashable:
        return tuple(self.peer.leds)

    def mistakes(self) -> list[str]:
        return self.peer.mistakes

    def unplug(self) -> None:
        self.peer.error = OSError("no such device")

    def plug(self) -> None:
        self.peer.error = None
        self.peer.leds = [(0, 0, 0)] * 8


class TestStrip(IndicatorContract):
    @pytest.fixture
    def rig(self, test_buses: None) -> StripRig:
        return StripRig()

    @pytest.mark.parametrize("brightness_pct", [1, 30, 100])
    def test_every_led_has_the_colour_and_nothing_is_sent_twice(self, test_buses: None, brightness_pct: int) -> None:
        rig = StripRig(brightness_pct=brightness_pct)
        for _ in range(3):
            rig.show(one(Indication.RESERVED), 1000.0)
        full = [round(each * brightness_pct / 100) for each in LOOKS[Indication.RESERVED].colour]
        assert rig.peer.leds == [tuple(full)] * 8
        assert rig.peer.frames == 1 and rig.mistakes() == []

    def test_a_strip_of_another_order_gets_it(self, test_buses: None) -> None:
        rig = StripRig(order="RGB", brightness_pct=100)
        rig.show(one(Indication.FAULT), 1000.0)
        assert rig.peer.leds[0] == (0, 255, 0), "a strip that takes green first shows green where red was sent first"

    def test_the_longest_strip_fits_what_the_kernel_takes_at_once(self, test_buses: None) -> None:
        sent: list[bytes] = []
        rig = StripRig(count=300)
        rig.peer.write = sent.append  # type: ignore[method-assign]
        rig.show(one(Indication.FAULT), 1000.0)
        assert len(sent[0]) <= 4096

    def test_a_node_that_is_no_spi_device_is_told(self, tmp_path: Path) -> None:
        for path, problem in ((tmp_path / "none", "No such file"), (tmp_path / "file", "Inappropriate ioctl")):
            if path.name == "file":
                path.write_bytes(b"")
            buses = Buses((section("bus", "spidev", section_name="spi", path=str(path)),), ())
            strip = registry.build(section("indicator", "ws281x", count=1), buses)
            with pytest.raises(DeviceGone, match=f"{path} of .*: cannot be opened: {problem}.*dtparam=spi=on"):
                asyncio.run(strip.show(one(Indication.FAULT), 0.0))


class CharacterRig(Rig):
    def __init__(self, columns: int = 16, rows: int = 2, byte_s: float = 9 / 400_000, **settings: Any) -> None:
        self._rows = rows
        self._spent_s = 0.0
        self.dark: Hashable = ("",) * rows + (False,)
        self.peer = Hd44780Peer(self._clock, self._spend, 0x27, columns)
        self.peer.byte_s = byte_s
        display = section("indicator", "hd44780", bus="panel", columns=columns, rows=rows, **settings)
        self.indicator = registry.build(display, buses_of("panel", self.peer))

    def _clock(self) -> float:
        """Every call has a loop of its own, whose time begins anew."""
        try:
            return self._spent_s + asyncio.get_running_loop().time()
        except RuntimeError:
            return self._spent_s

    def _spend(self, seconds: float) -> None:
        self._spent_s += seconds

    async def _timed(self, work: Coroutine[Any, Any, T]) -> T:
        loop = asyncio.get_running_loop()
        self._spent_s -= loop.time()
        try:
            return await work
        finally:
            self._spent_s += loop.time()

    def look(self) -> Hashable:
        return (*self.peer.lines(self._rows), self.peer.light)

    def mistakes(self) -> list[str]:
        return self.peer.mistakes

    def unplug(self) -> None:
        self.peer.is_there = False

    def plug(self) -> None:
        self.peer.is_there = True
        self.peer.power_on()


@pytest.mark.parametrize(("columns", "rows"), [(16, 2), (20, 4)])
class TestCharacterDisplay(IndicatorContract):
    @pytest.fixture
    def rig(self, test_buses: None, columns: int, rows: int) -> CharacterRig:
        return CharacterRig(columns, rows)


@pytest.mark.parametrize("byte_s", [9 / 100_000, 9 / 400_000])
def test_a_character_display_speaks_german_with_umlauts_at_both_bus_speeds(test_buses: None, byte_s: float) -> None:
    rig = CharacterRig(byte_s=byte_s, language="de")
    rig.show((Shown(1, Indication.CHARGING, 7360.0),), 1000.0)
    assert rig.peer.lines(2) == ["Lädt            ", "7.4 kW          "]
    rig.show(one(Indication.FAULT), 1001.0)
    assert rig.peer.lines(2) == ["Störung         ", "                "]
    rig.show(one(Indication.UNAVAILABLE), 1002.0)
    assert rig.peer.lines(2)[0] == "Außer Betrieb   "
    assert rig.mistakes() == []


def test_a_display_that_lost_its_supply_for_a_moment_is_set_up_again_after_its_next_error(test_buses: None) -> None:
    rig = CharacterRig()
    rig.show(one(Indication.AVAILABLE), 1000.0)
    write, calls = rig.peer.write_i2c_block_data, []

    def fails_once(address: int, register: int, data: Sequence[int]) -> None:
        calls.append(register)
        if len(calls) == 2:
            raise OSError("Remote I/O error")
        write(address, register, data)

    rig.peer.write_i2c_block_data = fails_once  # type: ignore[method-assign]
    with pytest.raises(DeviceError, match=r"display at 0x27 of test.toml \[indicator\]: does not acknowledge"):
        rig.show(one(Indication.FAULT), 1001.0)
    rig.peer.power_on()
    rig.show(one(Indication.FAULT), 1002.0)
    assert rig.peer.lines(2)[0] == "Out of order    " and rig.mistakes() == []


class OledRig(Rig):
    def __init__(self, height: int = 64, **settings: Any) -> None:
        self.peer = Ssd1306Peer(0x3C, height)
        self.dark: Hashable = (" " * 128,) * height
        display = section("indicator", "ssd1306", bus="panel", height=height, **settings)
        self.indicator = registry.build(display, buses_of("panel", self.peer))

    def look(self) -> Hashable:
        return tuple(self.peer.dots())

    def mistakes(self) -> list[str]:
        return self.peer.mistakes

    def unplug(self) -> None:
        self.peer.is_there = False

    def plug(self) -> None:
        self.peer.is_there = True
        self.peer.power_on()


@pytest.mark.parametrize("height", [32, 64])
class TestOled(IndicatorContract):
    @pytest.fixture
    def rig(self, test_buses: None, height: int) -> OledRig:
        return OledRig(height)


def test_an_oled_draws_letters_twice_as_high_as_the_font_and_no_noise(test_buses: None) -> None:
    rig = OledRig()
    rig.show(one(Indication.PLUG_IN), 1000.0)
    dots = rig.peer.dots()
    letter_l = [row[6:11] for row in dots[:14]]
    assert letter_l == [" ##  "] * 2 + ["  #  "] * 10 + [" ### "] * 2
    assert all(row.strip() == "" for row in dots[16:]), "the second line is empty, and what was in the memory is gone"


def test_an_oled_is_sent_only_what_changes(test_buses: None) -> None:
    rig = OledRig()
    rig.show((Shown(1, Indication.CHARGING, 1000.0),), 1000.0)
    before = rig.peer.transfers
    rig.show((Shown(1, Indication.CHARGING, 1000.0),), 1001.0)
    assert rig.peer.transfers == before
    rig.show((Shown(1, Indication.CHARGING, 2000.0),), 1002.0)
    assert rig.peer.transfers - before == 2 * 5, "two pages: where, and four times 32 bytes"


# --- texts and looks -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_a_text_for_everything_that_fits_the_smallest_display(language: str) -> None:
    texts = Texts(language)
    for indication in Indication:
        text = texts.of(indication)
        assert 0 < len(text) <= 16
        assert set(text) <= set(GLYPHS), f"{text}: the font has no {set(text) - set(GLYPHS)}"


def test_what_a_language_lacks_is_said_in_english(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from drivers.indicator import texts

    read = texts._read
    monkeypatch.setattr(texts, "_read", lambda name: {"fault": "Panne"} if name == "fr" else read(name))
    french = Texts("fr")
    assert (french.of(Indication.FAULT), french.of(Indication.CHARGING)) == ("Panne", "Charging")


def test_the_languages_are_the_files_there_are() -> None:
    folder = Path(registry.__file__).parent / "indicator" / "texts"
    assert tuple(sorted(file.stem for file in folder.glob("*.toml"))) == LANGUAGES


def test_several_evses_have_a_line_each_and_take_turns_where_they_do_not_fit() -> None:
    shown = [Shown(1, Indication.CHARGING, 11000.0), Shown(2, Indication.AVAILABLE), Shown(3, Indication.FAULT)]
    assert lines_of(shown[:2], Texts("en"), 16, 2) == ["1 Charging      ", "2 Available     "]
    assert lines_of(shown[:2], Texts("en"), 20, 2) == ["1 Charging   11.0 kW", "2 Available         "]
    pages = [page_of(shown, 2, now)[0] for now in (0.0, 3.0, 6.0)]
    assert [[each.evse_id for each in page] for page in pages] == [[1, 2], [3], [1, 2]]
    assert page_of(shown, 2, 3.5)[1] == 6.0


@pytest.mark.parametrize("indication", list(Indication))
def test_a_pattern_is_as_long_as_it_says(indication: Indication) -> None:
    look = LOOKS[indication]
    now, lit_s = 1000.0, 0.0
    while now < 1060.0:
        edge = look.next_edge(now)
        if edge is None:
            assert look.is_on(now)
            return
        assert now < edge <= now + max(look.on_ms, look.off_ms) / 1000 + 1e-6
        assert look.is_on(now) is not look.is_on(edge)
        lit_s += (edge - now) * look.is_on(now)
        now = edge
    assert lit_s == pytest.approx(60.0 * look.on_ms / (look.on_ms + look.off_ms), rel=0.06)
