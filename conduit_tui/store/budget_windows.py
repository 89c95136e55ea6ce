"""Windows of budgets: what is spent and held in a day or month."""

# ruff: noqa: S608 - only numbers of placeholders and constant text are put together; values are parameters

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from conduit_tui.domain.limits import Period, Scope, Window

# The cap in force at an instant; NULL, no limit, stays NULL.
_CAP = "iif(w.raised_until > {now}, max(cap_nanodollars, coalesce(raised_nanodollars, 0)), cap_nanodollars)"
_COLUMNS = (
    f"w.id, b.project, b.model, b.agent_type, period, w.zone, starts_at, ends_at, {_CAP.format(now='?1')}, "
    "spent_nanodollars, held_nanodollars"
)
_FROM = "FROM budget_windows AS w JOIN budgets AS b ON b.id = budget_id"
# A statement that begins with WITH would not say how many rows it changed.
_HOLD = f"""
    UPDATE budget_windows SET held_nanodollars = held_nanodollars + granted.amount
    FROM (
        WITH wanted (id, amount) AS (VALUES {{wanted}})
        SELECT id, amount FROM wanted WHERE NOT EXISTS (
            SELECT 1 FROM wanted AS other JOIN budget_windows AS w ON w.id = other.id
            WHERE w.spent_nanodollars + w.held_nanodollars + other.amount > {_CAP.format(now="?1")}
                OR {_CAP.format(now="?1")} = 0
        )
    ) AS granted
    WHERE budget_windows.id = granted.id
"""


class OpenWindow(NamedTuple):
    """The window in force of a budget and period. `behind`: see the schema."""

    budget_id: int
    behind: bool
    window: Window


class Change(NamedTuple):
    """What is added to a window, in nano-dollars; either may be negative."""

    spent: int = 0
    held: int = 0


def open_of(connection: sqlite3.Connection, budget_ids: Iterable[int], now: int) -> list[OpenWindow]:
    """The open windows of some budgets, with the caps in force at an instant."""
    ids = tuple(budget_ids)
    places = ", ".join("?" * len(ids))
    cursor = connection.execute(
        f"SELECT budget_id, behind, {_COLUMNS} {_FROM} WHERE closed_at IS NULL AND budget_id IN ({places})", (now, *ids)
    )
    return [OpenWindow(budget_id, bool(behind), _window(row)) for budget_id, behind, *row in cursor]


def counting(connection: sqlite3.Connection, projects: Iterable[str]) -> list[Window]:
    """The open windows with a cap of the overall budget and of these projects' that everything spent is entered in."""
    names = ("", *projects)
    places = ", ".join("?" * len(names))
    cursor = connection.execute(
        f"SELECT {_COLUMNS} {_FROM} WHERE closed_at IS NULL AND cap_nanodollars IS NOT NULL AND behind = 0 "
        f"AND b.project IN ({places})",
        (0, *names),
    )
    return [_window(row) for row in cursor]


def all_open(connection: sqlite3.Connection, now: int) -> list[Window]:
    """Every open window."""
    cursor = connection.execute(f"SELECT {_COLUMNS} {_FROM} WHERE closed_at IS NULL", (now,))
    return [_window(row) for row in cursor]


def of_ids(connection: sqlite3.Connection, ids: Iterable[int], now: int) -> list[Window]:
    """The windows with these ids, open or closed, with the caps in force at an instant."""
    wanted = tuple(ids)
    places = ", ".join("?" * len(wanted))
    cursor = connection.execute(f"SELECT {_COLUMNS} {_FROM} WHERE w.id IN ({places})", (now, *wanted))
    return [_window(row) for row in cursor]


def create(
    connection: sqlite3.Connection, budget_id: int, period: Period, zone: str, starts_at: int, ends_at: int, now: int
) -> int:
    """Open a window in place of the one that was open, with the caps that its budget has; its id."""
    connection.execute(
        "UPDATE budget_windows SET closed_at = ? WHERE budget_id = ? AND period = ? AND closed_at IS NULL",
        (now, budget_id, period),
    )
    column = "daily_nanodollars" if period is Period.DAY else "monthly_nanodollars"
    cursor = connection.execute(
        "INSERT INTO budget_windows (budget_id, period, zone, starts_at, ends_at, cap_nanodollars, raised_nanodollars, "
        f"raised_until, created_at) SELECT id, ?, ?, ?, ?, {column}, raised_{column}, coalesce(raised_until, 0), ? "
        "FROM budgets WHERE id = ?",
        (period, zone, starts_at, ends_at, now, budget_id),
    )
    return cursor.lastrowid or 0


def caught_up(connection: sqlite3.Connection, window_id: int) -> None:
    """Note that everything spent in a window is entered."""
    connection.execute("UPDATE budget_windows SET behind = 0 WHERE id = ?", (window_id,))


def set_cap(
    connection: sqlite3.Connection,
    budget_id: int,
    period: Period,
    cap: int | None,
    raised: int | None,
    raised_until: int,
    *,
    behind: bool,
) -> None:
    """Give a budget's open window of a period its caps."""
    connection.execute(
        "UPDATE budget_windows SET cap_nanodollars = ?, raised_nanodollars = ?, raised_until = ?, "
        "behind = max(behind, ?) WHERE budget_id = ? AND period = ? AND closed_at IS NULL",
        (cap, raised, raised_until, behind, budget_id, period),
    )


def hold(connection: sqlite3.Connection, amounts: Mapping[int, int], now: int) -> bool:
    """Hold amounts in windows, by their ids, if every window concerned has room: all of them or none."""
    wanted = ", ".join(f"(?{2 * number + 2}, ?{2 * number + 3})" for number in range(len(amounts)))
    cursor = connection.execute(
        _HOLD.format(wanted=wanted), (now, *(value for pair in amounts.items() for value in pair))
    )
    return cursor.rowcount == len(amounts)


def change(connection: sqlite3.Connection, changes: Mapping[int, Change]) -> None:
    """Add to what is spent and held in windows, by their ids. What was spent already is added whatever the cap is."""
    if not changes:
        return
    rows = ", ".join(["(?, ?, ?)"] * len(changes))
    connection.execute(
        f"WITH changes (id, spent, held) AS (VALUES {rows}) "
        "UPDATE budget_windows SET spent_nanodollars = spent_nanodollars + changes.spent, "
        "held_nanodollars = held_nanodollars + changes.held FROM changes WHERE budget_windows.id = changes.id",
        tuple(value for id_, change in changes.items() for value in (id_, *change)),
    )


def _window(row: Sequence[object]) -> Window:
    id_, project, model, agent_type, period, *rest = row
    return Window(id_, Scope(project, model, agent_type), Period(period), *rest)  # type: ignore[arg-type]
