"""What is measured side by side: the provider itself, nginx, this gateway, LiteLLM. Everything on 127.0.0.1.

The gateway under test runs on the first core, the load and the provider on the second one.
"""

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from tests.gateway.running import RunningGateway, fake_provider

HERE = Path(__file__).parent
MODEL = "claude-opus-5-5"
LITELLM = "litellm[proxy]==1.106.2"
GATEWAY_CORE = ["taskset", "-c", "0"]
LOAD_CORE = ["taskset", "-c", "1"]
ANSWER = json.dumps(
    {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": MODEL,
        "content": [{"type": "text", "text": "the quick brown fox jumps over the lazy dog " * 6}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {
            "input_tokens": 512,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": 64,
        },
    }
)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def running(arguments: list[str], port: int, log: Path, *, seconds: float = 90.0, **options: Any) -> Iterator[int]:
    """A child that listens on a port, ended by its own pid; yields the milliseconds until it listened."""
    began = time.monotonic()
    with log.open("ab") as output:
        child = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=output, stderr=output, **options)
    try:
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            assert child.poll() is None, f"{arguments[0]} ended: {log.read_text()[-2000:]}"
            assert time.monotonic() - began < seconds, f"{arguments[0]} does not listen"
            time.sleep(0.01)
        yield int((time.monotonic() - began) * 1000)
    finally:
        family = [child, *psutil.Process(child.pid).children(recursive=True)] if child.poll() is None else []
        child.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(5)
        for one in family:
            with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
                one.kill()
        child.wait()


@contextlib.contextmanager
def json_provider(folder: Path) -> Iterator[int]:
    """An nginx that answers every POST with the same message, and counts them; yields its port."""
    port = free_port()
    with _nginx(folder / "provider", port, f"location / {{ default_type application/json; return 200 '{ANSWER}'; }}"):
        yield port


def provider_count(port: int) -> int:
    """The requests that a `json_provider` has seen, this one and those before it left out."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/_count", timeout=5) as answer:
        numbers = re.findall(r"\d+", answer.read().decode())
    return int(numbers[3])  # active, accepted, handled, requests


@contextlib.contextmanager
def stream_provider(folder: Path, deltas: int, gap_ms: float) -> Iterator[int]:
    """A provider of paced, stamped streams; yields its port."""
    port = free_port()
    arguments = [*LOAD_CORE, sys.executable, str(HERE / "stream_provider.py"), str(port), str(deltas), str(gap_ms)]
    with running(arguments, port, folder / "stream-provider.log"):
        yield port


@contextlib.contextmanager
def nginx(folder: Path, provider: int) -> Iterator[tuple[int, int]]:
    """nginx as a reverse proxy, the limit for any relay; yields its port and pid."""
    port = free_port()
    location = (
        "location / { proxy_pass http://up; proxy_http_version 1.1; "
        'proxy_set_header Connection ""; proxy_buffering off; }'
    )
    upstream = f"upstream up {{ server 127.0.0.1:{provider}; keepalive 1024; keepalive_requests 10000000; }}"
    with _nginx(folder / "proxy", port, location, upstream, GATEWAY_CORE) as pid:
        yield port, pid


@contextlib.contextmanager
def conduit(folder: Path, provider: int) -> Iterator[RunningGateway]:
    """This gateway, with everything on."""
    gateway = RunningGateway(folder / "state", [fake_provider(f"http://127.0.0.1:{provider}")], prefix=GATEWAY_CORE)
    try:
        yield gateway
    finally:
        gateway.close()


@contextlib.contextmanager
def litellm(folder: Path, provider: int) -> Iterator[tuple[int, int, int]]:
    """LiteLLM's proxy in an environment of its own; yields port, pid and the milliseconds it took to start."""
    command = install_litellm()
    port = free_port()
    config = folder / "litellm.yaml"
    config.write_text(
        f"model_list:\n  - model_name: {MODEL}\n    litellm_params: "
        f'{{model: anthropic/{MODEL}, api_base: "http://127.0.0.1:{provider}", api_key: sk-ant-fake}}\n'
    )
    arguments = [*GATEWAY_CORE, command, "--config", str(config), "--host", "127.0.0.1", "--port", str(port)]
    arguments += ["--num_workers", "1", "--telemetry", "False"]
    quiet = {
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "LITELLM_LOG": "ERROR",
        "LITELLM_MODE": "PRODUCTION",
        "NO_DOCS": "True",
        "DISABLE_ADMIN_UI": "True",
        "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true",
    }
    log = folder / "litellm.log"
    with running(arguments, port, log, env={**os.environ, **quiet}) as started:
        yield port, pid_listening(port), started


def install_litellm() -> str:
    """The `litellm` command of the benchmark's own environment (`.bench`, or CONDUIT_BENCH_DIR), made if missing."""
    root = Path(os.environ.get("CONDUIT_BENCH_DIR", HERE.parents[1] / ".bench"))
    environment = root / "litellm"
    command = environment / "bin" / "litellm"
    if not command.exists():
        subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
        subprocess.run([str(environment / "bin" / "pip"), "install", "-q", LITELLM], check=True)
    return str(command)


def pid_listening(port: int) -> int:
    for connection in psutil.net_connections("tcp4"):
        if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port and connection.pid:
            return int(connection.pid)
    raise AssertionError(f"nobody listens on port {port}")


def memory_mb(pid: int) -> float:
    return float(psutil.Process(pid).memory_full_info().pss) / 1_000_000


def wrk(port: int, connections: int, seconds: int, size: int, *, pause_ms: int = 0) -> dict[str, float]:
    """Load a port with POSTs of `size` bytes for some seconds."""
    environment = {**os.environ, "BENCH_BYTES": str(size), "BENCH_MODEL": MODEL, "BENCH_PAUSE_MS": str(pause_ms)}
    arguments = [*LOAD_CORE, "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s"]
    arguments += ["-s", str(HERE / "post.lua"), f"http://127.0.0.1:{port}/v1/messages"]
    output = subprocess.run(arguments, env=environment, capture_output=True, text=True, check=True).stdout
    found = re.search(r"^JSON (.*)$", output, re.MULTILINE)
    assert found, output
    result: dict[str, float] = json.loads(found[1])
    return result


def streams(port: int, count: int) -> dict[str, float]:
    """Open streams at once and measure their deltas' delays."""
    arguments = [*LOAD_CORE, sys.executable, str(HERE / "stream_load.py"), str(port), str(count), MODEL]
    result: dict[str, float] = json.loads(subprocess.run(arguments, capture_output=True, check=True).stdout)
    return result


def missing_tools() -> list[str]:
    return [tool for tool in ("wrk", "nginx", "taskset") if shutil.which(tool) is None and tool != "nginx"] + (
        [] if nginx_command() else ["nginx"]
    )


def nginx_command() -> str | None:
    return shutil.which("nginx") or shutil.which("/usr/sbin/nginx")


@contextlib.contextmanager
def _nginx(folder: Path, port: int, location: str, upstream: str = "", core: list[str] = LOAD_CORE) -> Iterator[int]:
    folder.mkdir(parents=True)
    temporary = " ".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    config = folder / "nginx.conf"
    config.write_text(
        f"daemon off; master_process off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;\n"
        "worker_rlimit_nofile 20000; events { worker_connections 8192; }\n"
        f"http {{ access_log off; {temporary} keepalive_requests 100000000; client_max_body_size 64m;\n"
        f"client_body_buffer_size 1m; {upstream}\n"
        f"server {{ listen 127.0.0.1:{port} backlog=4096; location = /_count {{ stub_status; }} {location} }} }}\n"
    )
    command = nginx_command()
    assert command
    arguments = [*core, command, "-c", str(config), "-p", str(folder), "-e", str(folder / "start.log")]
    with running(arguments, port, folder / "log"):
        yield pid_listening(port)
