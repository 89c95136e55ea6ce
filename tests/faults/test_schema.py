"""A database of a newer version, and what becomes of the gateway that meets it."""

import hashlib
import json
import os
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from conduit_tui.store.migrate import SCHEMA
from tests.faults.whole import conduit, whole
from tests.gateway.raw import ANTHROPIC_HEADERS, ask, message
from tests.ports import free_port
from tests.providers import FakeProvider
from tests.waiting import eventually

pytestmark = pytest.mark.fault


def set_schema(path: Path, version: int) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute(f"PRAGMA user_version = {version}")
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)").close()


def test_a_downgrade_is_refused_in_words_and_touches_nothing(tmp_path: Path) -> None:
    with FakeProvider() as fake, whole(tmp_path / "state", fake.url) as running:
        root, database = running.state_dir.root, running.state_dir.database
        conduit(root, "down")
        set_schema(database, SCHEMA + 1)
        before = hashlib.sha256(database.read_bytes()).digest()
        done = conduit(root, "--port", str(free_port()), "up", check=False)
        assert done.returncode == 78
        assert f"schema {SCHEMA + 1}, this one knows {SCHEMA}" in done.stderr
        assert "upgrade conduit-tui or use another --state-dir" in done.stderr
        status = running.status()
        assert (status["state"], status["starts"]) == ("FAILED", 1), "nobody tries again"
        assert hashlib.sha256(database.read_bytes()).digest() == before
        set_schema(database, SCHEMA)
        assert json.loads(conduit(root, "up", "--json").stdout)["state"] == "READY"


def test_a_version_that_cannot_use_the_database_does_not_take_over(tmp_path: Path) -> None:
    with FakeProvider() as fake, whole(tmp_path / "state", fake.url) as running:
        before = running.status()
        set_schema(running.state_dir.database, SCHEMA + 1)
        done = conduit(running.state_dir.root, "restart", check=False)
        assert done.returncode == 1
        assert "was written by a newer conduit-tui" in done.stderr
        assert "the gateway before it goes on" in done.stderr
        after = running.status()
        assert (after["state"], after["gateway_pid"]) == ("READY", before["gateway_pid"])
        assert ask(running.port, "POST", "/v1/messages", message(), ANTHROPIC_HEADERS).status == 200
        set_schema(running.state_dir.database, SCHEMA)
        conduit(running.state_dir.root, "restart")
        assert running.status()["generation"] == 3


def test_a_database_that_another_program_locks_is_tried_again(tmp_path: Path) -> None:
    with FakeProvider() as fake, whole(tmp_path / "state", fake.url) as running:
        with closing(sqlite3.connect(running.state_dir.database, isolation_level=None)) as other:
            other.execute("PRAGMA locking_mode = EXCLUSIVE")
            os.kill(running.status()["gateway_pid"], signal.SIGKILL)
            eventually(lambda: locks(other))
            eventually(lambda: "is locked by another process" in running.status()["reason"])
            assert running.status()["state"] in ("BACKOFF", "STARTING")
        eventually(lambda: running.status()["state"] == "READY")


def locks(database: sqlite3.Connection) -> bool:
    try:
        database.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError:
        return False
    return True
