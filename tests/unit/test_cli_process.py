"""The life of daemon and gateway through the command itself: real processes, real sockets, exit codes."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil
import pytest

from conduit_tui.control.token import load_or_create
from conduit_tui.paths import StateDir
from tests.commands import Conduit
from tests.waiting import SOON_SECONDS


def state_of(conduit: Conduit) -> dict[str, object]:
    state = json.loads(conduit("status", "--json").stdout)
    assert isinstance(state, dict)
    return state


def is_gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE  # whoever inherited it has not looked yet
    except psutil.NoSuchProcess:
        return True


def get(url: str) -> int:
    with urllib.request.urlopen(url, timeout=40) as answer:
        return int(answer.status)


def test_up_status_restart_and_down(conduit: Conduit, tmp_path: Path) -> None:
    up = conduit("up", "--port", "0", "--json")
    assert up.returncode == 0, up.stderr
    state = json.loads(up.stdout)
    assert list(state)[:4] == ["url", "daemon_pid", "gateway_pid", "state"]
    assert state["state"] == "READY"
    assert get(f"{state['url']}/health") == 200

    again = conduit("up", "--port", "0")
    assert (again.returncode, again.stdout) == (0, f"{state['url']}\n")
    assert state_of(conduit)["gateway_pid"] == state["gateway_pid"]

    restarted = conduit("restart", "--json")
    assert restarted.returncode == 0, restarted.stderr
    after = json.loads(restarted.stdout)
    assert (after["state"], after["url"], after["daemon_pid"]) == ("READY", state["url"], state["daemon_pid"])
    assert after["gateway_pid"] != state["gateway_pid"]
    assert after["generation"] > state["generation"]

    assert conduit("env", "--for", "anthropic").stdout == f"export ANTHROPIC_BASE_URL={state['url']}\n"
    logs = conduit("logs", "-n", "200")
    assert "READY: serving at" in logs.stdout
    assert all(json.loads(line)["event"] for line in conduit("logs", "--json").stdout.splitlines())

    down = conduit("down")
    assert (down.returncode, down.stdout) == (0, "")
    assert state_of(conduit)["state"] == "STOPPED"
    for pid in (state["daemon_pid"], after["gateway_pid"]):
        assert is_gone(pid)
    assert conduit("down").stderr == "no daemon is running\n"


def test_restart_of_the_daemon_keeps_its_address_and_its_words(conduit: Conduit) -> None:
    before = json.loads(conduit("up", "--port", "0", "--json", "--allow-host", "gateway.test").stdout)
    done = conduit("restart", "--daemon", "--json")
    assert done.returncode == 0, done.stderr
    after = json.loads(done.stdout)
    assert (after["url"], after["state"]) == (before["url"], "READY")
    assert after["daemon_pid"] == before["daemon_pid"]
    assert after["daemon_started"] > before["daemon_started"]
    assert after["gateway_pid"] != before["gateway_pid"]
    request = urllib.request.Request(f"{after['url']}/", headers={"Host": "gateway.test"})
    with urllib.request.urlopen(request, timeout=40) as answer:
        assert answer.status == 200


def test_a_daemon_in_the_foreground_talks_on_stderr_and_ends_at_a_signal(conduit: Conduit, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "conduit_tui", "up", "--foreground", "--port", "0", "--state-dir", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as daemon:
        assert daemon.stderr is not None
        assert any("READY" in line for line in iter(daemon.stderr.readline, ""))
        assert conduit("up").returncode == 0
        daemon.send_signal(signal.SIGTERM)
        rest = daemon.stderr.read()
        assert daemon.wait(60) == 0
        assert "STOPPED" in rest
        assert daemon.stdout is not None
        assert daemon.stdout.read() == ""


def test_a_taken_port_is_bad_configuration_and_its_owner_is_named(conduit: Conduit) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        port = other.getsockname()[1]
        done = conduit("up", "--port", str(port))
    assert (done.returncode, done.stdout) == (78, "")
    assert f"port {port} is taken by PID {os.getpid()}" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_beyond_loopback_takes_tls_or_a_word_that_it_is_wanted(conduit: Conduit) -> None:
    done = conduit("up", "--listen", "0.0.0.0", "--port", "0")
    assert done.returncode == 78
    assert "--insecure-listen" in done.stderr
    done = conduit("up", "--listen", "0.0.0.0", "--port", "0", "--insecure-listen")
    assert done.returncode == 0, done.stderr
    url, token = done.stdout.strip(), conduit("token", "show").stdout.strip()
    assert url.startswith("http://127.0.0.1:")
    exported = json.loads(conduit("env", "--for", "claude", "--json").stdout)["env"]
    assert exported["ANTHROPIC_BASE_URL"] == url
    assert exported["ANTHROPIC_CUSTOM_HEADERS"] == f"x-conduit-token: {token}"
    with pytest.raises(urllib.error.HTTPError, match="401"):
        get(f"{url}/v1/models")


def test_changes_work_with_the_gateway_up_and_down_alike(conduit: Conduit, tmp_path: Path) -> None:
    def list_names() -> list[str]:
        return [item["name"] for item in json.loads(conduit("providers", "list", "--json").stdout)]

    add = ("--base-url", "http://127.0.0.1:9", "--dialect", "openai", "--no-key", "--models", "a*, b-?")
    down = conduit("providers", "add", "first", *add)
    assert (down.returncode, down.stdout) == (0, ""), down.stderr
    assert conduit("up", "--port", "0").returncode == 0
    up = conduit("providers", "add", "second", *add)
    assert (up.returncode, up.stderr) == (0, down.stderr.replace("first", "second"))
    assert list_names() == ["first", "second", "anthropic", "openai"]

    edited = conduit("providers", "edit", "second", "--key-env", "SECOND_KEY", "--default")
    assert edited.returncode == 0, edited.stderr
    second = json.loads(conduit("providers", "list", "--json").stdout)[1]
    assert second["key"] == {"kind": "env", "reference": "SECOND_KEY"}
    assert (second["default"], second["models"]) == (True, ["a*", "b-?"])
    assert second["dialects"] == ["openai-chat", "openai-responses"]

    assert conduit("projects", "add", "api").returncode == 0
    assert conduit("providers", "rm", "first").returncode == 0
    old = load_or_create(StateDir(tmp_path))
    rotated = conduit("token", "rotate")
    assert rotated.stdout.startswith("conduit-")
    assert rotated.stdout.strip() != old

    assert conduit("down").returncode == 0
    assert conduit("providers", "rm", "second").returncode == 0
    assert list_names() == ["anthropic", "openai"]
    assert conduit("token", "show").stdout == rotated.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["providers", "add", "x", "--base-url", "ftp://h", "--dialect", "openai"], "http(s)://"),
        (["providers", "add", "UPPER", "--base-url", "http://h", "--dialect", "openai"], "'upper' would do"),
        (["providers", "add", "anthropic", "--base-url", "http://h", "--dialect", "openai"], "built in"),
        (["providers", "add", "x", "--base-url", "http://h", "--dialect", "openia"], "openai"),
        (
            ["providers", "add", "x", "--base-url", "http://h", "--dialect", "openai", "--no-key", "--key-env", "A"],
            "exclude",
        ),
        (["providers", "add", "x", "--base-url", "http://h", "--dialect", "openai", "--key-file", "/nope"], "/nope"),
        (["providers", "edit", "anthropic"], "nothing to change"),
        (["providers", "edit", "nobody", "--no-key"], "no provider 'nobody'"),
        (["providers", "rm", "anthropic"], "built in"),
        (["projects", "add", "Not A Name"], "not a name"),
        (["projects", "add", "default"], "already"),
        (["usage", "--by", "colour"], "colour"),
        (["usage", "--since", "soon"], "neither a span"),
        (["usage", "--csv", "--json"], "exclude"),
        (["up", "--port", "70000"], "70000"),
        (["up", "--foreground", "--json"], "--json"),
        (["restart", "--port", "5"], "--daemon"),
        (["nonsense"], "nonsense"),
        (["--profile", "fancy", "status"], "fancy"),
        ([], "needs a terminal"),
    ],
)
def test_bad_input_is_exit_code_2_with_the_reason_on_stderr(conduit: Conduit, arguments: list[str], words: str) -> None:
    done = conduit(*arguments)
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_state_directory_that_cannot_be_used_is_bad_configuration(conduit: Conduit, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for verb in (["token", "show"], ["projects", "add", "x"]):
        done = conduit(*verb, "--state-dir", str(tmp_path / "file"))
        assert (done.returncode, done.stdout) == (78, "")
        assert "choose another with --state-dir" in done.stderr


def test_a_database_that_is_none_is_bad_configuration(conduit: Conduit, tmp_path: Path) -> None:
    (tmp_path / "conduit.db").write_bytes(b"this is no database at all" * 100)
    for verb in (["projects", "add", "x"], ["providers", "list"], ["usage"]):
        done = conduit(*verb)
        assert (done.returncode, done.stdout) == (78, ""), done.stderr
        assert len(done.stderr.splitlines()) == 1


def test_without_a_daemon_what_needs_one_fails_in_words(conduit: Conduit) -> None:
    for verb in (["restart"], ["restart", "--daemon"]):
        done = conduit(*verb)
        assert done.returncode == 1
        assert "`conduit-tui up` starts one" in done.stderr
    assert "no process log yet" in conduit("logs").stderr


def test_global_options_mean_the_same_before_and_after_the_verb(tmp_path: Path) -> None:
    def token(*arguments: str, **environment: str) -> str:
        command = [sys.executable, "-m", "conduit_tui", *arguments]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=100, env={**os.environ, **environment}, check=True
        )
        return done.stdout

    here, there = str(tmp_path / "here"), str(tmp_path / "there")
    first = token("--state-dir", here, "token", "show")
    assert token("token", "--state-dir", here, "show") == first
    assert token("token", "show", "--state-dir", here) == first
    assert token("--state-dir", there, "token", "show", "--state-dir", here) == first
    assert token("token", "show", CONDUIT_STATE_DIR=here) == first
    assert token("token", "show", "--state-dir", there, CONDUIT_STATE_DIR=here) != first


def test_logs_follow_across_a_rotation_and_end_at_ctrl_c(tmp_path: Path) -> None:
    log = tmp_path / "process.log"
    log.write_text("first\n")
    command = [sys.executable, "-m", "conduit_tui", "logs", "-f", "--state-dir", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as following:
        assert following.stdout is not None
        assert following.stdout.readline() == "first\n"
        with log.open("a") as file:
            file.write("second \x1b[2J half")
            file.flush()
            file.write(" and whole\n")
        assert following.stdout.readline() == "second \\x1b[2J half and whole\n"
        log.rename(tmp_path / "process.log.1")
        log.write_text("third\n")
        assert following.stdout.readline() == "third\n"
        following.send_signal(signal.SIGINT)
        assert following.wait(60) == 130
        assert following.stderr is not None
        assert following.stderr.read() == ""


def test_a_reader_that_leaves_early_causes_no_noise(tmp_path: Path) -> None:
    (tmp_path / "process.log").write_text("a line of some length\n" * 100_000)
    command = [sys.executable, "-m", "conduit_tui", "logs", "-n", "100000", "--state-dir", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as printing:
        assert printing.stdout is not None
        assert printing.stderr is not None
        printing.stdout.readline()
        printing.stdout.close()
        assert printing.stderr.read() == b""
        printing.wait(SOON_SECONDS)


CANARY = "sk-canary-9ZkP4rB8mVw2xT7Q"


class Upstream(BaseHTTPRequestHandler):
    """A provider that knows one model, or refuses with the key in its words."""

    def do_GET(self) -> None:
        shown = self.headers.get("authorization", "")
        body = json.dumps({"data": [{"id": "a-model"}]} if "good" in self.path else {"error": f"no such key: {shown}"})
        self.send_response(200 if "good" in self.path else 401)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def upstream() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Upstream) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        serving.join()


def test_providers_are_tested_with_their_key_and_nothing_shows_it(
    conduit: Conduit, upstream: str, tmp_path: Path
) -> None:
    for name in ("good", "bad"):
        added = conduit(
            *("providers", "add", name, "--base-url", f"{upstream}/{name}/v1", "--dialect", "openai-chat"),
            *("--key-env", "CANARY_KEY"),
        )
        assert added.returncode == 0, added.stderr
    everything = []
    for gateway in ("down", "up"):
        if gateway == "up":
            everything.append(conduit("up", "--port", "0", CANARY_KEY=CANARY))
        good = conduit("providers", "test", "good", CANARY_KEY=CANARY)
        assert good.returncode == 0, good.stdout + good.stderr
        assert good.stdout.splitlines()[1].split()[:2] == ["good", "ok"]
        both = conduit("providers", "test", "good", "bad", "--json", CANARY_KEY=CANARY)
        assert both.returncode == 1
        assert [(item["name"], item["ok"]) for item in json.loads(both.stdout)] == [("good", True), ("bad", False)]
        everything += [good, both]
    everything += [conduit("logs", "--json"), conduit("providers", "list", "--json"), conduit("status", "--json")]
    assert all(CANARY not in done.stdout + done.stderr for done in everything)
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and CANARY.encode() in path.read_bytes()]
    missing = conduit("providers", "test", "nobody")
    assert (missing.returncode, missing.stdout) == (2, "")
