"""The station's own file, `pilotline.toml`: who it is, which CSMS it speaks to, where it keeps its things."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any

from controller import __version__
from controller.config.board import board_names, is_path
from controller.config.reader import (
    HIDDEN,
    ConfigError,
    Mistakes,
    Table,
    check_keys,
    read_section,
    read_toml,
    shown,
    subtable,
    unknown,
)
from controller.hal.settings import setting

SYSTEM_FILE = Path("/etc/pilotline/pilotline.toml")
ENVIRONMENT_KEY = "PILOTLINE_CONFIG"
PROTOCOLS = ("ocpp2.0.1", "ocpp1.6")

# sockaddr_un.sun_path holds 108 bytes with its closing zero (unix(7)).
CALIBRATION_FILE = "calibration.toml"  # beside the station's own
_SOCKET_PATH_BYTES = 107
_CSMS_URL = re.compile(r"wss?://(\[[0-9A-Fa-f:.]+\]|[^/\s:@\[\]?#]+)(:\d{1,5})?(/[^\s?#]*)?")
_PROXY_URL = re.compile(r"(http|https|socks5h?|socks4a?)://\S+")
_VARIABLE_KEY = re.compile(r"\w+(@\d+(,\d+)?)?\.\w+(\[[^\]]+\])?")


@dataclass(frozen=True, slots=True)
class StationSection:
    """`[station]`"""

    identity: str = setting(
        "The charging station's identity at the CSMS: the last part of the connection URL.",
        default="PILOTLINE-1",
        low=1,
        high=48,
    )
    vendor: str = setting("Vendor name told in BootNotification.", default="Pilotline", low=1, high=20)
    model: str = setting("Model name told in BootNotification.", default="Pilotline", low=1, high=20)
    serial: str = setting("Serial number told in BootNotification.", default="PL-000001", low=1, high=25)
    revision: str = setting("Revision of the hardware, told in `status` and bring-up reports.", default="", high=25)
    board: str = setting(
        "The board file: a name of hw/boards (mock, reference, …) or a path ending in .toml.", default="mock", low=1
    )
    calibration: str = setting(
        "File of the pilot's calibration, written by `pilotline board calibrate`; empty: calibration.toml beside this file.",
        default="",
        unit="path",
    )
    state_dir: str = setting("Where the database is kept; everything needed to come back.", default="", unit="path")
    run_dir: str = setting("Where sockets are kept; may be lost.", default="", unit="path")
    site_max_a: float | None = setting(
        "The most current the site allows this station, per phase.", default=None, low=0, high=1000, unit="A"
    )
    authorization_required: bool = setting(
        "Whether a driver has to identify himself. false: whoever plugs in charges.", default=True
    )

    def __post_init__(self) -> None:
        if ":" in self.identity or not self.identity.isprintable():
            # Part 4 of 2.0.1, "Charging Station identity": the colon separates user and password in basic authentication.
            raise ValueError(f"identity = {shown(self.identity)}: must be printable and have no colon")


@dataclass(frozen=True, slots=True)
class CsmsSection:
    """`[csms]`"""

    url: str = setting(
        "The CSMS's OCPP-J endpoint without the identity, ws:// or wss://.", default="ws://127.0.0.1:9310/"
    )
    password: str = setting(
        "Password of HTTP basic authentication (A00.FR.205); empty: none.", default="", high=64, unit="secret"
    )
    password_file: str = setting("A file whose first line is the password, instead of `password`.", default="")
    protocols: tuple[str, ...] = setting(
        "OCPP versions to offer, the preferred first.", default=PROTOCOLS, choices=PROTOCOLS
    )
    proxy: str = setting("HTTP or SOCKS proxy to reach the CSMS through; empty: none.", default="")

    def __post_init__(self) -> None:
        url = _CSMS_URL.fullmatch(self.url)
        if url is None:
            raise ValueError(f"url = {shown(self.url)}: must look like ws://host:port/path or wss://host/path")
        if url[2] is not None and not 1 <= int(url[2][1:]) <= 65535:
            raise ValueError(f"url = {shown(self.url)}: a port is 1 to 65535")
        if self.proxy and not _PROXY_URL.fullmatch(self.proxy):
            raise ValueError(f"proxy = {shown(self.proxy)}: must look like http://host:port or socks5://host:port")
        if self.password and self.password_file:
            raise ValueError("give either 'password' or 'password_file', not both")
        if 0 < len(self.password) < 16:
            raise ValueError(f"password: must be 16 to 64 characters (A00.FR.205), it has {len(self.password)}")
        if not self.protocols or len(set(self.protocols)) != len(self.protocols):
            raise ValueError(f"protocols = {shown(self.protocols)}: must name each version once, and at least one")


@dataclass(frozen=True, slots=True)
class SocketsSection:
    """`[sockets]`"""

    api: str = setting("Socket of the local control API; empty: api.sock in run_dir.", default="")
    safety: str = setting("Socket between the two processes; empty: safety.sock in run_dir.", default="")
    bench: str = setting("Socket of the mock bench; empty: bench.sock in run_dir.", default="")


@dataclass(frozen=True, slots=True)
class StationConfig:
    """Everything the processes need to know of this station. Paths are absolute. board: a name or an absolute path.

    ocpp_variables, ocpp_keys: initial values as text, by `Component.Variable[instance]` and by 1.6 key. calibration: the file of it, there or
    not; None where there is no configuration file either.
    """

    identity: str
    vendor: str
    model: str
    serial: str
    revision: str
    firmware: str
    board: str
    state_dir: Path
    run_dir: Path
    csms_url: str
    csms_password: str | None
    protocols: tuple[str, ...]
    proxy: str | None
    api_socket: Path
    safety_socket: Path
    bench_socket: Path
    ocpp_variables: Mapping[str, str]
    ocpp_keys: Mapping[str, str]
    site_max_a: float | None = None
    authorization_required: bool = True
    calibration: Path | None = None


@dataclass(frozen=True, slots=True)
class Effective:
    """One value in force. source: the file's path, or `default`. Secrets are shown as stars."""

    section: str
    key: str
    value: str
    source: str
    help: str


def default_path() -> Path | None:
    """Return the file used when none is named: $PILOTLINE_CONFIG, else the system's, else None (the built-in defaults)."""
    named = os.environ.get(ENVIRONMENT_KEY)
    if named:
        return Path(named)
    return SYSTEM_FILE if SYSTEM_FILE.exists() else None


def load_station(path: Path | None) -> StationConfig:
    """Read and check the station's file; None means the built-in defaults. Raises ConfigError with every mistake."""
    return explain_station(path)[0]


def explain_station(path: Path | None) -> tuple[StationConfig, tuple[Effective, ...]]:
    """As `load_station`, with every value in force and where it comes from."""
    table: dict[str, Any] = read_toml(path) if path is not None else {}
    mistakes = Mistakes(str(path) if path is not None else "built-in defaults")
    check_keys(table, ("station", "csms", "sockets", "ocpp"), "", mistakes)
    tables = {name: subtable(table, name, "", mistakes) for name in ("station", "csms", "sockets", "ocpp")}
    station = read_section(StationSection, tables["station"], "station", mistakes)
    csms = read_section(CsmsSection, tables["csms"], "csms", mistakes)
    sockets = read_section(SocketsSection, tables["sockets"], "sockets", mistakes)
    check_keys(tables["ocpp"], ("variables", "keys"), "ocpp", mistakes)
    variables = _texts(subtable(tables["ocpp"], "variables", "ocpp", mistakes), "ocpp.variables", mistakes)
    keys = _texts(subtable(tables["ocpp"], "keys", "ocpp", mistakes), "ocpp.keys", mistakes)
    for key in variables:
        if not _VARIABLE_KEY.fullmatch(key):
            rule = 'must look like "Component.Variable", "Component.Variable[instance]" or "EVSE@1.Variable"'
            mistakes.add("ocpp.variables", f"'{key}': {rule}")
    if station is None or csms is None or sockets is None:
        mistakes.raise_if_any()
        raise AssertionError("a section that is not usable was noted as a mistake")
    config = _joined(path, station, csms, sockets, variables, keys, mistakes)
    mistakes.raise_if_any()
    return config, _effective(path, tables, config, (station, csms, sockets))


def board_named_in(path: Path | None) -> str | None:
    """Return the board that a station's file names, as `load_board` takes it, however wrong the rest is; else None."""
    try:
        table = read_toml(path) if path is not None else {}
    except ConfigError:
        return None
    section = table.get("station")
    board = section.get("board") if isinstance(section, dict) else None
    if path is None or not isinstance(board, str):
        return None
    if is_path(board):
        return str(_path(board, path.absolute().parent))
    return board if board in board_names() else None


def _is_secret(key: str) -> bool:
    return key.endswith(("BasicAuthPassword", "AuthorizationKey"))


def _joined(
    path: Path | None,
    station: StationSection,
    csms: CsmsSection,
    sockets: SocketsSection,
    variables: dict[str, str],
    keys: dict[str, str],
    mistakes: Mistakes,
) -> StationConfig:
    base = path.absolute().parent if path is not None else Path.cwd()
    folder = re.sub(r"[^A-Za-z0-9._-]", "_", station.identity)
    run_dir = _path(station.run_dir, base) or _user_run_dir() / folder
    places = {
        name: _path(getattr(sockets, name), base) or run_dir / f"{name}.sock" for name in ("api", "safety", "bench")
    }
    for name, place in places.items():
        size = len(os.fsencode(place))
        if size > _SOCKET_PATH_BYTES:
            key = f"sockets.{name}" if getattr(sockets, name) else "run_dir"
            rule = f"Linux allows {_SOCKET_PATH_BYTES} bytes for a socket's path and this has {size}; choose a shorter {key}"
            mistakes.lines.append(f"{mistakes.where('station')} {place}: {rule}")
    board = station.board
    if is_path(board):
        board = str(_path(board, base))
    elif board not in board_names():
        hint = "a file of your own is given as a path ending in .toml"
        mistakes.add_value("station", "board", board, f"{unknown('board', board, board_names())}; {hint}")
    return StationConfig(
        identity=station.identity,
        vendor=station.vendor,
        model=station.model,
        serial=station.serial,
        revision=station.revision,
        firmware=__version__,
        board=board,
        state_dir=_path(station.state_dir, base) or _user_state_dir() / folder,
        run_dir=run_dir,
        csms_url=csms.url,
        csms_password=_password(csms, base, mistakes),
        protocols=csms.protocols,
        proxy=csms.proxy or None,
        api_socket=places["api"],
        safety_socket=places["safety"],
        bench_socket=places["bench"],
        ocpp_variables=MappingProxyType(variables),
        ocpp_keys=MappingProxyType(keys),
        site_max_a=station.site_max_a,
        authorization_required=station.authorization_required,
        calibration=_path(station.calibration, base) or (base / CALIBRATION_FILE if path is not None else None),
    )


def _path(text: str, base: Path) -> Path | None:
    """Return the absolute path meant by a text of the file; relative ones start at the file's directory."""
    return Path(os.path.normpath(base / Path(text).expanduser())) if text else None


def _user_state_dir() -> Path:
    home = os.environ.get("XDG_STATE_HOME")
    try:
        return (Path(home) if home else Path.home() / ".local" / "state") / "pilotline"
    except RuntimeError:  # a user without a home, as in a container
        return _user_run_dir() / "state"


def _user_run_dir() -> Path:
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    if runtime and os.access(runtime, os.W_OK):
        return Path(runtime) / "pilotline"
    return Path("/tmp") / f"pilotline-{os.getuid()}"


def _password(csms: CsmsSection, base: Path, mistakes: Mistakes) -> str | None:
    place = _path(csms.password_file, base)
    if place is None:
        return csms.password or None
    try:
        lines = place.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        problem = error.strerror if isinstance(error, OSError) and error.strerror else "is not UTF-8 text"
        mistakes.add_value("csms", "password_file", str(place), f"cannot be read: {problem.lower()}")
        return None
    password = lines[0].strip() if lines else ""
    if not 16 <= len(password) <= 64:
        rule = f"its first line must be 16 to 64 characters (A00.FR.205), it has {len(password)}"
        mistakes.add_value("csms", "password_file", str(place), rule)
    return password


def _texts(table: Table, section: str, mistakes: Mistakes, prefix: str = "") -> dict[str, str]:
    """Return values as OCPP carries them: texts. A dotted key without quotes makes tables in TOML: they are joined again."""
    texts: dict[str, str] = {}
    for key, value in table.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict):
            texts |= _texts(value, section, mistakes, f"{name}.")
        elif isinstance(value, bool):
            texts[name] = "true" if value else "false"
        elif isinstance(value, (str, int, float)):
            texts[name] = str(value)
        else:
            shown_value = HIDDEN if _is_secret(name) else value
            mistakes.add_value(
                section, name, shown_value, 'must be a text, a number, true or false; a list is one text: "A,B"'
            )
    return texts


def _effective(
    path: Path | None, tables: Mapping[str, Table], config: StationConfig, sections: tuple[Any, ...]
) -> tuple[Effective, ...]:
    resolved = {
        "state_dir": config.state_dir,
        "run_dir": config.run_dir,
        "board": config.board,
        "calibration": config.calibration,
        "api": config.api_socket,
        "safety": config.safety_socket,
        "bench": config.bench_socket,
    }
    rows = []
    for name, section in zip(("station", "csms", "sockets"), sections, strict=True):
        for field in fields(section):
            value = resolved.get(field.name, getattr(section, field.name))
            source = str(path) if field.name in tables[name] else "default"
            text = HIDDEN if field.name == "password" and value else _plain(value)
            rows.append(Effective(name, field.name, text, source, field.metadata["help"]))
    for name, texts in (("ocpp.variables", config.ocpp_variables), ("ocpp.keys", config.ocpp_keys)):
        for key, text in texts.items():
            rows.append(Effective(name, key, HIDDEN if _is_secret(key) else text, str(path), ""))
    return tuple(rows)


def _plain(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, tuple):
        return ", ".join(str(each) for each in value)
    return shown(value) if isinstance(value, bool) else str(value)
