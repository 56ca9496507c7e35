"""The station's file: values, defaults, and every kind of mistake in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.config import ConfigError, default_path, load_station
from controller.config.station import explain_station


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "pilotline.toml"
    path.write_text(text)
    return path


def mistakes_of(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_station(written(tmp_path, text))
    return [line.replace(str(tmp_path) + "/", "") for line in caught.value.mistakes]


def test_without_a_file_the_mock_board_runs_in_the_users_own_directories(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    config = load_station(None)
    assert config.board == "mock"
    assert config.state_dir == tmp_path / "state" / "pilotline" / "PILOTLINE-1"
    assert config.run_dir == tmp_path / "pilotline" / "PILOTLINE-1"
    assert config.api_socket == config.run_dir / "api.sock"
    assert config.csms_url.startswith("ws://127.0.0.1:")
    assert config.protocols == ("ocpp2.0.1", "ocpp1.6")


def test_two_identities_without_directories_do_not_share_any(tmp_path: Path) -> None:
    one = load_station(written(tmp_path, '[station]\nidentity = "A"\n'))
    two = load_station(written(tmp_path, '[station]\nidentity = "B"\n'))
    assert one.state_dir != two.state_dir and one.run_dir != two.run_dir


def test_relative_paths_start_at_the_files_directory(tmp_path: Path) -> None:
    text = '[station]\nstate_dir = "s"\nrun_dir = "../r"\nboard = "b.toml"\n[sockets]\napi = "a.sock"\n'
    config = load_station(written(tmp_path, text))
    assert config.state_dir == tmp_path / "s"
    assert config.run_dir == tmp_path.parent / "r"
    assert config.board == str(tmp_path / "b.toml")
    assert config.api_socket == tmp_path / "a.sock"
    assert config.safety_socket == tmp_path.parent / "r" / "safety.sock"


def test_ocpp_values_are_given_on_as_text(tmp_path: Path) -> None:
    text = """
[ocpp.variables]
"TxCtrlr.TxStopPoint" = "EVConnected,Authorized"
TxCtrlr.EVConnectionTimeOut = 30
AuthCtrlr.LocalAuthorizeOffline = true
"EVSE@1.Power" = 22080.5
"OCPPCommCtrlr.MessageTimeout[Default]" = 20
[ocpp.keys]
HeartbeatInterval = 60
AllowOfflineTxForUnknownId = false
"""
    config = load_station(written(tmp_path, text))
    assert config.ocpp_variables == {
        "TxCtrlr.TxStopPoint": "EVConnected,Authorized",
        "TxCtrlr.EVConnectionTimeOut": "30",
        "AuthCtrlr.LocalAuthorizeOffline": "true",
        "EVSE@1.Power": "22080.5",
        "OCPPCommCtrlr.MessageTimeout[Default]": "20",
    }
    assert config.ocpp_keys == {"HeartbeatInterval": "60", "AllowOfflineTxForUnknownId": "false"}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[statoin]\n", "pilotline.toml: unknown section 'statoin' - did you mean 'station'?"),
        (
            "[ocpp]\nvariables = 5\n",
            "pilotline.toml [ocpp] variables = 5: must be a section: write it as [ocpp.variables]",
        ),
        ("station = 3\n", "pilotline.toml station = 3: must be a section: write it as [station]"),
        ('[station]\nidentiy = "x"\n', "pilotline.toml [station]: unknown key 'identiy' - did you mean 'identity'?"),
        (
            '[station]\nidentity = "a:b"\n',
            'pilotline.toml [station]: identity = "a:b": must be printable and have no colon',
        ),
        ('[station]\nidentity = ""\n', 'pilotline.toml [station] identity = "": must be 1 to 48 characters'),
        (
            '[station]\nboard = "mokc"\n',
            "pilotline.toml [station] board = \"mokc\": unknown board 'mokc' - did you mean 'mock'?; a file of your own is "
            "given as a path ending in .toml",
        ),
        ("[station]\nsite_max_a = -1\n", "pilotline.toml [station] site_max_a = -1: must be 0 to 1000 A"),
        (
            '[csms]\nurl = "http://x"\n',
            'pilotline.toml [csms]: url = "http://x": must look like ws://host:port/path or wss://host/path',
        ),
        (
            '[csms]\nurl = "ws://host:99999/"\n',
            'pilotline.toml [csms]: url = "ws://host:99999/": a port is 1 to 65535',
        ),
        (
            '[csms]\nurl = "ws://u:p@host/"\n',
            'pilotline.toml [csms]: url = "ws://u:p@host/": must look like ws://host:port/path or wss://host/path',
        ),
        (
            f'[csms]\npassword = "{"x" * 65}"\n',
            'pilotline.toml [csms] password = "********": must be at most 64 characters',
        ),
        (
            '[ocpp.variables]\n"SecurityCtrlr.BasicAuthPassword" = ["hunter2"]\n',
            'pilotline.toml [ocpp.variables] SecurityCtrlr.BasicAuthPassword = "********": must be a text, a number, true or '
            'false; a list is one text: "A,B"',
        ),
        (
            '[csms]\npassword = "short"\n',
            "pilotline.toml [csms]: password: must be 16 to 64 characters (A00.FR.205), it has 5",
        ),
        (
            '[csms]\nprotocols = ["ocpp1.5"]\n',
            'pilotline.toml [csms] protocols = "ocpp1.5": must be one of "ocpp2.0.1", "ocpp1.6"',
        ),
        (
            "[csms]\nprotocols = []\n",
            "pilotline.toml [csms]: protocols = []: must name each version once, and at least one",
        ),
        (
            '[csms]\nproxy = "host"\n',
            'pilotline.toml [csms]: proxy = "host": must look like http://host:port or socks5://host:port',
        ),
        ("[ocpp.variable]\n", "pilotline.toml [ocpp]: unknown key 'variable' - did you mean 'variables'?"),
        (
            '[ocpp.variables]\n"TxStopPoint" = "x"\n',
            "pilotline.toml [ocpp.variables]: 'TxStopPoint': must look like \"Component.Variable\", "
            '"Component.Variable[instance]" or "EVSE@1.Variable"',
        ),
        (
            "[ocpp.keys]\nA = [1]\n",
            'pilotline.toml [ocpp.keys] A = [1]: must be a text, a number, true or false; a list is one text: "A,B"',
        ),
    ],
)
def test_a_mistake_is_told_in_one_line(tmp_path: Path, text: str, line: str) -> None:
    assert mistakes_of(tmp_path, text) == [line]


def test_mistakes_of_several_sections_are_told_together(tmp_path: Path) -> None:
    lines = mistakes_of(tmp_path, '[station]\nboard = 1\n[csms]\nurl = "x"\n[sockets]\napi = 2\n[more]\n')
    assert len(lines) == 4


def test_a_run_directory_too_deep_for_sockets_is_refused_with_the_limit(tmp_path: Path) -> None:
    deep = "/tmp/" + "d" * 100
    lines = mistakes_of(tmp_path, f'[station]\nrun_dir = "{deep}"\n')
    assert len(lines) == 3
    assert lines[0].endswith("Linux allows 107 bytes for a socket's path and this has 114; choose a shorter run_dir")


def test_password_file_gives_the_password_and_its_faults_are_named(tmp_path: Path) -> None:
    (tmp_path / "pw").write_text("0123456789abcdef\n")
    config = load_station(written(tmp_path, '[csms]\npassword_file = "pw"\n'))
    assert config.csms_password == "0123456789abcdef"
    [line] = mistakes_of(tmp_path, '[csms]\npassword_file = "gone"\n')
    assert line.endswith("cannot be read: no such file or directory")
    (tmp_path / "pw").write_text("short")
    [line] = mistakes_of(tmp_path, '[csms]\npassword_file = "pw"\n')
    assert "must be 16 to 64 characters" in line


def test_explain_names_the_source_of_each_value_and_hides_secrets(tmp_path: Path) -> None:
    text = '[csms]\npassword = "0123456789abcdef"\n[ocpp.variables]\n"SecurityCtrlr.BasicAuthPassword" = "sesame-sesame-sesame"\n'
    path = written(tmp_path, text)
    rows = {(row.section, row.key): row for row in explain_station(path)[1]}
    assert rows["csms", "password"].value == "********"
    assert rows["csms", "password"].source == str(path)
    assert rows["station", "identity"].source == "default"
    assert rows["ocpp.variables", "SecurityCtrlr.BasicAuthPassword"].value == "********"


def test_default_path_is_the_one_named_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PILOTLINE_CONFIG", "/x/y.toml")
    assert default_path() == Path("/x/y.toml")


def test_a_byte_order_mark_and_foreign_line_ends_are_taken(tmp_path: Path) -> None:
    path = tmp_path / "pilotline.toml"
    path.write_bytes(b'\xef\xbb\xbf[station]\r\nidentity = "CP-7"\r\n')
    assert load_station(path).identity == "CP-7"
