"""The command line as a user meets it: help, exit codes, one-line messages, nothing heavy loaded for little."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from controller.cli.main import COMMANDS, main
from controller.exits import ExitCode
from tests.drivers.driver_rig import install_entry_points

pytestmark = pytest.mark.wire

Pilotline = Callable[..., subprocess.CompletedProcess[str]]


def test_without_arguments_it_teaches(pilotline: Pilotline) -> None:
    result = pilotline()
    assert result.returncode == 0
    assert "pilotline demo" in result.stdout and "Exit codes:" in result.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_every_command_fits_80_columns_and_ends_well(pilotline: Pilotline, name: str) -> None:
    result = pilotline(name, "--help")
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith(f"usage: pilotline {name}")
    assert max(map(len, result.stdout.splitlines())) <= 80


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["records", "list"],
        ["records", "verify"],
        ["csms", "send"],
        ["csms", "show"],
        ["config", "check"],
        ["config", "show"],
    ],
    ids=" ".join,
)
def test_every_other_help_fits_80_columns(pilotline: Pilotline, words: list[str]) -> None:
    result = pilotline(*words, "--help")
    assert result.returncode == 0
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_help_and_status_load_no_heavy_library() -> None:
    for arguments in (["--help"], ["status"]):
        code = f"import sys, controller.cli.main as m; m.main({arguments}); print('\\n'.join(sys.modules))"
        result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        heavy = {"websockets", "msgspec", "pymodbus", "ocpp", "gpiod", "asyncio", "sqlite3", "serial"}
        assert heavy.isdisjoint(result.stdout.split())


@pytest.mark.parametrize(
    "arguments",
    [
        ["nope"],
        ["run", "--nope"],
        ["run", "--only", "nobody"],
        ["config"],
        ["demo", "--ocpp", "3"],
        ["bench"],
        ["bench", "dance"],
        ["watch", "--kind", "frames"],
        ["clear"],
        ["clear", "one"],
        ["csms", "show", "weather"],
    ],
)
def test_wrong_usage_ends_with_2_and_a_usage_line(pilotline: Pilotline, arguments: list[str]) -> None:
    result = pilotline(*arguments)
    assert result.returncode == 2
    assert result.stderr.startswith("usage: pilotline")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--ready-fd", "77"], "--ready-fd 77: there is no such file descriptor"),
        (["--ready-fd", "-1"], "--ready-fd -1: there is no such file descriptor"),
        (["--ready-fd", "9" * 30], f"--ready-fd {'9' * 30}: there is no such file descriptor"),
        (["--ready-fd", "READ"], "--ready-fd READ: this file descriptor cannot be written to"),
        (["--only", "safety", "--parent-fd", "77"], "--parent-fd 77: there is no such file descriptor"),
        (["--parent-fd", "WRITE"], "--parent-fd WRITE: this file descriptor cannot be read"),
    ],
    ids=lambda value: " ".join(value)[:30] if isinstance(value, list) else "",
)
def test_a_file_descriptor_that_cannot_be_used_is_wrong_usage(
    capsys: pytest.CaptureFixture[str], words: list[str], says: str
) -> None:
    read, write = os.pipe()
    numbers = {"READ": str(read), "WRITE": str(write)}
    try:
        assert main(["run", *(numbers.get(word, word) for word in words)]) == ExitCode.USAGE
    finally:
        os.close(read)
        os.close(write)
    expected = says.replace("READ", str(read)).replace("WRITE", str(write))
    assert capsys.readouterr().err == f"pilotline: {expected}\n"


@pytest.mark.parametrize(
    "arguments",
    [["status"], ["why"], ["watch"], ["clear", "1"], ["faults"], ["contactor"], ["bench", "state"], ["card", "watch"]],
)
def test_without_a_station_it_says_how_to_start_that_one(
    pilotline: Pilotline, tmp_path: Path, arguments: list[str]
) -> None:
    result = pilotline(*arguments)
    assert result.returncode == 4
    [line] = result.stderr.splitlines()
    assert "is not running" in line and line.endswith("start it with: pilotline run")
    (tmp_path / "p.toml").touch()
    named = pilotline(*arguments, "--config", "p.toml")
    assert named.stderr.endswith("start it with: pilotline run --config p.toml\n")


@pytest.mark.parametrize("words", [["send", "start"], ["show", "stations"]], ids=" ".join)
def test_without_a_csms_it_ends_with_4(pilotline: Pilotline, words: list[str]) -> None:
    result = pilotline("csms", *words, "--port", "1")
    assert result.returncode == 4
    assert "start one with `pilotline csms --port 1`" in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [["run"], ["status"], ["config", "check"], ["config", "show"], ["safe-outputs"], ["run", "--only", "safety"]],
)
def test_a_missing_file_ends_with_3_and_names_it(pilotline: Pilotline, arguments: list[str]) -> None:
    result = pilotline(*arguments, "--config", "gone.toml")
    assert result.returncode == 3
    assert result.stderr.count("\n") == 1
    assert "gone.toml: cannot be read: no such file or directory" in result.stderr


def test_config_check_tells_all_mistakes_of_all_files(pilotline: Pilotline, tmp_path: Path) -> None:
    (tmp_path / "p.toml").write_text(
        '[ocpp.variables]\n"TxCtrlr.TxStopPoin" = "EVConnected"\n"OCPPCommCtrlr.RetryBackOffRepeatTimes" = "many"\n[ocpp.keys]\nHeartbeatIntervall = 60\n'
    )
    result = pilotline("config", "check", "--config", "p.toml")
    assert result.returncode == 3
    assert [line.split(":")[0] for line in result.stderr.splitlines()] == ["pilotline"] * 3
    assert '"TxCtrlr.TxStopPoin": there is no such variable' in result.stderr
    assert "HeartbeatIntervall" in result.stderr
    as_json = pilotline("config", "check", "--config", "p.toml", "--json")
    assert as_json.returncode == 3
    assert len(json.loads(as_json.stdout)["mistakes"]) == 3
    assert "p.toml [ocpp.variables] " in result.stderr and "p.toml [ocpp.keys] " in result.stderr


def test_config_check_reads_on_after_the_first_file_with_a_mistake(pilotline: Pilotline, tmp_path: Path) -> None:
    (tmp_path / "b.toml").write_text('[board]\nname = "x"\n')
    board = f"pilotline: {tmp_path}/b.toml: a board needs at least one [[evse]]\n"
    station = tmp_path / "p.toml"
    station.write_text('[station]\nidentitiy = "x"\nboard = "b.toml"\n')
    result = pilotline("config", "check", "--config", "p.toml")
    assert result.stderr == "pilotline: p.toml [station]: unknown key 'identitiy' - did you mean 'identity'?\n" + board
    station.write_text('[station]\nboard = "b.toml"\n[ocpp.variables]\n"EVSE@1.Nope" = 1\n[ocpp.keys]\nNope = 1\n')
    result = pilotline("config", "check", "--config", "p.toml")
    assert result.returncode == 3
    assert result.stderr == board + 'pilotline: p.toml [ocpp.keys] "Nope": OCPP 1.6 has no such key here\n'


def test_config_check_of_a_good_file_says_ok_and_what_next(pilotline: Pilotline, tmp_path: Path) -> None:
    (tmp_path / "p.toml").write_text('[station]\nidentity = "CP-7"\nboard = "reference"\n')
    result = pilotline("config", "check", "--config", "p.toml")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("OK: p.toml: CP-7 on board reference (1 EVSE)")


def test_config_show_names_the_source_and_hides_the_password(pilotline: Pilotline, tmp_path: Path) -> None:
    (tmp_path / "p.toml").write_text('[csms]\npassword = "0123456789abcdef"\n')
    result = pilotline("config", "show", "--config", "p.toml")
    assert result.returncode == 0
    assert "0123456789abcdef" not in result.stdout and "********" in result.stdout
    rows = {row["key"]: row for row in json.loads(pilotline("config", "show", "--config", "p.toml", "--json").stdout)}
    assert rows["password"]["source"] == "p.toml"
    assert rows["identity"] == {**rows["identity"], "value": "PILOTLINE-1", "source": "default"}


def test_the_environment_names_the_file_when_no_option_does(pilotline: Pilotline, tmp_path: Path) -> None:
    (tmp_path / "p.toml").write_text('[station]\nidentity = "CP-8"\n')
    assert "CP-8" in pilotline("config", "check", PILOTLINE_CONFIG="p.toml").stdout


class FakeBench:
    """Answers one request with what it got, or with an error."""

    def __init__(self, path: Path, answer: dict[str, object]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.got: dict[str, object] = {}
        self._answer = answer
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(path))
        self._listening.listen()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        connection, _ = self._listening.accept()
        with connection, connection.makefile("rb") as lines:
            self.got = json.loads(lines.readline())
            connection.sendall(json.dumps(self._answer).encode() + b"\n")

    def close(self) -> None:
        self._thread.join(5)
        self._listening.close()


@pytest.mark.parametrize(
    ("words", "request_"),
    [
        (
            ["plug_in", "evse=1", "ev.capacity_kwh=40", "ev.no_s2=true"],
            {"evse": 1, "ev": {"capacity_kwh": 40, "no_s2": True}},
        ),
        (["swipe", "token=12345678"], {"token": "12345678"}),
        (["swipe", "token=1E10", "reader=line"], {"token": "1E10", "reader": "line"}),
        (["ev", "evse=2", "pilot=C", "draw_a=16.5"], {"evse": 2, "pilot": "C", "draw_a": 16.5}),
        (["network", "up=false"], {"up": False}),
    ],
)
def test_bench_sends_what_was_typed(
    pilotline: Pilotline, tmp_path: Path, words: list[str], request_: dict[str, object]
) -> None:
    bench = FakeBench(tmp_path / "pilotline" / "PILOTLINE-1" / "bench.sock", {"ok": True})
    result = pilotline("bench", *words)
    bench.close()
    assert (result.returncode, result.stdout) == (0, "done\n")
    assert bench.got == {"verb": words[0], **request_}


def test_bench_shows_the_refusal_in_one_line(pilotline: Pilotline, tmp_path: Path) -> None:
    bench = FakeBench(
        tmp_path / "pilotline" / "PILOTLINE-1" / "bench.sock", {"ok": False, "error": "evse: 9 is not there"}
    )
    result = pilotline("bench", "plug_in", "evse=9")
    bench.close()
    assert (result.returncode, result.stderr) == (1, "pilotline: bench plug_in: evse: 9 is not there\n")


@pytest.mark.parametrize(
    ("answer", "code", "out", "err"),
    [
        ({"ok": True, "reader": "pn532"}, 0, 'done: reader = "pn532"\n', ""),
        ({"ok": True, "evses": [1]}, 0, '{\n "evses": [\n  1\n ]\n}\n', ""),
        ({"ok": False, "error": "swipe: `token` is missing"}, 1, "", "pilotline: bench swipe: `token` is missing\n"),
        (
            {"ok": True, "forwarding": False},
            1,
            "",
            "nothing was cut: the way to the CSMS does not lead through the bench",
        ),
    ],
)
def test_bench_tells_the_answer_shortly(
    pilotline: Pilotline, tmp_path: Path, answer: dict[str, object], code: int, out: str, err: str
) -> None:
    bench = FakeBench(tmp_path / "pilotline" / "PILOTLINE-1" / "bench.sock", answer)
    result = pilotline("bench", "swipe")
    bench.close()
    assert (result.returncode, result.stdout) == (code, out)
    assert err in result.stderr


def test_the_help_names_all_that_the_bench_knows() -> None:
    from controller.cli import bench
    from hil.plant.ev_options import KEYS
    from hil.plant.faults import KINDS
    from hil.plant.verbs import VERBS

    assert set(bench.VERBS) == set(VERBS)
    words = set(bench._EPILOG.replace("=", " ").split())
    assert set(VERBS) | set(KINDS) | {f"ev.{key}" for key in KEYS} <= words | {"resume"}


PAST_FAULTS = [
    {"evse": 1, "id": "weld", "title": "Welded", "raised": "2026-01-05T06:00:00+00:00", "cleared": None},
    {"evse": None, "id": "reader_lost", "title": "No reader", "raised": "2026-01-04T06:00:00+00:00", "cleared": "x"},
]
USED = {"evse": 1, "rated_cycles": 2000, "under_load_opens": 3, "rated_under_load_opens": 50, "worn": False}


class FakeStation:
    """Serves the control API with one EVSE whose faults go when cleared, but for those that are `stubborn`."""

    def __init__(self, path: Path, faults: list[str], stubborn: tuple[str, ...] = ()) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._faults, self._stubborn = faults, stubborn
        self._cycles = 1234
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(path))
        self._listening.listen()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            connection, _ = self._listening.accept()
            with connection, connection.makefile("rb") as lines:
                for line in lines:
                    connection.sendall(json.dumps(self._answer(json.loads(line))).encode() + b"\n")

    def _answer(self, request: dict[str, object]) -> dict[str, object]:
        if request["do"] == "status":
            return {"ok": True, "status": {"evses": [{"id": 1, "faults": self._faults}]}}
        if request["do"] == "faults":
            return {"ok": True, "faults": PAST_FAULTS, "contactors": [{**USED, "cycles": self._cycles}]}
        if request["do"] == "contactor_replaced":
            self._cycles = 0
            return {"ok": True}
        fault = str(request["fault"])
        if fault not in self._faults:
            return {"ok": False, "error": f"EVSE 1 has no fault '{fault}'; active: {', '.join(self._faults)}"}
        self._faults = [each for each in self._faults if each != fault or each in self._stubborn]
        return {"ok": True}


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["1"], 1, "EVSE 1: still there: weld; what to check: pilotline why"),
        (["1", "rcd_trip"], 0, "EVSE 1: cleared rcd_trip"),
        (["1", "nope"], 1, "EVSE 1 has no fault 'nope'; active: rcd_trip, weld"),
        (["2"], 2, "there is no EVSE 2; known: 1"),
        (["1", "weld", "--json"], 1, '{"ok": false, "cleared": [], "standing": ["weld"]}'),
    ],
)
def test_clear_acknowledges_and_says_what_stays(
    pilotline: Pilotline, tmp_path: Path, words: list[str], code: int, says: str
) -> None:
    FakeStation(tmp_path / "pilotline" / "PILOTLINE-1" / "api.sock", ["rcd_trip", "weld"], ("weld",))
    result = pilotline("clear", *words)
    assert result.returncode == code
    assert says in result.stdout + result.stderr


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["faults"], 0, "2026-01-05T06:00:00+00:00  EVSE 1    weld                  Welded (STANDS)"),
        (["faults"], 0, "station   reader_lost           No reader (until x)"),
        (["faults", "--evse", "1", "--json"], 0, json.dumps(PAST_FAULTS[:1])),
        (["faults", "--evse", "3"], 2, "there is no EVSE 3; known: 1"),
        (["faults", "--count", "0"], 2, "--count 0: must be at least 1"),
        (["contactor"], 0, "EVSE 1: 1234 closes of 2000 rated, 3 openings under load of 50"),
        (["contactor", "1", "--replaced"], 0, "EVSE 1: 0 closes of 2000"),
        (["contactor", "--replaced"], 2, "--replaced: name the EVSE"),
        (["contactor", "7"], 2, "there is no EVSE 7; known: 1"),
    ],
)
def test_faults_and_contactor_tell_what_was(
    pilotline: Pilotline, tmp_path: Path, words: list[str], code: int, says: str
) -> None:
    FakeStation(tmp_path / "pilotline" / "PILOTLINE-1" / "api.sock", [])
    result = pilotline(*words)
    assert result.returncode == code
    assert says in result.stdout + result.stderr and "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["drivers"], 0, "reader        ascii_line, "),
        (["drivers", "input"], 0, "input  gpio"),
        (["drivers", "input", "gpio"], 0, "pin (required, a GPIO line read)"),
        (["drivers", "contactor", "gpio"], 0, "phase_pin (may be absent, a GPIO line driven)"),
        (["drivers", "adc", "ads1115", "--json"], 0, '"key": "full_scale_v"'),
        (["drivers", "input", "nope"], 2, "no input driver of type 'nope'; known types: gpio"),
        (["drivers", "metre"], 2, "no driver family 'metre'"),
    ],
)
def test_drivers_tells_what_a_board_file_may_name(pilotline: Pilotline, words: list[str], code: int, says: str) -> None:
    result = pilotline(*words)
    assert result.returncode == code and says in result.stdout + result.stderr
    assert not result.stdout or max(map(len, result.stdout.splitlines())) <= 80 or "--json" in words


def test_drivers_tells_of_entry_points_that_are_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    install_entry_points(tmp_path, monkeypatch, {"inptu.typo": "a:A", "nodot": "a:A", "input.mine": "a:A"})
    assert main(["drivers", "input", "--json"]) == ExitCode.OK
    told = capsys.readouterr()
    assert json.loads(told.out) == {"input": ["gpio", "mine"]}
    first, second = told.err.splitlines()
    assert first.startswith("pilotline: entry point inptu.typo = a:A: ignored: no family 'inptu'")
    assert second.startswith("pilotline: entry point nodot = a:A: ignored: its name must be family.type")


@pytest.mark.parametrize("word", ["evse", "=1", "ev.=1", "a=1 a.b=2"])
def test_bench_with_words_that_are_no_pairs_says_how_to_write_them(pilotline: Pilotline, word: str) -> None:
    result = pilotline("bench", "plug_in", *word.split(" "))
    assert result.returncode == 2
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_knows_every_command(pilotline: Pilotline, shell: str) -> None:
    result = pilotline("completion", shell)
    assert result.returncode == 0, result.stderr
    assert all(name in result.stdout for name in COMMANDS)
    assert "ready-fd" in result.stdout and "parent-fd" not in result.stdout


def test_bash_completion_completes(pilotline: Pilotline, tmp_path: Path) -> None:
    (tmp_path / "c.bash").write_text(pilotline("completion", "bash").stdout)
    script = 'source c.bash; COMP_WORDS=(pilotline config sh); COMP_CWORD=2; _pilotline; echo "${COMPREPLY[@]}"'
    result = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert result.stdout == "show\n"


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("demo --ocpp", "1.6 2.0.1"),
        ("run --only", "bench safety station"),
        ("csms --port", ""),
        ("csms send lim", "limit"),
        ("bench plug", "plug_in"),
        ("watch --kind fr", "frame"),
    ],
)
def test_bash_completion_offers_values(pilotline: Pilotline, tmp_path: Path, typed: str, offered: str) -> None:
    (tmp_path / "c.bash").write_text(pilotline("completion", "bash").stdout)
    words = typed.split() if typed.split()[-1] in ("lim", "plug", "fr") else [*typed.split(), "''"]
    script = f"COMP_WORDS=(pilotline {' '.join(words)}); COMP_CWORD={len(words)}; _pilotline"
    script = f'source c.bash; {script}; echo "${{COMPREPLY[@]}}"'
    result = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert result.stdout == offered + "\n"


def test_config_in_json_is_whole_in_any_encoding(pilotline: Pilotline, tmp_path: Path) -> None:
    (tmp_path / "p.toml").write_text('[csms]\nurl = "→"\n', encoding="utf-8")
    result = pilotline("config", "check", "--config", "p.toml", "--json", PYTHONIOENCODING="ascii")
    assert "→" in json.loads(result.stdout)["mistakes"][0], result.stderr


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("config show | true", ""),
        ("config show >&-", ""),
        ("config show --json >&-", ""),
        ("config show >/dev/full", "pilotline: standard output: no space left on device\n"),
        ("config show --json >/dev/full", "pilotline: standard output: no space left on device\n"),
        ("--help >/dev/full", "pilotline: standard output: no space left on device\n"),
        ("bench --help >/dev/full", "pilotline: standard output: no space left on device\n"),
        ("--version >&-", ""),
    ],
)
def test_an_output_that_takes_nothing_more_ends_it_with_1(
    pilotline: Pilotline, tmp_path: Path, command: str, says: str
) -> None:
    # `| true` has ended by the time that Python has started, or at least reads nothing.
    script = f"set -o pipefail; {sys.executable} -P -m controller {command}"
    result = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (1, says)


@pytest.mark.parametrize("closed", ["2>&-", "2>/dev/full", "0<&- 1>&- 2>&-"])
def test_an_error_that_cannot_be_told_keeps_its_code(tmp_path: Path, closed: str) -> None:
    script = f"{sys.executable} -P -m controller status --config gone.toml {closed}"
    result = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (ExitCode.CONFIG, "")


ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


@pytest.mark.parametrize("environment", [ASCII, {"PYTHONIOENCODING": "latin-1"}], ids=["ascii", "latin-1"])
@pytest.mark.parametrize("name", ["bench", "csms"])
def test_what_the_terminal_cannot_show_is_replaced(
    pilotline: Pilotline, name: str, environment: dict[str, str]
) -> None:
    result = pilotline(name, "--help", **environment)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith(f"usage: pilotline {name}")


@pytest.mark.parametrize("module", ["controller.cli.main", "controller.cli.run", "controller.run"])
def test_ctrl_c_while_modules_are_loaded_ends_it_quietly(tmp_path: Path, module: str) -> None:
    code = f"""
import os, signal, sys
class Interrupting:
    def find_spec(name, path=None, target=None):
        if name == {module!r}:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupting)
sys.argv[1:] = ["run", "--config", "gone.toml"]
from controller.__main__ import main
sys.exit(main())
"""
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert (result.returncode, result.stderr) == (ExitCode.INTERRUPTED, "")
