"""The end of a production line: one station's own configuration and its password, written once."""

from __future__ import annotations

import json
import os
import secrets
import string
import tempfile
from pathlib import Path
from typing import Any

from controller.config import load_station
from controller.config.board import is_path
from controller.exits import CommandFailed, ExitCode

PASSWORD_CHARACTERS = 32  # 16 to 40 are asked for (A00.FR.205)
_LETTERS = string.ascii_letters + string.digits


def provisioned(out: Path, identity: str, serial: str, revision: str, board: str, csms: str) -> dict[str, Any]:
    """Write `pilotline.toml` (0640) and `password` (0640) into `out` and return what was given to this station.

    Raises ConfigError for a value that a start would refuse, CommandFailed where a file is there already or cannot be written; then
    nothing was written.
    """
    files = {"pilotline.toml": out / "pilotline.toml", "password": out / "password"}
    for path in files.values():
        if path.exists():
            raise CommandFailed(
                f"{path} is there already: this station was provisioned; move it away first", ExitCode.BUSY
            )
    password = "".join(secrets.choice(_LETTERS) for _ in range(PASSWORD_CHARACTERS))
    where = str(Path(board).absolute()) if is_path(board) else board
    text = _configuration(identity, serial, revision, where, csms, files["password"])
    _check(text, password)
    written: list[Path] = []
    try:
        for path, content in ((files["password"], f"{password}\n"), (files["pilotline.toml"], text)):
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640), "w", encoding="utf-8") as file:
                written.append(path)
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
    except OSError as error:
        for path in written:
            path.unlink(missing_ok=True)
        raise CommandFailed(f"{path}: {(error.strerror or str(error)).lower()}", ExitCode.DEVICE) from error
    return {
        "identity": identity,
        "serial": serial,
        "revision": revision,
        "board": where,
        "csms": csms,
        "password": password,
        "files": [str(path) for path in files.values()],
    }


def _configuration(identity: str, serial: str, revision: str, board: str, csms: str, password_file: Path) -> str:
    station = {"identity": identity, "serial": serial, "revision": revision, "board": board}
    directories = {"state_dir": "/var/lib/pilotline", "run_dir": "/run/pilotline"}
    link = {"url": csms, "password_file": str(password_file.absolute())}
    sections = (("station", {**station, **directories}), ("csms", link))
    # A JSON string without escapes beyond \\uXXXX is a TOML basic string.
    return "\n".join(
        "\n".join([f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in values.items() if value), ""])
        for name, values in sections
    )


def _check(text: str, password: str) -> None:
    """Judge it as a start would, somewhere else. Raises ConfigError."""
    with tempfile.TemporaryDirectory(prefix="pilotline-provision-") as directory:
        secret, path = Path(directory, "password"), Path(directory, "pilotline.toml")
        secret.write_text(f"{password}\n")
        lines = [
            f"password_file = {json.dumps(str(secret))}" if line.startswith("password_file") else line
            for line in text.splitlines()
        ]
        path.write_text("\n".join(lines))
        load_station(path)
