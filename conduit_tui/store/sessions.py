"""Running totals of sessions: one row each, and one for each of its agents and models."""

import json
import sqlite3
from collections.abc import Sequence

import msgspec

from conduit_tui.domain.activity import CALLS_TOOL
from conduit_tui.domain.usage import UsageRow
from conduit_tui.store.insert import Insert

_SUMS = ("requests", "input_tokens", "output_tokens", "cache_read_tokens", "cost_nanodollars")
_ADDED = ", ".join(f"{name} = {name} + excluded.{name}" for name in (*_SUMS, "errors", "prompts"))
_TIMES = "first_at = min(first_at, excluded.first_at), last_at = max(last_at, excluded.last_at)"
_ADD = Insert(
    "sessions",
    (
        "project", "session", *_SUMS, "errors", "prompts", "first_at", "last_at", "first_usage_id", "last_usage_id",
        "client", "prompt_id", "stop",
    ),
    on_conflict=f"(session, project) DO UPDATE SET {_ADDED}, {_TIMES}, "
    "first_usage_id = min(first_usage_id, excluded.first_usage_id), "
    "last_usage_id = max(last_usage_id, excluded.last_usage_id), "
    "client = excluded.client, prompt_id = excluded.prompt_id, stop = excluded.stop",
)  # fmt: skip
_AGENT_KEY = ("project", "session", "agent", "model")
_ADD_AGENTS = Insert(
    "session_agents",
    (*_AGENT_KEY, *_SUMS, "first_at", "last_at", "agent_type", "stop"),
    on_conflict="DO UPDATE SET agent_type = iif(excluded.last_at >= last_at, excluded.agent_type, agent_type), "
    "stop = iif(excluded.last_at >= last_at, excluded.stop, stop), "
    f"{', '.join(f'{name} = {name} + excluded.{name}' for name in _SUMS)}, {_TIMES}",
)
_OF_THE_USER = frozenset({"", "main"})  # the request classes by which a user's turn is sent
_REFUSED = frozenset({"cost_limit", "session_stopped"})  # the errors of turns that nobody took
_TRIED_AGAIN = "tried again"  # stands for the reason to stop of an attempt that brought none and is made again


class _Told(msgspec.Struct):
    stop: str = ""
    prompt_id: str = ""


_decode = msgspec.json.Decoder(_Told).decode


class _Part:
    """What a batch of rows adds to an agent and model of a session."""

    __slots__ = ("cost", "first_at", "input", "last_at", "newest", "output", "read", "requests", "stop")

    def __init__(self, row: UsageRow, stop: str) -> None:
        self.requests = self.input = self.output = self.read = self.cost = 0
        self.first_at = self.last_at = row.created_at
        self.newest, self.stop = row, stop

    def add(self, row: UsageRow, stop: str) -> None:
        self.requests += 1
        self.input += row.input_tokens
        self.output += row.output_tokens
        self.read += row.cache_read_tokens
        self.cost += row.cost_nanodollars
        at = row.created_at
        if at >= self.last_at:
            self.last_at, self.newest, self.stop = at, row, stop
        elif at < self.first_at:
            self.first_at = at

    @property
    def sums(self) -> tuple[int, ...]:
        return self.requests, self.input, self.output, self.read, self.cost


class _Session:
    """What a batch of rows adds to a session."""

    __slots__ = ("client", "errors", "first_id", "last_id", "parts", "prompt_id", "prompts", "stop")

    def __init__(self, row: UsageRow, row_id: int, prompt_id: str, stop: str) -> None:
        self.parts: dict[tuple[str, str], _Part] = {}
        self.errors = self.prompts = 0
        self.client = row.client
        self.first_id = row_id
        self.prompt_id, self.stop = prompt_id, stop

    def add(self, row: UsageRow, row_id: int) -> None:
        told = _told(row)
        self.last_id = row_id
        if row.status >= 400 or row.status == 0:
            self.errors += 1
        if row.request_class in _OF_THE_USER and row.session and row.error_type not in _REFUSED:
            self._follow(row, told)
        key = row.agent, row.routed_model
        part = self.parts.get(key)
        if part is None:
            part = self.parts[key] = _Part(row, told.stop)
        part.add(row, told.stop)

    @property
    def values(self) -> tuple[object, ...]:
        parts = self.parts.values()
        sums = map(sum, zip(*[part.sums for part in parts], strict=True))
        times = min([part.first_at for part in parts]), max([part.last_at for part in parts])
        newest = self.client, self.prompt_id, self.stop
        return (*sums, self.errors, self.prompts, *times, self.first_id, self.last_id, *newest)

    def _follow(self, row: UsageRow, told: _Told) -> None:
        """Take in what a request of the main agent says of the user's turns."""
        if row.attempt == 1 and self._begins_turn(told):
            self.prompts += 1
        self.prompt_id, self.stop = told.prompt_id or self.prompt_id, told.stop

    def _begins_turn(self, told: _Told) -> bool:
        if told.prompt_id:
            return told.prompt_id != self.prompt_id
        return self.stop not in CALLS_TOOL and self.stop != _TRIED_AGAIN


def add(connection: sqlite3.Connection, rows: Sequence[UsageRow], ids: Sequence[int]) -> None:
    """Add rows, whose ids grow, to their sessions' totals."""
    sessions: dict[tuple[str, str], _Session] = {}
    before = _before(connection, rows)
    for row, row_id in zip(rows, ids, strict=True):
        key = row.project, row.session
        session = sessions.get(key)
        if session is None:
            session = sessions[key] = _Session(row, row_id, *before.get(key, ("", "")))
        session.add(row, row_id)
    _ADD.write(connection, [(*key, *session.values) for key, session in sessions.items()])
    _ADD_AGENTS.write(
        connection,
        [
            (*key, *part_key, *part.sums, part.first_at, part.last_at, part.newest.agent_type, part.stop)
            for key, session in sessions.items()
            for part_key, part in session.parts.items()
        ],
    )


def add_cost(connection: sqlite3.Connection, row: UsageRow, nanodollars: int) -> None:
    """Add to the cost of the session that a row was counted in; may be negative."""
    connection.execute(
        "UPDATE sessions SET cost_nanodollars = cost_nanodollars + ? WHERE (session, project) = (?, ?)",
        (nanodollars, row.session, row.project),
    )
    connection.execute(
        "UPDATE session_agents SET cost_nanodollars = cost_nanodollars + ? "
        "WHERE (session, project, agent, model) = (?, ?, ?, ?)",
        (nanodollars, row.session, row.project, row.agent, row.routed_model),
    )


def _before(connection: sqlite3.Connection, rows: Sequence[UsageRow]) -> dict[tuple[str, str], tuple[str, str]]:
    """By project and session, the prompt id and the reason to stop of the newest request so far; one query for all."""
    names = list({row.session for row in rows if row.session})
    if not names:
        return {}
    if len(names) == 1:
        found = connection.execute("SELECT project, session, prompt_id, stop FROM sessions WHERE session = ?", names)
    else:
        found = connection.execute(
            "SELECT project, session, prompt_id, stop FROM sessions WHERE session IN (SELECT value FROM json_each(?))",
            (json.dumps(names),),
        )
    return {(project, session): (prompt_id, stop) for project, session, prompt_id, stop in found}


def _told(row: UsageRow) -> _Told:
    try:
        told = _decode(row.metadata)
    except msgspec.MsgspecError:
        told = _Told()
    if not told.stop and (row.status in (0, 429) or row.status >= 500):
        told.stop = _TRIED_AGAIN
    return told
