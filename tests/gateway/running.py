"""A real gateway process for tests, started as the daemon starts it, with the test at the other end of its pipes."""

import asyncio
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from conduit_tui.domain.budgets import Budget
from conduit_tui.domain.projects import Project
from conduit_tui.domain.providers import KeyKind, KeySource, Provider
from conduit_tui.domain.usage import StoredUsage, UsageRow
from conduit_tui.paths import StateDir
from conduit_tui.store import budgets
from conduit_tui.store.sqlite import SqliteStore
from tests.waiting import PATIENCE_SECONDS, eventually

START_SECONDS = PATIENCE_SECONDS


def fake_provider(base_url: str, **changes: object) -> Provider:
    """A provider for every dialect at a fake one's address, serving all models."""
    fields: dict[str, object] = {
        "name": "fake",
        "base_url": base_url,
        "dialects": ("anthropic", "openai-chat", "openai-responses"),
        "key": KeySource(kind=KeyKind.PASS_THROUGH),
        "default": True,
    }
    return Provider.model_validate(fields | changes)


class RunningGateway:
    """A gateway on a port of its own, over a state directory of its own."""

    def __init__(
        self,
        folder: Path,
        providers: Sequence[Provider],
        *,
        projects: Sequence[str] = (),
        environment: dict[str, str] | None = None,
        listen: str = "127.0.0.1",
        hosts: Sequence[str] = (),
        prefix: Sequence[str] = (),
        budgets: Sequence[Budget] = (),
    ) -> None:
        self.state_dir = StateDir(folder)
        self.state_dir.prepare()
        asyncio.run(_furnish(self.state_dir, providers, projects, budgets))
        self.environment = environment or {}
        self.hosts = hosts
        self.prefix = prefix  # e.g. `taskset -c 0`
        self.listener = socket.create_server((listen, 0), backlog=4096)
        self.port: int = self.listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.generation = 1
        self.log = folder / "gateway.log"
        self.start()

    def start(self) -> None:
        """Start a gateway process and wait until it is ready."""
        report_read, report_write = os.pipe()
        life_read, self._life = os.pipe()
        self.listener.set_inheritable(True)
        listen_fd = self.listener.fileno()
        arguments = [*self.prefix, sys.executable, "-m", "conduit_tui.gateway", "--state-dir", str(self.state_dir.root)]
        arguments += ["--listen-fd", str(listen_fd), "--report-fd", str(report_write), "--life-fd", str(life_read)]
        arguments += ["--generation", str(self.generation), "--url", self.url]
        for host in self.hosts:
            arguments += ["--allow-host", host]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                arguments,
                pass_fds=(listen_fd, report_write, life_read),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **self.environment, "CONDUIT_NONCE": "test"},
            )
        os.close(report_write)
        os.close(life_read)
        self._reports = os.fdopen(report_read, "rb")
        self.reports: list[dict[str, object]] = []
        deadline = time.monotonic() + START_SECONDS
        for line in self._reports:
            self.reports.append(json.loads(line))
            if self.reports[-1]["type"] == "ready":
                return
            assert time.monotonic() < deadline, "the gateway did not become ready"
        said = self.log.read_text()
        self.close()
        raise AssertionError(f"the gateway ended before it was ready: {self.reports} {said}")

    def again(self) -> None:
        """Start the next generation, after the process before it has ended."""
        self._reports.close()
        os.close(self._life)
        self.generation += 1
        self.start()

    def stop(self, *, seconds: float = PATIENCE_SECONDS) -> int:
        """Drain and wait; returns the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        finally:
            self._reports.close()
            os.close(self._life)

    def close(self) -> None:
        """Stop what still runs and let go of the port."""
        if not self._reports.closed:
            self.stop()
        self.listener.close()

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """What is in the database now."""
        database = sqlite3.connect(f"file:{self.state_dir.database}?mode=ro", uri=True)
        try:
            return database.execute(sql).fetchall()
        finally:
            database.close()

    def rows(self) -> list[StoredUsage]:
        """The usage rows committed so far, oldest first."""
        columns = ", ".join(UsageRow._fields)
        found = self.query(f"SELECT id, total_tokens, {columns} FROM usage ORDER BY id")
        return [StoredUsage(one[0], one[1], UsageRow._make(one[2:])) for one in found]

    def wait_rows(self, count: int) -> list[StoredUsage]:
        """The rows, once there are at least `count` of them."""
        eventually(lambda: len(self.rows()) >= count, f"there are never {count} usage rows")
        return self.rows()


async def _furnish(
    state_dir: StateDir, providers: Sequence[Provider], projects: Sequence[str], limits: Sequence[Budget]
) -> None:
    store = await SqliteStore.open(state_dir.database)
    try:
        for provider in providers:
            await store.put_provider(provider, replace=False)
        for project in projects:
            await store.add_project(Project(name=project))
        for budget in limits:
            await store.run(partial(budgets.put, budget=budget))
    finally:
        await store.close()
