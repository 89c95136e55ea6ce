"""What is on this machine already: names of keys, model servers on loopback, Claude Code. Nothing is sent elsewhere."""

import asyncio
import json
import os
import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from glob import escape
from pathlib import Path
from typing import NamedTuple

from conduit_tui.domain.dialects import Dialect
from conduit_tui.domain.providers import KeyKind, KeySource, Provider
from conduit_tui.paths import StateDir

PROBE_SECONDS = 1.0
LONGEST_LIST_BYTES = 256 * 1024
LONGEST_NAME = 200
MOST_MODELS = 50

HOST = "127.0.0.1"
SERVERS = {"ollama": ("Ollama", 11434), "llama.cpp": ("llama.cpp", 8080)}
PASSED_ON = ("ANTHROPIC_API_KEY", "OPENAI_API_KEY")
OPENAI = (Dialect.OPENAI_CHAT, Dialect.OPENAI_RESPONSES)


class Known(NamedTuple):
    """A provider that is known beforehand: where it is, the models that it claims, one to try."""

    base_url: str
    models: tuple[str, ...]
    example: str
    dialects: tuple[Dialect, ...] = (Dialect.OPENAI_CHAT,)


KNOWN = {
    "OPENROUTER_API_KEY": ("openrouter", Known("https://openrouter.ai/api/v1", ("*/*",), "openai/gpt-5-nano", OPENAI)),
    "DEEPSEEK_API_KEY": ("deepseek", Known("https://api.deepseek.com/v1", ("deepseek-*",), "deepseek-chat")),
    "MISTRAL_API_KEY": (
        "mistral",
        Known("https://api.mistral.ai/v1", ("*mistral*", "*stral-*"), "mistral-small-latest"),
    ),
    "XAI_API_KEY": ("xai", Known("https://api.x.ai/v1", ("grok-*",), "grok-4-fast")),
}


class Server(NamedTuple):
    """A model server that answers on loopback, and the models that it lists."""

    name: str
    title: str
    port: int
    models: tuple[str, ...]


class Findings(NamedTuple):
    """What was found. `keys` are names of variables that are set, never values; `program` is how a shell calls us."""

    program: str = "conduit-tui"
    claude: str = ""
    claude_was_used: bool = False
    keys: tuple[str, ...] = ()
    servers: tuple[Server, ...] = ()


class Offer(NamedTuple):
    """A provider that is one step away, what speaks for it, and a model to try it with."""

    provider: Provider
    found: str
    model: str


async def discover(state_dir: StateDir, environ: Mapping[str, str] = os.environ) -> Findings:
    """Look around: at names of variables, at PATH and the home directory, and at two ports of this machine."""
    asked = (asyncio.to_thread(_ask, name, title, port) for name, (title, port) in SERVERS.items())
    findings, servers = await asyncio.gather(asyncio.to_thread(_look, state_dir, environ), asyncio.gather(*asked))
    return findings._replace(servers=tuple(server for server in servers if server is not None))


def _look(state_dir: StateDir, environ: Mapping[str, str]) -> Findings:
    home = environ.get("HOME")
    return Findings(
        program=program(state_dir, environ),
        claude=shutil.which("claude", path=environ.get("PATH")) or "",
        claude_was_used=bool(home) and Path(str(home), ".claude").is_dir(),
        keys=tuple(name for name in (*PASSED_ON, *KNOWN) if environ.get(name)),
    )


def offers(findings: Findings) -> list[Offer]:
    """The providers that what was found makes."""
    found = [
        Offer(
            Provider(
                name=server.name,
                base_url=f"http://{HOST}:{server.port}/v1",
                dialects=(Dialect.OPENAI_CHAT,),
                key=KeySource(kind=KeyKind.NONE),
                models=tuple(escape(model) for model in server.models),
            ),
            f"{len(server.models)} model{'' if len(server.models) == 1 else 's'} at {HOST}:{server.port}",
            server.models[0],
        )
        for server in findings.servers
    ]
    for variable, (name, known) in KNOWN.items():
        if variable in findings.keys:
            key = KeySource(kind=KeyKind.ENVIRONMENT, reference=variable)
            provider = Provider(
                name=name, base_url=known.base_url, dialects=known.dialects, key=key, models=known.models
            )
            found.append(Offer(provider, f"with the key in {variable}", known.example))
    return found


def trial(findings: Findings, url: str, provider: Provider, model: str) -> str:
    """A line for a shell that asks a model of this provider through the gateway."""
    token = f' -H "x-conduit-token: $({findings.program} token show)"' if provider.key.stored_here else ""
    asked = json.dumps({"model": model, "messages": [{"role": "user", "content": "Say hello."}]}, ensure_ascii=False)
    return f"curl {url}/v1/chat/completions -H 'content-type: application/json'{token} -d {shlex.quote(asked)}"


def program(state_dir: StateDir, environ: Mapping[str, str] = os.environ, argv: Sequence[str] | None = None) -> str:
    """How a shell calls this very program for this very state directory."""
    name = "conduit-tui"
    called = Path((sys.argv if argv is None else argv)[0]).absolute()
    if shutil.which(name, path=environ.get("PATH")):
        words = [name]
    elif called.name == name and os.access(called, os.X_OK):
        words = [str(called)]
    else:
        words = [sys.executable, "-m", "conduit_tui"]
    if not state_dir.is_usual:
        words += ["--state-dir", str(state_dir.root)]
    return shlex.join(words)


def _ask(name: str, title: str, port: int) -> Server | None:
    """The server on this port if it lists models; None if nobody answers, or not as a model server does."""
    from http.client import HTTPConnection, HTTPException  # which nobody needs after the first run

    try:
        with closing(HTTPConnection(HOST, port, timeout=PROBE_SECONDS)) as connection:
            connection.request("GET", "/v1/models")
            answer = connection.getresponse()
            told = json.loads(answer.read(LONGEST_LIST_BYTES)) if answer.status == 200 else None
            listed = told["data"] if told is not None else []
            models = [each["id"] for each in listed]
            known = name != "llama.cpp" or any(each.get("owned_by") == "llamacpp" for each in listed)
    except (OSError, HTTPException, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    usable = [model for model in models if isinstance(model, str) and _is_usable(model)]
    if not known:  # many programs like that port
        name, title = f"local-{port}", "a model server"
    return Server(name, title, port, tuple(dict.fromkeys(usable))[:MOST_MODELS]) if usable else None


def _is_usable(model: str) -> bool:
    return 0 < len(model) <= LONGEST_NAME and model.isprintable() and "," not in model
