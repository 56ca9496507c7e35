"""The end of the line: files that a start accepts, written once, each station with a password of its own."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from controller.config import load_station
from controller.provision import unseen_notes

pytestmark = pytest.mark.wire

VALUES = {"--identity": "CP-7", "--serial": "0007", "--revision": "C", "--csms": "wss://csms.example/ocpp"}


def provision(out: Path, board: str = "reference", **changes: str) -> subprocess.CompletedProcess[str]:
    values = {**VALUES, **{f"--{key}": value for key, value in changes.items()}}
    words = [word for pair in values.items() for word in pair]
    line = [sys.executable, "-P", "-m", "controller", "board", "provision", board, "--out", str(out), *words]
    return subprocess.run(line, capture_output=True, text=True, check=False)


def test_a_station_gets_files_that_a_start_accepts(tmp_path: Path) -> None:
    result = provision(tmp_path)
    assert result.returncode == 0, result.stderr
    told = json.loads(result.stdout)
    station = load_station(tmp_path / "pilotline.toml")
    assert (station.identity, station.serial, station.revision, station.board) == ("CP-7", "0007", "C", "reference")
    assert station.csms_url == "wss://csms.example/ocpp"
    assert (tmp_path / "password").read_text() == f"{told['password']}\n" and len(told["password"]) == 32
    names = {"pilotline.toml", "password", "client.key", "client.csr"}
    assert {path.name for path in tmp_path.iterdir()} == names == {Path(path).name for path in told["files"]}
    for name in names:
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) & 0o007 == 0
    assert "password" not in (tmp_path / "pilotline.toml").read_text().replace("password_file", "").replace(
        "/password", ""
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a file to another group")
def test_the_services_group_can_read_what_root_wrote(tmp_path: Path) -> None:
    os.chown(tmp_path, 0, 4711)
    assert provision(tmp_path).returncode == 0
    assert {(path.stat().st_gid, path.stat().st_mode & 0o777) for path in tmp_path.iterdir()} == {(4711, 0o640)}


def test_its_certificate_is_asked_for_with_its_serial_number_and_its_own_key(tmp_path: Path) -> None:
    told = json.loads(provision(tmp_path, organization="Operator & Söhne").stdout)
    assert told["csr"] == (tmp_path / "client.csr").read_text() and "PRIVATE" not in json.dumps(told)

    request = x509.load_pem_x509_csr(told["csr"].encode())
    key = serialization.load_pem_private_key((tmp_path / "client.key").read_bytes(), None)
    assert request.subject.rfc4514_string() == "O=Operator & Söhne,CN=0007" and request.is_signature_valid
    assert isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name == "secp256r1"
    assert request.public_key() == key.public_key()
    assert request.extensions.get_extension_for_class(x509.KeyUsage).value.digital_signature
    variables = load_station(tmp_path / "pilotline.toml").ocpp_variables
    assert variables["SecurityCtrlr.OrganizationName"] == "Operator & Söhne"


@pytest.mark.parametrize(
    ("out", "board", "noted"),
    [
        ("/etc/pilotline", "reference", []),
        ("/etc/pilotline", "/etc/pilotline/own.toml", []),
        ("/etc/pilotline", "/home/anna/own.toml", ["board /home/anna/own.toml: is below /home"]),
        ("/root/line", "/tmp/own.toml", ["board /tmp/own.toml: is below /tmp", "--out /root/line: is below /root"]),
    ],
)
def test_what_the_units_do_not_see_is_told(out: str, board: str, noted: list[str]) -> None:
    rule = ", which the systemd units do not see: put it below /etc/pilotline"
    assert unseen_notes(Path(out), board) == [each + rule for each in noted]


def test_a_note_is_no_part_of_what_a_production_line_reads(tmp_path: Path) -> None:
    result = provision(tmp_path)
    is_hidden = tmp_path.is_relative_to("/tmp")
    assert json.loads(result.stdout)["identity"] == "CP-7" and result.stderr.count("\n") == is_hidden


def test_it_is_written_once_and_no_two_have_one_password(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first, second = (json.loads(provision(tmp_path / name).stdout) for name in "ab")
    assert first["password"] != second["password"]
    again = provision(tmp_path / "a", identity="CP-8")
    assert again.returncode == 6 and "this station was provisioned" in again.stderr
    assert load_station(tmp_path / "a" / "pilotline.toml").identity == "CP-7"


@pytest.mark.parametrize(
    ("changes", "code", "says"),
    [
        ({"identity": "a:b"}, 3, "must be printable and have no colon"),
        ({"identity": 'x"y\n[csms]'}, 3, "must be printable"),
        ({"serial": "x" * 26}, 3, "serial"),
        ({"csms": "http://x/"}, 3, "must look like ws://host"),
        ({"organization": "x" * 65}, 3, "--organization"),
        ({"board": "nope"}, 3, "unknown board 'nope'"),
    ],
)
def test_a_wrong_value_is_told_and_nothing_is_written(
    tmp_path: Path, changes: dict[str, str], code: int, says: str
) -> None:
    result = provision(tmp_path, **changes)
    assert result.returncode == code and says in result.stderr and "Traceback" not in result.stderr
    assert "/tmp/pilotline-provision" not in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_directory_that_is_not_there_is_named(tmp_path: Path) -> None:
    result = provision(tmp_path / "none")
    assert result.returncode == 2 and f"--out {tmp_path}/none: there is no such directory" in result.stderr
