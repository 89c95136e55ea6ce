"""Files and databases to carry from one place to another."""

import asyncio
import json
import sqlite3
from collections.abc import Callable, Collection, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from conduit_tui.control import file_changes
from conduit_tui.domain.transfers import ImportPlan
from conduit_tui.domain.usage import UsageRow
from conduit_tui.store.copies import open_read_only
from conduit_tui.store.sqlite import SqliteStore
from conduit_tui.transfer import importing
from conduit_tui.transfer.exporting import Wanted, export_to
from conduit_tui.transfer.importing import Given

WORDS = file_changes._WORDS
NOW = 1_763_116_920_000  # 2025-11-14 10:42:00 UTC
DOLLAR = 1_000_000_000


def usage_row(number: int, **changes: object) -> UsageRow:
    """A row that is like no other."""
    row = UsageRow(
        f"exchange-{number:05}", 1, "default", "agent-1", "main", "session-1", "main", "claude-cli", "anthropic",
        "claude-opus-5", "claude-haiku-5", "anthropic", 1000 + number, 200, 300, 40, 5, 60, 7_000_001 + number, "USD",
        "genai-prices", "rule", "rule 'small talk'", "r1", 200, "", 1500, 400, 120, "",
        '{"stop": "end_turn", "share": 0.10, "trace": [["door", "ok", 12]]}', NOW - 60_000 * (100 - number),
    )  # fmt: skip
    return row._replace(**changes)  # type: ignore[arg-type]


def filled(database: Path, rows: Sequence[UsageRow], *more: Callable[[sqlite3.Connection], object]) -> Path:
    """A database with rows, changed by functions of its connection."""

    async def fill() -> None:
        store = await SqliteStore.open(database)
        await asyncio.gather(*map(store.record, rows))
        for change in more:
            await store.run(change)
        await store.close()

    asyncio.run(fill())
    return database


def exported(database: Path, **wanted: Any) -> bytes:
    path = database.with_suffix(".export.json")
    export_to(database, path, Wanted(**wanted))
    return path.read_bytes()


def plan_of(
    database: Path, file: Path | dict[str, Any], approved: Collection[str] = (), project: str = ""
) -> ImportPlan:
    """What a file would change; a dictionary is written into one."""
    if not database.exists():
        filled(database, [])
    with closing(open_read_only(database)) as connection:
        return importing.plan(connection, Given(_file(database, file), database.parent, project), WORDS, approved)


def import_into(
    database: Path, file: Path | dict[str, Any], *, approve: bool | Collection[str] = True, project: str = ""
) -> ImportPlan:
    """Take a file in; with `approve` everything it asks is approved."""
    path = _file(database, file)
    asked = [question.id for question in plan_of(database, path, project=project).questions]
    approved = asked if approve is True else (approve or ())

    async def run() -> ImportPlan:
        store = await SqliteStore.open(database)
        try:
            given = Given(path, database.parent, project)
            return await importing.apply(store, given, WORDS, digest="", approved=approved)
        finally:
            await store.close()

    return asyncio.run(run())


def _file(database: Path, file: Path | dict[str, Any]) -> Path:
    if isinstance(file, Path):
        return file
    path = database.with_suffix(".given.json")
    path.write_text(json.dumps(file))
    return path


def rows_of(database: Path, sql: str, *values: object) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute(sql, values).fetchall()


def version_2(**sections: Any) -> dict[str, Any]:
    """A file of our own format with these sections."""
    return {"format": "conduit-tui", "version": "2", "timestamp": "2025-11-14T10:42:00.000Z", **sections}


def project(name: str = "default", **config: Any) -> dict[str, Any]:
    return {"name": name, "created_at": NOW, "updated_at": NOW, "archived_at": None, "config": config}


def provider(name: str, base_url: str, **more: Any) -> dict[str, Any]:
    key = {"kind": "env", "reference": "EXAMPLE_KEY"}
    return {"name": name, "base_url": base_url, "dialects": ["openai-chat"], "key": key, **more}


def rule(name: str = "r", **more: Any) -> dict[str, Any]:
    condition = {"field": "tokenCount", "operator": ">", "value": 100}
    return {
        "id": f"id-{name}", "name": name, "description": "", "enabled": True, "priority": 1,
        "conditions": {"type": "AND", "rules": [condition]}, "targetModel": "claude-haiku-5", **more,
    }  # fmt: skip


def assert_equal_lines(one: bytes, other: bytes) -> None:
    """That two exports are the same; only the first lines that differ are told."""
    if one != other:
        pairs = zip(one.splitlines(), other.splitlines(), strict=False)
        raise AssertionError("\n".join(f"{a!r}\n{b!r}" for a, b in pairs if a != b)[:3000])
