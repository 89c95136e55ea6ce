"""Texts that steer a terminal, and a state directory in which everything that can hold a text holds them. Fault U1."""

import asyncio
import json
import sqlite3
import time
import unicodedata
from datetime import UTC, datetime
from pathlib import Path

from conduit_tui.domain.budgets import Budget
from conduit_tui.domain.captures import Capture, CaptureKind
from conduit_tui.domain.dialects import Dialect
from conduit_tui.domain.prices import PriceOverride
from conduit_tui.domain.processes import ProcessEvent
from conduit_tui.domain.projects import Project, ProjectConfig
from conduit_tui.domain.providers import KeyKind, KeySource, Provider
from conduit_tui.domain.sessions import StoppedSession
from conduit_tui.paths import StateDir
from conduit_tui.store import ledger_entries
from conduit_tui.store.ledger_entries import Entry, State
from conduit_tui.store.publish import private_folder
from conduit_tui.store.sqlite import SqliteStore
from tests.store.store_rows import usage_row

PAYLOADS = [
    "\x1b]0;owned\x07",
    "\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\",
    "\x1b]52;c;ZXZpbA==\x07",
    "\x1b[2J\x1b[31m",
    "\x1b[6n",
    "\x1bc",
    "\x1bP+q544e\x1b\\",
    "\x1b_Gf=24\x1b\\",
    "\x9b31m\x9d0;owned\x9c",
    "\u202eevil\u2066\u200f",
    "\x1b]0;never ended",
    "[/nope][bold",
    "[@click=app.exit]x[/]",
    "a\r\nb\tc\x00\x08\x7f",
    "\U000e0041\ufeff\u2028",
]
EVERYTHING = "".join(PAYLOADS)
IN_A_NAME = EVERYTHING.replace("/", "").replace("\x00", "")  # what a file may be called
SHORT = IN_A_NAME[:80]
MODEL = f"claude-opus-5{SHORT}"


def assert_harmless(text: str) -> None:
    """That nothing in it moves a cursor, sets a title or turns the reading direction; lines and tabs may be."""
    odd = {c for c in text if c not in "\n\t" and unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp"}}
    assert not odd, text.encode("unicode_escape").decode()[:4000]


def rows(now: int) -> list[object]:
    """A usage row for each text, with it in every field, the newest one last."""
    return [
        usage_row(
            exchange_id=f"{n}{text}", project="docs" if n % 2 else f"p{text}", agent=text, agent_type=text,
            session=text, request_class=text, client=text, dialect=text, requested_model=text, routed_model=f"x{text}",
            provider=text, price_source=text, routing_source=text, routing_reason=text, rule_id=text,
            flags=f"unpriced,{text}", error_type=text, status=500 if n % 2 else 200, created_at=now - 60_000 + n,
            metadata=json.dumps({
                "trace": [[text, text, 3]], "timings": {text: 3, "done_ms": 4}, "target": text, text: text,
                "error": text, "request_headers": [[text, text]], "response_headers": {text: text}, "stop": text,
            }),
        )
        for n, text in enumerate([*PAYLOADS, EVERYTHING])
    ]  # fmt: skip


def _config() -> ProjectConfig:
    condition = {"field": EVERYTHING, "operator": EVERYTHING, "value": EVERYTHING}
    rule = {
        "id": SHORT, "name": EVERYTHING, "description": EVERYTHING, "priority": 5, "targetModel": EVERYTHING,
        "conditions": {"type": "AND", "rules": [condition]}, "fallback": [EVERYTHING], EVERYTHING: EVERYTHING,
    }  # fmt: skip
    # Keys beyond those that are known, too: they are kept, and shown where configurations are compared.
    return ProjectConfig.model_validate({"default_model": EVERYTHING, "routingRules": [rule], EVERYTHING: EVERYTHING})


async def _fill(state_dir: StateDir, now: int) -> int:
    store = await SqliteStore.open(state_dir.database)
    last = 0
    for row in rows(now):
        last = await store.record(
            row,  # type: ignore[arg-type]
            [Capture(row.exchange_id, row.project, kind, True, now, EVERYTHING) for kind in CaptureKind],  # type: ignore[attr-defined]
        )
    project = await store.add_project(Project(name="docs"))
    saved = await store.save_config(
        "docs", _config(), base_revision=project.revision, action=EVERYTHING, changes=[EVERYTHING]
    )
    await store.save_config(
        "docs", ProjectConfig(), base_revision=saved.revision, action=EVERYTHING, changes=[EVERYTHING]
    )
    await store.add_project(Project(name="loud", config=_config()))
    default = next(one for one in await store.projects() if one.name == "default")
    await store.save_config("default", _config(), base_revision=default.revision, action="config", changes=["all"])
    await store.put_provider(
        Provider(
            name="fast",
            base_url="http://127.0.0.1:9",
            dialects=(Dialect.OPENAI_CHAT,),
            key=KeySource(kind=KeyKind.FILE, reference=f"/nowhere/{EVERYTHING.replace(chr(0), '')}"),
            models=(EVERYTHING,),
        ),
        replace=False,
    )
    await store.put_price(PriceOverride(model=SHORT, provider=EVERYTHING, input=1, output=2))
    await store.put_budget(Budget(project="docs", model=SHORT, agent_type=EVERYTHING, daily=10**9))
    await store.stop_session(StoppedSession("docs", PAYLOADS[1], EVERYTHING, now))
    await store.stop_session(StoppedSession("docs", "stopped-and-well", EVERYTHING, now))
    events = [ProcessEvent(id=f"e{n}", at=now - n, kind=t or "note", reason=t, pid=1) for n, t in enumerate(PAYLOADS)]
    await store.add_process_events(events)
    await store.run(lambda connection: _entries(connection, now))
    await store.close()
    return last


def _entries(connection: sqlite3.Connection, now: int) -> None:
    ledger_entries.insert(
        connection,
        [
            Entry(
                exchange_id=f"{n}{text}", attempt=1, generation=1, state=State.EXPIRED, hold=1, cost=1, windows=(),
                closes_at=now + 3_600_000, flags=f"estimated,{text}", usage="", created_at=now, expires_at=now,
                ended_at=now,
            )
            for n, text in enumerate(PAYLOADS)
        ],
    )  # fmt: skip


def furnish(state_dir: StateDir) -> int:
    """Fill a state directory: store, log, safety copies, themes; the id of the last usage row."""
    state_dir.prepare()
    now = int(time.time() * 1000)
    last = asyncio.run(_fill(state_dir, now))
    lines = [*PAYLOADS, *(json.dumps({"event": text, "level": text, text: text}) for text in PAYLOADS)]
    state_dir.process_log.touch(0o600)
    state_dir.process_log.write_bytes("\n".join([*lines, ""]).encode())
    state_dir.events.touch(0o600)
    state_dir.events.write_text(json.dumps({"kind": EVERYTHING, "reason": EVERYTHING, "at": now, "id": "x"}) + "\n")
    copies = private_folder(state_dir.backups)
    (copies / f"backup-{IN_A_NAME[:90]}.db").write_bytes(b"")
    head = {"format": EVERYTHING, "version": EVERYTHING, "contents": {EVERYTHING: 1}}
    (copies / "backup-20260101T000000Z.json").write_text(json.dumps(head))
    (copies / "backup-20260101T000001Z.db").write_text(EVERYTHING * 50)
    (copies / "backup-20260101T000002Z.db").write_bytes(state_dir.database.read_bytes())
    for path in copies.iterdir():
        path.chmod(0o600)
    themes = private_folder(state_dir.themes)
    (themes / f"{IN_A_NAME[:80]}.toml").write_text('based_on = "dark"\n')
    (themes / "mine.toml").write_text(f"based_on = {json.dumps(EVERYTHING)}\n[colors]\n{json.dumps(EVERYTHING)} = 3\n")
    return last


def transcripts(folder: Path) -> Path:
    """Claude Code's projects with the texts in names and contents; the folder to give to `reconcile --path`."""
    at = datetime.now(UTC).isoformat()
    place = folder / "projects" / IN_A_NAME[:90]
    place.mkdir(parents=True)
    usage = {"input_tokens": 10, "output_tokens": 5}
    for n, text in enumerate([*PAYLOADS, EVERYTHING]):
        message = {"id": f"msg{n}{text}", "model": text, "role": "assistant", "usage": usage, "stop_reason": text}
        line = {"type": "assistant", "sessionId": text, "timestamp": at, "uuid": text, "requestId": text, "cwd": text}
        name = f"{n}{text}".replace("/", "").replace("\x00", "")
        (place / f"{name}.jsonl").write_text(json.dumps({**line, "message": message}) + "\n" + text + "\n")
    return folder


def import_file(folder: Path) -> Path:
    """A file of our own format that would change everything, with the texts wherever it may hold one."""
    config = _config().model_dump(mode="json", by_alias=True) | {"costLimits": {"daily": 500, "monthly": None}}
    file = {
        "format": "conduit-tui", "version": "2", EVERYTHING: EVERYTHING,
        "projects": [
            {"name": name, "created_at": 1, "updated_at": 1, "archived_at": None, EVERYTHING: 1, "config": config}
            for name in ("docs", "new")
        ],
        "providers": [
            {"name": name, "base_url": "http://127.0.0.1:8/v1", "dialects": ["openai-chat"], "models": [EVERYTHING],
             "key": {"kind": "env", "reference": EVERYTHING}, "created_at": 1, "updated_at": 1}
            for name in ("fast", "other")
        ],
        "price_overrides": [{"model": SHORT, "provider": EVERYTHING, "input": 3, "output": 4}],
    }  # fmt: skip
    path = folder / f"{IN_A_NAME[:60]}.json"
    path.write_text(json.dumps(file))
    return path
