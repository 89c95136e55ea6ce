"""The whole product as a user runs it: `conduit-tui up` with a fake provider behind it."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from conduit_tui.domain.budgets import Budget
from conduit_tui.domain.projects import Project
from conduit_tui.paths import StateDir
from conduit_tui.store.sqlite import SqliteStore
from tests.gateway.running import fake_provider
from tests.ports import free_port


def conduit(state_dir: Path, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    command = [sys.executable, "-m", "conduit_tui", "--state-dir", str(state_dir), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100, env=dict(os.environ))
    assert not check or done.returncode == 0, f"{arguments} exits with {done.returncode}: {done.stderr}"
    return done


class Whole:
    """A running daemon."""

    def __init__(self, state_dir: Path, provider_url: str, *limits: Budget) -> None:
        self.state_dir = StateDir(state_dir)
        self.state_dir.prepare()
        asyncio.run(furnish(self.state_dir, provider_url, limits))
        self.port = free_port()
        conduit(state_dir, "--port", str(self.port), "up")

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(conduit(self.state_dir.root, "status", "--json").stdout)
        return found


@contextmanager
def whole(state_dir: Path, provider_url: str, *limits: Budget) -> Iterator[Whole]:
    """Start everything, and stop it at the end."""
    running = Whole(state_dir, provider_url, *limits)
    try:
        yield running
    finally:
        conduit(state_dir, "down", "--now")


async def furnish(state_dir: StateDir, provider_url: str, limits: Sequence[Budget]) -> None:
    store = await SqliteStore.open(state_dir.database)
    try:
        await store.put_provider(fake_provider(provider_url), replace=False)
        await store.add_project(Project(name="docs"))
        for budget in limits:
            await store.put_budget(budget)
    finally:
        await store.close()
