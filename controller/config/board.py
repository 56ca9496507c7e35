"""Board files: which chip, pin and port everything is on. Checked as a whole, nothing is opened.

A board is named (`mock`, `reference`: hw/boards, shipped with the package) or given as a path ending in .toml.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from controller.config.crosscheck import (
    check_addresses,
    check_channels,
    check_display_buses,
    check_pins,
    check_ports,
    check_references,
)
from controller.config.reader import (
    ConfigError,
    Mistakes,
    Table,
    check_keys,
    list_of_tables,
    read_section,
    read_toml,
    shown,
    subtable,
    unknown,
)
from controller.config.wiring import check_phase_sense, check_wiring, connector_problem
from controller.hal.settings import setting
from drivers.registry import UnknownDriver, is_foreign, named, settings_of, told

# ConnectorEnumType of OCPP 2.0.1 for AC: `c…` has its cable attached, `s…` is a socket.
TETHERED_TYPES = ("cType1", "cType2", "cTesla")
SOCKET_TYPES = ("sType2", "sType3", "s309-1P-16A", "s309-1P-32A", "s309-3P-16A", "s309-3P-32A")


EVSE_DEVICES = (
    "pilot_driver",
    "pilot_sense",
    "proximity",
    "contactor",
    "lock",
    "residual",
    "temperature",
    "ground",
    "phase_sense",
    "meter",
)
_SECTIONS = ("board", "bus", "adc", "watchdog", "mains", "estop", "limit", "evse", "reader", "indicator")
_FAMILIES = {"ground": "input"}  # of drivers, where the section's name says what it is for
_BURST_MAX_A = 51
_PERIOD_MS = 10
_REQUIRED_DEVICES = ("pilot_driver", "pilot_sense", "contactor")


@dataclass(frozen=True, slots=True)
class DeviceSection:
    """One device of the board. settings: the driver's own Settings. evse: whose it is; None: the station's (or a bus)."""

    family: str
    type: str
    name: str
    where: str
    settings: Any
    evse: int | None = None


@dataclass(frozen=True, slots=True)
class EvseBoard:
    """One EVSE. cable_a: of the attached cable. upstream_rcd: the protective device where `residual` is None.

    wake_up: off, E or F. phase_wait_s: from the switch of phases to the next PWM. contactor_cycles, contactor_breaks: rated life.
    unlock_on_mains_loss: once proven open.
    """

    id: int
    connector_type: str
    tethered: bool
    cable_a: int | None
    hardware_max_a: float
    phases: int
    ventilation: bool
    upstream_rcd: str
    wake_up: str
    phase_switching: bool
    phase_wait_s: int
    contactor_cycles: int
    contactor_breaks: int
    unlock_on_mains_loss: bool
    pilot_driver: DeviceSection
    pilot_sense: DeviceSection
    proximity: DeviceSection | None
    contactor: DeviceSection
    lock: DeviceSection | None
    residual: DeviceSection | None
    temperature: DeviceSection | None
    ground: DeviceSection | None
    phase_sense: DeviceSection | None
    meter: DeviceSection | None


@dataclass(frozen=True, slots=True)
class LimitBoard:
    """A contact by which somebody else limits all EVSEs together, while it is active: in amperes per phase or in watts."""

    contact: DeviceSection
    amps: float | None
    watts: float | None


@dataclass(frozen=True, slots=True)
class BoardConfig:
    """A whole board. bench: it is simulated, the mock bench plays the world. path: the file it was read from."""

    name: str
    buses: tuple[DeviceSection, ...]
    adcs: tuple[DeviceSection, ...]
    watchdog: DeviceSection | None
    mains: DeviceSection | None
    estop: DeviceSection | None
    evses: tuple[EvseBoard, ...]
    readers: tuple[DeviceSection, ...]
    bench: bool
    period_ms: int = 10
    path: Path = Path()
    limit: LimitBoard | None = None
    indicators: tuple[DeviceSection, ...] = ()


@dataclass(frozen=True, slots=True)
class _BoardSection:
    name: str = setting("The board's name.", low=1)
    description: str = setting("What it is, for people.", default="")
    bench: bool = setting("Whether the mock bench plays the world outside.", default=False)
    period_ms: int = setting("Period of the safety loop.", default=_PERIOD_MS, low=5, high=20, unit="ms")


@dataclass(frozen=True, slots=True)
class _EvseSection:
    id: int = setting("Number of the EVSE, from 1.", low=1, high=64)
    connector_type: str = setting("ConnectorEnumType of OCPP 2.0.1.", choices=TETHERED_TYPES + SOCKET_TYPES)
    tethered: bool = setting("Whether the cable is attached.")
    cable_a: int | None = setting("Current capacity of the attached cable.", default=None, low=6, high=80, unit="A")
    hardware_max_a: float = setting("The most the wiring and contactor may carry.", low=6, high=80, unit="A")
    phases: int = setting("Phases wired to the connector.", choices=(1, 3))
    ventilation: bool = setting("Whether state D (ventilation required) may be served.", default=False)
    upstream_rcd: str = setting("The residual-current device upstream, where no [evse.residual] is fitted.", default="")
    wake_up: str = setting(
        "What wakes a vehicle that sleeps although it is offered current: E opens the pilot for 4 s, F drives it to -12 V.",
        default="off",
        choices=("off", "E", "F"),
    )
    phase_switching: bool = setting(
        "Whether phases are switched with a vehicle plugged in. Some first-generation vehicles can be damaged by it.",
        default=False,
    )
    phase_wait_s: int = setting(
        "Pause between the switch of phases and the next offer.", default=60, low=10, high=600, unit="s"
    )
    contactor_cycles: int = setting(
        "Rated life of the contactor, from its data sheet; a notice tells when it is reached.",
        default=100_000,
        low=1_000,
        high=10_000_000,
        unit="closes",
    )
    contactor_breaks: int = setting(
        "The same for openings under load.", default=5_000, low=10, high=10_000_000, unit="openings under load"
    )
    unlock_on_mains_loss: bool = setting(
        "Whether the lock lets the cable go in a power cut, once the contactor is proven open. Needs [mains], and a supply that "
        "lasts for it.",
        default=False,
    )


@dataclass(frozen=True, slots=True)
class _LimitSection:
    amps: float | None = setting(
        "The most for all EVSEs together, per phase, while the contact is active.",
        default=None,
        low=0,
        high=1000,
        unit="A",
    )
    watts: float | None = setting(
        "The most for all EVSEs together while the contact is active.", default=None, low=0, high=1000000, unit="W"
    )

    def __post_init__(self) -> None:
        if (self.amps is None) is (self.watts is None):
            raise ValueError("give either 'amps' or 'watts': what is allowed while the contact is active")


def boards_directory() -> Path:
    """Return the shipped board files: inside the installed package, or hw/boards of a checkout."""
    installed = Path(__file__).parent / "boards"
    return installed if installed.is_dir() else Path(__file__).parents[2] / "hw" / "boards"


def board_names() -> tuple[str, ...]:
    return tuple(sorted(path.stem for path in boards_directory().glob("*.toml")))


def is_path(name_or_path: str) -> bool:
    """Whether a board is given as a file, and not by the name of a shipped one."""
    return "/" in name_or_path or name_or_path.endswith(".toml")


def find_board(name_or_path: str) -> Path:
    """Return the file of a shipped board's name or of a path ending in .toml. Raises ConfigError."""
    if is_path(name_or_path):
        return Path(name_or_path)
    if name_or_path not in board_names():
        hint = "; a file of your own is given as a path ending in .toml"
        raise ConfigError([f"board: {unknown('board', name_or_path, board_names())}{hint}"])
    return boards_directory() / f"{name_or_path}.toml"


def load_board(name_or_path: str, run_dir: Path, *, without: Collection[str] = ()) -> BoardConfig:
    """Read and check a board file; `{run}` in its texts becomes `run_dir`. Raises ConfigError with every mistake.

    without: families to leave out unread, so that a process does not load the drivers of another one's devices.
    """
    path = find_board(name_or_path)
    table = read_toml(path)
    shipped = path.parent == boards_directory()
    mistakes = Mistakes(path.name if shipped else str(path))
    board = _Reader(table, run_dir, mistakes, path, without).board()
    mistakes.raise_if_any()
    if board is None:
        raise AssertionError("a board that is not usable was noted as a mistake")
    return board


class _Reader:
    """Turns one file's tables into a BoardConfig; remembers every device for the checks across sections."""

    def __init__(self, table: Table, run_dir: Path, mistakes: Mistakes, path: Path, without: Collection[str]) -> None:
        self._table = table
        self._run_dir = str(run_dir)
        self._mistakes = mistakes
        self._path = path
        self._without = without
        self._devices: list[DeviceSection] = []

    def board(self) -> BoardConfig | None:
        table, mistakes = self._table, self._mistakes
        check_keys(table, _SECTIONS, "", mistakes)
        if "board" not in table:
            mistakes.add("", "the section [board] with at least a name is missing")
        head = read_section(_BoardSection, subtable(table, "board", "", mistakes), "board", mistakes)
        buses = self._named("bus")
        adcs = self._named("adc")
        watchdog = self._single("watchdog", "watchdog")
        mains = self._single("mains", "input")
        estop = self._single("estop", "input")
        limit = self._limit()
        evse_tables = list_of_tables(table, "evse", "", mistakes)
        evses = [self._evse(each, index) for index, each in enumerate(evse_tables, 1)]
        known = [each["id"] for each in evse_tables if isinstance(each.get("id"), int)]
        readers = self._listed("reader", known)
        indicators = self._listed("indicator", known)
        if not evse_tables:
            mistakes.add("", "a board needs at least one [[evse]]")
        if len(known) == len(evses) and sorted(known) != list(range(1, len(known) + 1)):
            mistakes.add("evse", f"the ids are {shown(known)}: they must be 1, 2, 3 … without gap or double")
        check_pins(self._devices, mistakes)
        check_references(self._devices, {family: list(table.get(family, ())) for family in ("bus", "adc")}, mistakes)
        check_ports(self._devices, mistakes)
        check_addresses(self._devices, mistakes)
        check_channels(self._devices, mistakes)
        check_display_buses(self._devices, mistakes)
        check_wiring(self._devices, head.period_ms if head is not None else _PERIOD_MS, mistakes)
        for evse in evses:
            if evse is not None and evse.phase_sense is not None:
                check_phase_sense(evse.phase_sense, self._devices, evse.hardware_max_a, mistakes)
            if evse is not None and evse.unlock_on_mains_loss and mains is None:
                rule = "needs the section [mains]: without it nobody knows when mains is absent"
                mistakes.add_value(f"evse.{evse.id}", "unlock_on_mains_loss", True, rule)
        if mistakes.lines or head is None:
            return None
        return BoardConfig(
            name=head.name,
            buses=buses,
            adcs=adcs,
            watchdog=watchdog,
            mains=mains,
            estop=estop,
            evses=tuple(sorted((evse for evse in evses if evse is not None), key=lambda evse: evse.id)),
            readers=readers,
            bench=head.bench,
            period_ms=head.period_ms,
            path=self._path.absolute(),
            limit=limit,
            indicators=indicators,
        )

    def _named(self, family: str) -> tuple[DeviceSection, ...]:
        found = []
        for name, each in subtable(self._table, family, "", self._mistakes).items():
            section = f"{family}.{name}"
            if not isinstance(each, dict):
                self._mistakes.add(family, f"'{name}': must be a section: write it as [{section}]")
            elif device := self._device(family, each, name, section):
                found.append(device)
        return tuple(found)

    def _single(self, key: str, family: str) -> DeviceSection | None:
        if key not in self._table:
            return None
        return self._device(family, subtable(self._table, key, "", self._mistakes), key, key)

    def _limit(self) -> LimitBoard | None:
        table = subtable(self._table, "limit", "", self._mistakes)
        if "limit" not in self._table:
            return None
        own = {field.name for field in dataclasses.fields(_LimitSection)}
        given = {key: value for key, value in table.items() if key in own}
        head = read_section(_LimitSection, given, "limit", self._mistakes)
        rest = {key: value for key, value in table.items() if key not in own}
        contact = self._device("input", rest, "limit", "limit")
        return LimitBoard(contact, head.amps, head.watts) if head is not None and contact is not None else None

    def _listed(self, family: str, known: list[int]) -> tuple[DeviceSection, ...]:
        """Return the devices of a `[[family]]` list. known: ids of the EVSEs, of which each may name one as its own."""
        tables = list_of_tables(self._table, family, "", self._mistakes)
        found = [self._of_evse(family, each, index, known) for index, each in enumerate(tables, 1)]
        return tuple(device for device in found if device is not None)

    def _of_evse(self, family: str, table: Table, index: int, known: list[int]) -> DeviceSection | None:
        section = f"{family}.{index}"
        evse = table.get("evse")
        if evse is not None and (isinstance(evse, bool) or evse not in known):
            self._mistakes.add_value(section, "evse", evse, f"must be the id of an [[evse]]: {shown(known)}")
            return None
        rest = {key: value for key, value in table.items() if key != "evse"}
        return self._device(family, rest, f"{family} {index}", section, evse)

    def _evse(self, table: Table, index: int) -> EvseBoard | None:
        mistakes = self._mistakes
        given = table.get("id")
        number = given if isinstance(given, int) else index
        section = f"evse.{number}"
        before = len(mistakes.lines)
        scalars = {key: value for key, value in table.items() if key not in EVSE_DEVICES}
        names = {field.name for field in dataclasses.fields(_EvseSection)}
        for key in [key for key in scalars if key not in names]:
            mistakes.add(section, unknown("key", key, names | set(EVSE_DEVICES)))
            del scalars[key]
        head = read_section(_EvseSection, scalars, section, mistakes)
        devices: dict[str, DeviceSection | None] = dict.fromkeys(EVSE_DEVICES)
        for family in EVSE_DEVICES:
            if family in table:
                name = f"EVSE {number} {family.replace('_', ' ')}"
                each = subtable(table, family, section, mistakes)
                kind = _FAMILIES.get(family, family)
                devices[family] = self._device(kind, each, name, f"{section}.{family}", number)
            elif family in _REQUIRED_DEVICES:
                mistakes.add(section, f"the section [evse.{family}] is missing")
        if head is not None:
            _check_connector(head, table, section, mistakes)
        if head is None or len(mistakes.lines) > before:
            return None
        return EvseBoard(**dataclasses.asdict(head), **devices)  # type: ignore[arg-type]

    def _resolved(self, text: str) -> str:
        """`{run}` is the run directory; a path that begins with a dot is beside the board file."""
        beside = text.startswith(("./", "../"))
        return str(self._path.parent / text) if beside else text.replace("{run}", self._run_dir)

    def _device(
        self, family: str, table: Table, name: str, section: str, evse: int | None = None
    ) -> DeviceSection | None:
        if family in self._without:
            return None
        kind = table.get("type")
        if kind is None:
            self._mistakes.add(section, "'type' is missing: it picks the driver")
            return None
        if not isinstance(kind, str):
            self._mistakes.add_value(section, "type", kind, "must be a text in quotes")
            return None
        try:
            settings_class = settings_of(family, kind)
        except UnknownDriver as error:
            self._mistakes.add_value(section, "type", kind, str(error))
            return None
        rest = {key: value for key, value in table.items() if key != "type"}
        try:
            settings = read_section(settings_class, rest, section, self._mistakes, replace=self._resolved)
        except Exception as error:
            if not is_foreign(family, kind):
                raise
            self._mistakes.add(section, f"{named(family, kind)}: its Settings raised {told(error)}")
            return None
        if settings is None:
            return None
        device = DeviceSection(family, kind, name, self._mistakes.where(section), settings, evse)
        self._devices.append(device)
        return device


def _check_connector(head: _EvseSection, table: Table, section: str, mistakes: Mistakes) -> None:
    if head.tethered:
        # IEC 61851-1 case C: the cable's rating is known, and the plug end has no lock of ours.
        for family in ("proximity", "lock"):
            if family in table:
                mistakes.add(section, f"tethered = true: an attached cable has no [evse.{family}]; remove it")
        if head.unlock_on_mains_loss:
            mistakes.add_value(section, "unlock_on_mains_loss", True, "an attached cable has no lock of ours")
        if head.cable_a is None:
            mistakes.add(section, "tethered = true: 'cable_a' is missing: the current capacity of the attached cable")
    else:
        for family in ("proximity", "lock"):
            if family not in table:
                mistakes.add(section, f"tethered = false: a socket needs the section [evse.{family}]")
        if head.cable_a is not None:
            mistakes.add_value(section, "cable_a", head.cable_a, "only an attached cable has it; a socket reads PP")
    sense_type = table["pilot_sense"].get("type") if isinstance(table.get("pilot_sense"), dict) else None
    if sense_type == "sar_burst" and head.hardware_max_a > _BURST_MAX_A:
        rule = f"bursts see too little of a low plateau above {_BURST_MAX_A} A (85 % duty): take another [evse.pilot_sense]"
        mistakes.add_value(section, "hardware_max_a", head.hardware_max_a, rule)
    if head.tethered != (head.connector_type in TETHERED_TYPES):
        fitting = TETHERED_TYPES if head.tethered else SOCKET_TYPES
        rule = f"with tethered = {shown(head.tethered)} it must be one of {', '.join(fitting)}"
        mistakes.add_value(section, "connector_type", head.connector_type, rule)
    if problem := connector_problem(head.connector_type, head.phases, head.hardware_max_a):
        mistakes.add_value(section, *problem)
    sense = table.get("phase_sense")
    for key in ("current_channels", "voltage_channels"):
        channels = sense.get(key) if isinstance(sense, dict) else None
        if isinstance(channels, list) and (key == "current_channels" or channels) and len(channels) != head.phases:
            rule = f"must name one channel a phase: {head.phases}"
            mistakes.add_value(f"{section}.phase_sense", key, channels, rule)
    if head.phase_switching and (head.phases != 3 or _phase_pin(table) is None):
        rule = "needs phases = 3 and a phase relay: 'phase_pin' in [evse.contactor]"
        mistakes.add_value(section, "phase_switching", True, rule)
    if "residual" not in table and not head.upstream_rcd:
        rule = "no [evse.residual] is fitted: 'upstream_rcd' must name the residual-current device upstream"
        mistakes.add(section, rule)


def _phase_pin(table: Table) -> object:
    contactor = table.get("contactor")
    return contactor.get("phase_pin") if isinstance(contactor, dict) else None
