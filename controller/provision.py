"""The end of a production line: one station's own configuration, its password and its TLS key, written once.

The key never leaves the station: what goes to the certificate authority is the request (`client.csr`). Subject and algorithms: A00.FR.501 to
512 of OCPP 2.0.1, and 1.6's security whitepaper, which say the same.
"""

from __future__ import annotations

import json
import os
import secrets
import string
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from controller.config import ConfigError, load_station
from controller.config.board import is_path
from controller.exits import CommandFailed, ExitCode

PASSWORD_CHARACTERS = 32  # 16 to 40 are asked for (A00.FR.205)
_ORGANIZATION = 64  # ub-organization-name of RFC 5280
_MODE = 0o640  # root's, read by the service's group
_UNSEEN = tuple(map(Path, ("/home", "/root", "/run/user", "/tmp", "/var/tmp")))  # ProtectHome, PrivateTmp of the units
_LETTERS = string.ascii_letters + string.digits


@dataclass(frozen=True, slots=True)
class Given:
    """What a production line gives one station. organization: the operator's, for the certificate; empty: not yet known."""

    identity: str
    serial: str
    revision: str
    board: str
    csms: str
    organization: str = ""


def provisioned(out: Path, given: Given) -> dict[str, Any]:
    """Write `pilotline.toml`, `password`, `client.key` and `client.csr` (0640) into `out` and return what was given to this station.

    Raises ConfigError for a value that a start would refuse, CommandFailed where a file is there already or cannot be written; then
    nothing was written.
    """
    if not out.is_dir():
        raise CommandFailed(f"--out {out}: there is no such directory", ExitCode.USAGE)
    files = {name: out / name for name in ("password", "client.key", "client.csr", "pilotline.toml")}
    for path in files.values():
        if path.exists():
            raise CommandFailed(
                f"{path} is there already: this station was provisioned; move it away first", ExitCode.BUSY
            )
    if len(given.organization) > _ORGANIZATION or not given.organization.isprintable():
        rule = f"must be printable and of at most {_ORGANIZATION} characters"
        raise CommandFailed(f"--organization {given.organization!r}: {rule}", ExitCode.CONFIG)
    password = "".join(secrets.choice(_LETTERS) for _ in range(PASSWORD_CHARACTERS))
    where = str(Path(given.board).absolute()) if is_path(given.board) else given.board
    text = _configuration(given, where, files["password"])
    _check(text, password, files["pilotline.toml"])
    key, request = _key_and_request(given)
    written: list[Path] = []
    try:  # the configuration last: without it there is no station
        for path, content in zip(files.values(), (f"{password}\n", key, request, text), strict=True):
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE), "w", encoding="utf-8") as file:
                written.append(path)
                if os.geteuid() == 0:  # the service reads by its group, which is the directory's
                    os.fchown(file.fileno(), -1, out.stat().st_gid)
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
    except OSError as error:
        for path in written:
            path.unlink(missing_ok=True)
        raise CommandFailed(f"{path}: {(error.strerror or str(error)).lower()}", ExitCode.DEVICE) from error
    return {
        "identity": given.identity,
        "serial": given.serial,
        "revision": given.revision,
        "board": where,
        "csms": given.csms,
        "password": password,
        "csr": request,
        "files": [str(path) for path in files.values()],
    }


def unseen_notes(out: Path, board: str) -> list[str]:
    """Return a line for each of what `provisioned` names in the configuration that the systemd units do not see."""
    named = [("board", Path(board))] if is_path(board) else []
    return [
        f"{what} {path}: is below {hidden}, which the systemd units do not see: put it below /etc/pilotline"
        for what, path in (*named, ("--out", out))
        for hidden in _UNSEEN
        if path.resolve().is_relative_to(hidden)
    ]


def _key_and_request(given: Given) -> tuple[str, str]:
    """Return a new private key and the request for its certificate, PEM."""
    from cryptography import x509  # only a production line needs it
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    names = [(x509.NameOID.COMMON_NAME, given.serial), (x509.NameOID.ORGANIZATION_NAME, given.organization)]
    subject = x509.Name([x509.NameAttribute(oid, value) for oid, value in names if value])
    usage = x509.KeyUsage(
        digital_signature=True, key_agreement=True,
        content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_cert_sign=False, crl_sign=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject).add_extension(usage, critical=True)
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return private.decode(), builder.sign(key, hashes.SHA256()).public_bytes(pem).decode()


def _configuration(given: Given, board: str, password_file: Path) -> str:
    station = {"identity": given.identity, "serial": given.serial, "revision": given.revision, "board": board}
    directories = {"state_dir": "/var/lib/pilotline", "run_dir": "/run/pilotline"}
    link = {"url": given.csms, "password_file": str(password_file.absolute())}
    variables = {"SecurityCtrlr.OrganizationName": given.organization}
    sections = (("station", {**station, **directories}), ("csms", link), ("ocpp.variables", variables))
    # A JSON string without escapes beyond \\uXXXX is a TOML basic string.
    return "\n".join(
        "\n".join(
            [
                f"[{name}]",
                *(
                    f"{json.dumps(key) if '.' in key else key} = {json.dumps(value)}"
                    for key, value in values.items()
                    if value
                ),
                "",
            ]
        )
        for name, values in sections
    )


def _check(text: str, password: str, called: Path) -> None:
    """Judge it as a start would, somewhere else, but under its own name. Raises ConfigError."""
    with tempfile.TemporaryDirectory(prefix="pilotline-provision-") as directory:
        secret, path = Path(directory, "password"), Path(directory, "pilotline.toml")
        secret.write_text(f"{password}\n")
        lines = [
            f"password_file = {json.dumps(str(secret))}" if line.startswith("password_file") else line
            for line in text.splitlines()
        ]
        path.write_text("\n".join(lines))
        try:
            load_station(path)
        except ConfigError as error:
            raise ConfigError(line.replace(str(path), str(called)) for line in error.mistakes) from error
