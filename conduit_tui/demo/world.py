"""The demo's world, kept by a process of its own: `python -m conduit_tui.demo.world`.

It makes a throwaway state directory, starts the simulated provider and the daemon, prints {"state_dir", "url"} (or
{"error"}) and sends sample traffic until its standard input ends. Then it unmakes everything. Whoever wanted the
world holds the other end of that pipe, so the world ends with them, whatever they die of.
"""

import argparse
import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from conduit_tui.demo.history import ANTHROPIC_PROVIDER, OPENAI_PROVIDER, write_history
from conduit_tui.demo.policy import decide_on
from conduit_tui.demo.traffic import Traffic
from conduit_tui.domain.dialects import Dialect
from conduit_tui.domain.providers import KeyKind, KeySource, Provider
from conduit_tui.paths import StateDir
from conduit_tui.store.sqlite import SqliteStore

_CONFIG = '[screen]\non_detach = "keep"\n'  # nothing is asked on leaving: the world ends with the screens anyway
_UP_SECONDS = 60.0
_DOWN_SECONDS = 30.0
_PROVIDER_SECONDS = 5.0


class WorldError(Exception):
    """A part of the world could not be made."""


async def keep_world(seed: int) -> None:
    """Make the world, tell of it, keep it until standard input ends, unmake it."""
    end = _end_of_input()
    root = Path(tempfile.mkdtemp(prefix="conduit-demo-"))  # private to this user
    state_dir = StateDir(root)
    try:
        async with _simulated_provider(seed) as provider_port:
            await _furnish(state_dir, provider_port, seed)
            async with _daemon(state_dir) as url:
                _tell(state_dir=str(root), url=url)
                traffic = asyncio.create_task(Traffic(url, seed).run())
                await end.wait()
                traffic.cancel()
                with suppress(asyncio.CancelledError):
                    await traffic
    finally:
        shutil.rmtree(root, ignore_errors=True)
        shutil.rmtree(state_dir.socket_folder, ignore_errors=True)


def _tell(**facts: str) -> None:
    with suppress(OSError):
        sys.stdout.write(json.dumps(facts) + "\n")
        sys.stdout.flush()


def _end_of_input() -> asyncio.Event:
    loop, end = asyncio.get_running_loop(), asyncio.Event()

    def read() -> None:
        if not os.read(sys.stdin.fileno(), 4096):
            loop.remove_reader(sys.stdin.fileno())
            end.set()

    loop.add_reader(sys.stdin.fileno(), read)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, end.set)
    return end


@asynccontextmanager
async def _simulated_provider(seed: int) -> AsyncIterator[int]:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "conduit_tui.demo.provider", str(seed), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        line = await child.stdout.readline()
        if not line:
            raise WorldError("the simulated provider did not start")
        yield json.loads(line)["port"]
    finally:
        child.stdin.close()
        try:
            await asyncio.wait_for(child.wait(), _PROVIDER_SECONDS)
        except TimeoutError:
            child.kill()
            await child.wait()


async def _furnish(state_dir: StateDir, provider_port: int, seed: int) -> None:
    state_dir.prepare()
    state_dir.config.write_text(_CONFIG)
    store = await SqliteStore.open(state_dir.database)
    try:
        origin = f"http://127.0.0.1:{provider_port}"
        for name, url, dialects in (
            (ANTHROPIC_PROVIDER, origin, (Dialect.ANTHROPIC,)),
            (OPENAI_PROVIDER, f"{origin}/v1", (Dialect.OPENAI_CHAT, Dialect.OPENAI_RESPONSES)),
        ):
            no_key = KeySource(kind=KeyKind.NONE)
            provider = Provider(name=name, base_url=url, dialects=dialects, key=no_key, default=True)
            await store.put_provider(provider, replace=False)
        await decide_on(store)
        await write_history(store, int(time.time() * 1000), seed)
    finally:
        await store.close()


@asynccontextmanager
async def _daemon(state_dir: StateDir) -> AsyncIterator[str]:
    """A daemon with a READY gateway; its URL."""
    daemon_pid = 0
    try:
        status, told = await _command(state_dir, _UP_SECONDS, "--port", str(_free_port()), "up", "--json")
        if status != 0:
            raise WorldError(f"the gateway did not start: {told}")
        facts = json.loads(told)
        daemon_pid = facts["daemon_pid"]
        yield facts["url"]
    finally:
        status, _ = await _command(state_dir, _DOWN_SECONDS, "down", "--now")
        if status != 0 and daemon_pid:
            with suppress(ProcessLookupError):
                os.kill(daemon_pid, signal.SIGKILL)  # its gateway ends with it


async def _command(state_dir: StateDir, seconds: float, *words: str) -> tuple[int, str]:
    """Run a verb of our own command: its exit code, and what it said."""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "conduit_tui",
        "--state-dir",
        str(state_dir.root),
        *words,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        output, errors = await asyncio.wait_for(child.communicate(), seconds)
    except TimeoutError:
        child.kill()
        await child.wait()
        return 1, f"`{' '.join(words)}` took more than {seconds:g} s"
    return child.returncode or 0, (output or errors).decode(errors="replace").strip()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def main() -> int:
    """Keep a world; the exit code says whether it could be made."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=1)
    try:
        asyncio.run(keep_world(parser.parse_args().seed))
    except Exception as error:  # whoever waits for the world must hear of it
        _tell(error=str(error) or type(error).__name__)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
