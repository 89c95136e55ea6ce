"""Safety copies and files for the Backups screen's tests, of instants that stand still."""

import asyncio
import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path

from scenes import HOUR, NOW, World, row

from conduit_tui.store.copies import copy_name
from conduit_tui.store.publish import private_folder
from conduit_tui.transfer import backups

COPIES = (
    ("", 2 * HOUR, 41_000, 2),
    ("before-import", 26 * HOUR, 38_211, 1),
    ("before-migration-from-4", 400 * HOUR, 12, 0),
)
_COUNTED = ("projects", "providers", "budgets", "routing_rules")


def with_old_copies(world: World) -> World:
    """Give a world copies whose sizes and contents never change, a broken one and an export among them."""
    folder = private_folder(world.state_dir.backups)
    for why, ago, requests, rules in COPIES:
        with closing(sqlite3.connect(folder / f"{copy_name(NOW - ago, why)}.db", isolation_level=None)) as connection:
            for table in _COUNTED:
                connection.execute(f"CREATE TABLE {table} (name TEXT)")
            connection.execute("INSERT INTO projects VALUES ('default'), ('docs')")
            connection.executemany("INSERT INTO routing_rules VALUES (?)", [(str(n),) for n in range(rules)])
            connection.execute("CREATE TABLE usage_rollup (requests INTEGER)")
            connection.execute("INSERT INTO usage_rollup VALUES (?)", (requests,))
            connection.execute("PRAGMA user_version = 5")
    (folder / f"{copy_name(NOW - 500 * HOUR)}.db").write_bytes(b"cut off" * 1000)
    head = '{\n"format": "conduit-tui",\n"version": "2",\n"contents": {"projects":2,"usage":41000}'
    (folder / f"{copy_name(NOW - 3 * HOUR)}.json").write_text(head + " " * 3_000_000 + "\n}\n")
    return world


def with_a_copy(world: World) -> World:
    """Give a world a copy that can be brought back."""
    made = backups.create(world.state_dir.database, world.state_dir.backups)
    folder = world.state_dir.backups
    (folder / made.name).rename(folder / f"{copy_name(NOW - 2 * HOUR)}.db")
    return world


def changed_since(world: World) -> World:
    """What happened after the newest copy: a project, a rule, requests."""

    async def change() -> None:
        await world.fill([row(900 + n, ago=HOUR) for n in range(12)])
        async with world.open_control() as control:
            await control.add_project("payments")
        await world.close()
        world.store = None

    asyncio.run(change())
    return world


def hostile_file(folder: Path) -> Path:
    """A file that somebody else wrote: it moves a provider, brings one, and raises a limit."""
    key = {"kind": "env", "reference": "OPENROUTER_API_KEY"}
    body = {"dialects": ["openai-chat"], "key": key, "models": ["qwen*"], "created_at": 1, "updated_at": 1}
    rule = {
        "id": "r-1", "name": "everything cheap", "priority": 5, "targetModel": "qwen3-coder",
        "conditions": {"type": "AND", "rules": [{"field": "tokenCount", "operator": ">", "value": 0}]},
    }  # fmt: skip
    file = {
        "format": "conduit-tui", "version": "2",
        "projects": [
            {
                "name": "docs", "created_at": 1, "updated_at": 1, "archived_at": None,
                "config": {"routingRules": [rule], "costLimits": {"daily": 500, "monthly": None}},
            }
        ],
        "providers": [
            {"name": "fast", "base_url": "https://gateway.example/v1", **body},
        ],
    }  # fmt: skip
    path = folder / "rules-from-a-friend.json"
    path.write_text(json.dumps(file))
    os.chmod(path, 0o600)
    return path
