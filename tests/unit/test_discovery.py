"""What is found on a machine: real servers on loopback, variables by their names alone, how a shell calls us."""

import json
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from conduit_tui.control import discovery
from conduit_tui.control.discovery import Findings, Server, discover, offers, program, trial
from conduit_tui.paths import StateDir

pytestmark = pytest.mark.anyio

OLLAMA = {"object": "list", "data": [{"id": "qwen3:8b", "owned_by": "library"}, {"id": "llama3.2"}]}


@contextmanager
def serving(answer: bytes, status: int = 200) -> Iterator[int]:
    """A web server on loopback that answers everything with this; its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("content-length", str(len(answer)))
            self.send_header("location", "http://127.0.0.1:9/")
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


async def found_with(answer: bytes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, status: int = 200) -> Findings:
    with serving(answer, status) as port:
        monkeypatch.setattr(discovery, "SERVERS", {"ollama": ("Ollama", port)})
        return await discover(StateDir(tmp_path), {"HOME": str(tmp_path), "PATH": ""})


async def test_a_model_server_is_found_with_its_models(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = await found_with(json.dumps(OLLAMA).encode(), monkeypatch, tmp_path)
    (server,) = found.servers
    assert server.models == ("qwen3:8b", "llama3.2")
    (offer,) = offers(found)
    assert offer.provider.base_url == f"http://127.0.0.1:{server.port}/v1"
    assert offer.provider.claims("qwen3:8b")
    assert not offer.provider.claims("gpt-5.5")


@pytest.mark.parametrize(("owner", "title"), [("llamacpp", "llama.cpp"), ("openai", "a model server")])
async def test_what_answers_on_a_popular_port_is_not_taken_for_llama_cpp(
    owner: str, title: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with serving(json.dumps({"data": [{"id": "m", "owned_by": owner}]}).encode()) as port:
        monkeypatch.setattr(discovery, "SERVERS", {"llama.cpp": ("llama.cpp", port)})
        (server,) = (await discover(StateDir(tmp_path), {})).servers
    assert server.title == title


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (b"<html>a web application</html>", 200),
        (b"null", 200),
        (b'{"data": null}', 200),
        (b'{"data": [1, {"id": 7}, {}]}', 200),
        (b'{"data": [{"id": "\\u001b]52;c;aGk=\\u0007"}]}', 200),
        (b"[" * 200_000, 200),
        (json.dumps(OLLAMA).encode(), 404),
        (json.dumps(OLLAMA).encode(), 302),
    ],
)
async def test_what_is_no_model_server_is_not_taken_for_one(
    answer: bytes, status: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert (await found_with(answer, monkeypatch, tmp_path, status)).servers == ()


async def test_a_server_that_says_nothing_is_not_waited_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(discovery, "PROBE_SECONDS", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setattr(discovery, "SERVERS", {"ollama": ("Ollama", silent.getsockname()[1])})
        assert (await discover(StateDir(tmp_path), {})).servers == ()


async def test_of_keys_only_their_names_are_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(discovery, "SERVERS", {})
    environ = {"ANTHROPIC_API_KEY": "sk-canary-1", "OPENROUTER_API_KEY": "sk-canary-2", "XAI_API_KEY": ""}
    found = await discover(StateDir(tmp_path), environ)
    assert found.keys == ("ANTHROPIC_API_KEY", "OPENROUTER_API_KEY")
    (offer,) = offers(found)
    told = f"{found} {offer} {trial(found, 'http://127.0.0.1:4141', offer.provider, offer.model)}"
    assert "canary" not in told
    assert "token show" in told


async def test_claude_is_found_on_path_and_by_its_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(discovery, "SERVERS", {})
    claude = tmp_path / "bin" / "claude"
    claude.parent.mkdir()
    claude.write_text("#!/bin/sh\n")
    claude.chmod(0o755)
    (tmp_path / ".claude").mkdir()
    found = await discover(StateDir(tmp_path), {"HOME": str(tmp_path), "PATH": str(claude.parent)})
    assert (found.claude, found.claude_was_used) == (str(claude), True)
    found = await discover(StateDir(tmp_path), {"HOME": "", "PATH": ""})
    assert (found.claude, found.claude_was_used) == ("", False)


def test_patterns_claim_a_name_and_nothing_else() -> None:
    (offer,) = offers(Findings(servers=(Server("llama.cpp", "llama.cpp", 8080, ("models/[q4]*.gguf",)),)))
    assert offer.provider.claims("models/[q4]*.gguf")
    assert not offer.provider.claims("models/q.gguf")


def test_a_shell_calls_us_as_it_can(tmp_path: Path) -> None:
    script = tmp_path / "a b" / "conduit-tui"
    script.parent.mkdir()
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    usual, own = StateDir.locate(), StateDir(tmp_path / "state")
    assert program(usual, {"PATH": str(script.parent)}, ["x"]) == "conduit-tui"
    assert program(usual, {"PATH": ""}, [str(script)]) == f"'{script}'"
    assert program(usual, {"PATH": ""}, ["/x/__main__.py"]) == f"{sys.executable} -m conduit_tui"
    assert program(own, {"PATH": str(script.parent)}, ["x"]) == f"conduit-tui --state-dir {tmp_path}/state"
