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


class _Totals:
    """What a batch of rows adds to a session."""

    __slots__ = ("client", "errors", "prompt_id", "prompts", "stop", "sums")

    def __init__(self, row: UsageRow, prompt_id: str, stop: str) -> None:
        self.sums = [0, 0, 0, 0, 0]
        self.errors = self.prompts = 0
        self.client = row.client
        self.prompt_id, self.stop = prompt_id, stop

    @property
    def newest(self) -> tuple[str, str, str]:
        return self.client, self.prompt_id, self.stop

    def follow(self, row: UsageRow, told: _Told) -> None:
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
    sessions: dict[tuple[str, str], _Totals] = {}
    spans: dict[tuple[str, str], list[int]] = {}
    agents: dict[tuple[str, str, str, str], tuple[list[int], list[int], UsageRow, str]] = {}
    before = _before(connection, rows)
    for row, row_id in zip(rows, ids, strict=True):
        told = _told(row)
        key = (row.project, row.session)
        totals = sessions.get(key)
        if totals is None:
            totals = sessions[key] = _Totals(row, *before.get(key, ("", "")))
            spans[key] = [row.created_at, row.created_at, row_id, row_id]
        span = spans[key]
        span[:] = min(span[0], row.created_at), max(span[1], row.created_at), span[2], row_id
        _sum(totals.sums, row)
        totals.errors += row.status >= 400 or row.status == 0
        if row.request_class in _OF_THE_USER and row.session and row.error_type not in _REFUSED:
            totals.follow(row, told)
        part = (*key, row.agent, row.routed_model)
        sums, times, newest, stop = agents.get(part, ([0] * len(_SUMS), [row.created_at] * 2, row, told.stop))
        _sum(sums, row)
        times[:] = min(times[0], row.created_at), max(times[1], row.created_at)
        if row.created_at >= newest.created_at:
            newest, stop = row, told.stop
        agents[part] = (sums, times, newest, stop)
    _ADD.write(
        connection,
        [
            (
                *key,
                *totals.sums,
                totals.errors,
                totals.prompts,
                *spans[key],
                totals.client,
                totals.prompt_id,
                totals.stop,
            )
            for key, totals in sessions.items()
        ],
    )
    _ADD_AGENTS.write(
        connection,
        [(*part, *sums, *times, newest.agent_type, stop) for part, (sums, times, newest, stop) in agents.items()],
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


def _sum(sums: list[int], row: UsageRow) -> None:
    sums[0] += 1
    sums[1] += row.input_tokens
    sums[2] += row.output_tokens
    sums[3] += row.cache_read_tokens
    sums[4] += row.cost_nanodollars


def _before(connection: sqlite3.Connection, rows: Sequence[UsageRow]) -> dict[tuple[str, str], tuple[str, str]]:
    """By project and session, the prompt id and the reason to stop of the newest request so far; one query for all."""
    names = list({row.session for row in rows if row.session})
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
