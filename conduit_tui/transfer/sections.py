"""The sections of our own files: which tables they are of, and their columns in order."""

# ruff: noqa: S608 - the SQL that is put together here is constant; values are parameters

from typing import Any, NamedTuple

from conduit_tui.domain.limits import Mode, Period, Unpriced
from conduit_tui.domain.usage import UsageRow
from conduit_tui.store.histogram import SLOTS
from conduit_tui.transfer.columns import (
    LARGEST_COUNT,
    LARGEST_ID,
    Column,
    amount,
    cap,
    choice,
    count,
    instant,
    maybe_id,
    maybe_instant,
    name,
    nested,
    numbers,
    row_id,
    switch,
    text,
    total,
)
from conduit_tui.transfer.errors import TransferError

LATENCY = tuple(f"latency_{number:02}" for number in range(SLOTS))
FIRST_BYTE = tuple(f"first_byte_{number:02}" for number in range(SLOTS))

OPEN_WINDOWS = (
    "SELECT w.id FROM budget_windows AS w JOIN budgets AS b ON b.id = w.budget_id "
    "WHERE w.closed_at IS NULL AND (:project = '' OR b.project = :project)"
)


class Section(NamedTuple):
    """One list of a file. `select` yields `columns` in order; `:project` narrows it, empty is all.

    `key` names a row beside its project; `derived` are fields that are written for readers and not read back.
    `counted`: when a row was made, for the newest instant of a file.
    """

    name: str
    select: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    derived: tuple[str, ...] = ()
    created: str = "created_at"
    per_project: bool = True

    def read(self, given: Any, number: int) -> "Row":
        """A row of a file, checked; its fields that are not known here apart. Raises TransferError."""
        place = f"{self.name}.{number}"
        if not isinstance(given, dict):
            raise TransferError("must be an object", place)
        values = {column.name: column.read(given, place) for column in self.columns}
        if len(values) + len(self.derived) >= len(given) and all(key in values or key in self.derived for key in given):
            return Row(values, {})
        known = {*values, *self.derived}
        return Row(values, {key: value for key, value in given.items() if key not in known})

    def write(self, row: tuple[Any, ...]) -> dict[str, Any]:
        """A row of the database as a file has it; what comes after the columns is derived."""
        written = {
            column.name: column.write(value) if column.write else value
            for column, value in zip(self.columns, row, strict=False)
        }
        return written | dict(zip(self.derived, row[len(self.columns) :], strict=True))


class Row(NamedTuple):
    """A row of a file: values by column, as the database has them, and the fields that are not known here."""

    values: dict[str, Any]
    unknown: dict[str, Any]


def _names(columns: tuple[Column, ...]) -> str:
    return ", ".join(column.name for column in columns)


def _section(
    table: str, columns: tuple[Column, ...], key: str, *, called: str = "", order: str = "", **more: Any
) -> Section:
    project = "WHERE (:project = '' OR project = :project)" if more.get("per_project", True) else ""
    keys = tuple(key.split())
    by = order or ", ".join(("project", *keys) if project and "project" not in keys else keys)
    derived = "".join(f", {column}" for column in more.get("derived", ()))
    select = f"SELECT {_names(columns)}{derived} FROM {table} {project} ORDER BY {by}"
    return Section(called or table, select, columns, keys, **more)


_COUNTS = (
    "attempt", "input_tokens", "output_tokens", "cache_read_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens",
    "reasoning_tokens", "status", "latency_ms", "first_byte_ms", "overhead_us",
)  # fmt: skip


def _usage_column(field: str) -> Column:
    if field in _COUNTS:
        return count(field)
    if field == "cost_nanodollars":
        return amount(field)
    if field == "metadata":
        return nested(field)
    return instant(field) if field == "created_at" else text(field) if field == "routing_reason" else name(field)


USAGE = _section(
    "usage", (row_id("id"), *map(_usage_column, UsageRow._fields)), "exchange_id attempt", order="id",
    derived=("total_tokens",),
)  # fmt: skip
AGENTS = _section(
    "agents",
    (name("project"), name("agent"), name("agent_type"), name("client"), instant("first_at"), instant("last_at")),
    "agent",
    created="first_at",
)
_SESSION_SUMS = (
    *map(count, ("input_tokens", "output_tokens", "cache_read_tokens")), total("cost_nanodollars"), instant("first_at"),
    instant("last_at"),
)  # fmt: skip
SESSIONS = _section(
    "sessions",
    (
        name("project"), name("session"), name("client"), count("requests"), count("errors"), count("prompts"),
        *_SESSION_SUMS, count("first_usage_id", LARGEST_ID), count("last_usage_id", LARGEST_ID), name("prompt_id"),
        name("stop"),
    ),
    "session",
    created="first_at",
)  # fmt: skip
SESSION_AGENTS = _section(
    "session_agents",
    (
        name("project"), name("session"), name("agent"), name("agent_type"), name("model"), count("requests"),
        *_SESSION_SUMS, name("stop"),
    ),
    "session agent model",
    created="first_at",
)  # fmt: skip
SESSION_STOPS = _section(
    "session_stops", (name("project"), name("session"), text("reason"), instant("stopped_at")), "session",
    created="stopped_at",
)  # fmt: skip
ROLLUP_SUMS = (
    "requests", "errors", "input_tokens", "output_tokens", "cache_read_tokens", "cache_write_5m_tokens",
    "cache_write_1h_tokens", "reasoning_tokens",
)  # fmt: skip
_COUNTERS = (*map(count, ROLLUP_SUMS), total("cost_nanodollars"), count("latency_ms", LARGEST_COUNT * 1000))
ROLLUPS = _section(
    "usage_rollup",
    (
        instant("bucket"), name("project"), name("model"), name("agent_type"), name("provider"), *_COUNTERS,
        count("first_usage_id", LARGEST_ID), count("last_usage_id", LARGEST_ID), *map(count, (*LATENCY, *FIRST_BYTE)),
    ),
    "bucket project model agent_type provider",
    called="rollups",
    created="",
)  # fmt: skip
REROUTED = _section(
    "usage_rerouted",
    (
        instant("bucket"), name("project"), name("requested_model"), name("routed_model"), name("provider"),
        *(count(column) for column in ROLLUP_SUMS if column != "errors"), total("cost_nanodollars"),
    ),
    "bucket project requested_model routed_model provider",
    called="rerouted",
    created="",
)  # fmt: skip
RULE_HITS = _section(
    "rule_hits",
    (
        instant("bucket"), name("project"), name("rule_id"), name("requested_model"), name("routed_model"),
        count("requests"), count("broken_caches"), total("broken_cache_nanodollars"), instant("last_at"),
    ),
    "bucket project rule_id requested_model routed_model",
    created="",
)  # fmt: skip
CAPTURES = _section(
    "captures",
    (
        name("exchange_id"), name("project"), choice("kind", "message", "request", "answer"), switch("cut"),
        instant("created_at"), text("text"),
    ),
    "exchange_id kind",
    order="id",
)  # fmt: skip
PRICES = _section(
    "price_overrides",
    (
        name("provider"), name("model"), switch("free"), count("input"), count("output"),
        *(Column(rate, cap("").check, default=None) for rate in ("cache_read", "cache_write_5m", "cache_write_1h")),
        instant("updated_at"),
    ),
    "model provider",
    called="prices",
    created="updated_at",
    per_project=False,
)  # fmt: skip
BUDGETS = _section(
    "budgets",
    (
        name("project"), name("model"), name("agent_type"), cap("daily_nanodollars"), cap("monthly_nanodollars"),
        choice("mode", *map(str, Mode)), name("zone"), choice("unpriced", *map(str, Unpriced)),
        cap("raised_daily_nanodollars"), cap("raised_monthly_nanodollars"), maybe_instant("raised_until"),
        instant("updated_at"),
    ),
    "model agent_type",
    created="updated_at",
)  # fmt: skip
REVISIONS = Section(
    "revisions",
    "SELECT id, subject_kind, subject, action, changes, restored, created_at, body FROM revisions "
    "WHERE (:project = '' OR subject_kind = 'project' AND subject = :project) ORDER BY id",
    (
        row_id("id"), choice("subject_kind", "project", "provider"), name("subject"), name("action"),
        nested("changes"), maybe_id("restored"), instant("created_at"), nested("body"),
    ),
    ("id",),
)  # fmt: skip
# What is held would be charged at its hold if its gateway died; a file cannot know better.
WINDOWS = Section(
    "windows",
    "SELECT w.id, b.project, b.model, b.agent_type, w.period, w.zone, starts_at, ends_at, behind, w.created_at, "
    "cap_nanodollars, spent_nanodollars + held_nanodollars "
    f"FROM budget_windows AS w JOIN budgets AS b ON b.id = w.budget_id WHERE w.id IN ({OPEN_WINDOWS}) ORDER BY w.id",
    (
        row_id("id"), name("project"), name("model"), name("agent_type"), choice("period", *map(str, Period)),
        name("zone"), instant("starts_at"), instant("ends_at"), switch("behind"), instant("created_at"),
    ),
    ("id",),
    derived=("cap_nanodollars", "spent_nanodollars"),
)  # fmt: skip
_HELD = "state = 'held'"
LEDGER = Section(
    "ledger",
    f"SELECT exchange_id, attempt, iif({_HELD}, 'expired', state), hold_nanodollars, "
    f"iif({_HELD}, hold_nanodollars, cost_nanodollars), "
    f"(SELECT json_group_array(value) FROM (SELECT value FROM json_each(windows) WHERE value IN ({OPEN_WINDOWS}) "
    "ORDER BY value)) AS open, closes_at, "
    f"iif({_HELD}, trim(flags || ',worst-case', ','), flags), usage, created_at, expires_at, "
    "coalesce(ended_at, created_at) FROM ledger_entries WHERE open <> '[]' ORDER BY exchange_id, attempt",
    (
        name("exchange_id"), count("attempt"), choice("state", "settled", "void", "expired"),
        amount("hold_nanodollars"), amount("cost_nanodollars"), numbers("windows"), instant("closes_at"),
        name("flags"), nested("usage"), instant("created_at"), instant("expires_at"), instant("ended_at"),
    ),
    ("exchange_id", "attempt"),
)  # fmt: skip

SECTIONS = {
    section.name: section
    for section in (
        REVISIONS, PRICES, BUDGETS, WINDOWS, LEDGER, AGENTS, SESSIONS, SESSION_AGENTS, SESSION_STOPS, USAGE,
        ROLLUPS, REROUTED, RULE_HITS, CAPTURES,
    )
}  # fmt: skip
