"""A state directory with a real daemon and gateway in front of a fake provider, and the `run` verb on it."""

import asyncio
import json
import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil

from conduit_tui.control.remote import DaemonClient, RemoteControl
from conduit_tui.domain.budgets import Budget
from conduit_tui.domain.money import NANO_PER_DOLLAR
from conduit_tui.domain.rules import Rule
from conduit_tui.domain.runs import RUN_VARIABLE
from conduit_tui.domain.usage import UsageRow
from conduit_tui.paths import StateDir
from conduit_tui.routing.expression import parse
from tests.providers import FakeProvider

CONDUIT = [sys.executable, "-m", "conduit_tui"]
SENDER = Path(__file__).with_name("sender.py")


def marked(run_id: str) -> list[int]:
    """The processes that live and carry the mark of a run."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(RUN_VARIABLE) == run_id and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
        except psutil.Error:
            continue
    return found


class Box:
    """`folder` holds the state, and `bin` with the stand-ins, which are found before anything else."""

    def __init__(self, folder: Path, fake: FakeProvider | None = None) -> None:
        self.folder = folder
        self.fake = fake
        self.state_dir = StateDir(folder / "state")
        self.bin = folder / "bin"
        self.work = folder / "work"
        for place in (self.bin, self.work):
            place.mkdir(parents=True)
        self.environment = {
            "PATH": f"{self.bin}:{os.environ['PATH']}",
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            "PROVIDER_KEY": "sk-ant-provider-key-of-the-box",
            "SOME_SECRET": "hush",
        }

    def command(self, *arguments: str) -> list[str]:
        return [*CONDUIT, "--state-dir", str(self.state_dir.root), *arguments]

    def conduit(
        self,
        *arguments: str,
        stdin: Any = subprocess.DEVNULL,
        given: bytes | None = None,
        cwd: Path | None = None,
        seconds: float = 100,
        **environment: str,
    ) -> "subprocess.CompletedProcess[str]":
        """Run the command to its end."""
        return subprocess.run(
            self.command(*arguments),
            input=given.decode() if given is not None else None,
            stdin=None if given is not None else stdin,
            capture_output=True,
            text=True,
            cwd=cwd or self.work,
            env={**self.environment, **environment},
            timeout=seconds,
            check=False,
        )

    def start(self, *arguments: str, **environment: str) -> "subprocess.Popen[bytes]":
        """Start the command in a process group of its own, as a shell would."""
        return subprocess.Popen(
            self.command(*arguments),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=self.work,
            env={**self.environment, **environment},
            start_new_session=True,
        )

    def do(self, *arguments: str) -> str:
        """Run the command, which must succeed; its stdout."""
        done = self.conduit(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def project(self, name: str, rules: dict[str, str] | None = None, **config: Any) -> None:
        """Add a project to the running gateway: rules by name, each using `claude-NAME`, the first on top."""

        async def act() -> None:
            control = RemoteControl(self.state_dir)
            added = await control.add_project(name)
            changed = added.config.model_copy(update=config)
            made = [
                Rule(name=each, conditions=parse(when), target_model=f"claude-{each}", priority=100 - number)
                for number, (each, when) in enumerate((rules or {}).items())
            ]
            saved = await control.save_config(name, changed, added.revision)
            await control.save_rules(name, made, saved.revision)

        asyncio.run(act())

    def limit(self, project: str, daily: int | None = None, monthly: int | None = None) -> None:
        """Set the budget of a project, in dollars; without one, the overall budget."""
        caps = {"daily": daily, "monthly": monthly}
        nano = {name: cap * NANO_PER_DOLLAR for name, cap in caps.items() if cap is not None}
        asyncio.run(RemoteControl(self.state_dir).set_budget(Budget(project=project, **nano)))

    def url(self) -> str:
        """Where the gateway is."""
        return asyncio.run(DaemonClient(self.state_dir).status()).url

    def stand_in(self, text: str, name: str = "claude") -> Path:
        """A program in place of an agent: Python, unless it says otherwise in its first line."""
        path = self.bin / name
        path.write_text(text if text.startswith("#!") else f"#!{sys.executable} -IS\n{text}")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return path

    def sender(self, name: str = "claude") -> None:
        """A well-behaved stand-in: it sends what its environment tells it to, and prints what came."""
        self.stand_in(f'#!/bin/sh\nexec {sys.executable} -I {SENDER} "$@"\n', name)

    def query(self, sql: str, *values: Any) -> list[Any]:
        """Read from the database; nothing while there is none, or only the beginning of one."""
        if not self.state_dir.database.exists():
            return []
        database = sqlite3.connect(f"file:{self.state_dir.database}?mode=ro", uri=True)
        try:
            return database.execute(sql, values).fetchall()
        except sqlite3.OperationalError as error:
            if "no such table" in str(error):
                return []
            raise
        finally:
            database.close()

    def rows(self, after: int = 0) -> list[UsageRow]:
        """The usage rows after the first few, oldest first."""
        columns = ", ".join(UsageRow._fields)
        return [UsageRow._make(row) for row in self.query(f"SELECT {columns} FROM usage ORDER BY id")][after:]

    def events(self, kind: str) -> list[str]:
        """What the process events of a kind say."""
        return [
            row[0] for row in self.query("SELECT reason FROM process_events WHERE kind = ? ORDER BY sequence", kind)
        ]

    def runs(self) -> list[dict[str, Any]]:
        """Every run as it is written down, the newest last."""
        found = self.query("SELECT body, token_digest, ended_at, exit_code FROM runs ORDER BY started_at")
        return [
            {**json.loads(body), "digest": digest, "ended_at": ended, "exit_code": code}
            for body, digest, ended, code in found
        ]


def printed(done: "subprocess.CompletedProcess[str]") -> dict[str, Any]:
    """The JSON that a stand-in printed as its last line."""
    lines: Sequence[str] = done.stdout.splitlines()
    assert lines, done.stderr
    value: dict[str, Any] = json.loads(lines[-1])
    return value
