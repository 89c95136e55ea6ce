"""Writing what a file says was used: rows in steps, and the sums of rows that are no more."""

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

from conduit_tui.domain.usage import UsageRow
from conduit_tui.store import rollups, usage
from conduit_tui.store.insert import Insert
from conduit_tui.store.sqlite import sum_up
from conduit_tui.transfer.apply_configuration import keep_unknown
from conduit_tui.transfer.sections import SECTIONS, Row
from conduit_tui.transfer.source import Source

BATCH = 1_000  # usage rows of one transaction

_TABLES = {"rollups": "usage_rollup", "rerouted": "usage_rerouted"}
_SUMMED = ("sessions", "session_agents", "rollups", "rerouted", "rule_hits")
_WITH_TIMES = ("sessions", "session_agents")  # which also tell when something was there, however little it used
_WORDS = ("agent_type", "client", "prompt_id", "stop")


class Step(NamedTuple):
    """What one step wrote: ids of usage rows, and how many were here already."""

    ids: Sequence[int]
    present: int


def batches(source: Source) -> Iterator[list[Row]]:
    """The usage rows of a file, some at a time."""
    rows = source.rows("usage")
    while batch := list(islice(rows, BATCH)):
        yield batch


def present(connection: sqlite3.Connection, rows: Iterable[Row]) -> set[tuple[str, int]]:
    """Which attempts of some rows are here already."""
    keys = json.dumps([[row.values["exchange_id"], row.values["attempt"]] for row in rows])
    cursor = connection.execute(
        "SELECT exchange_id, attempt FROM json_each(?) AS wanted CROSS JOIN usage "
        "ON exchange_id = wanted.value ->> 0 AND attempt = wanted.value ->> 1",
        (keys,),
    )
    return set(cursor)


def write_usage(connection: sqlite3.Connection, rows: Sequence[Row], prefix: str = "") -> Step:
    """Write usage rows that are not here yet, with all that sums them up.

    A row keeps its id where that is higher than any here: then the order stays the order of time.
    """
    here = present(connection, rows)
    new = {}
    for row in rows:
        key = (row.values["exchange_id"], row.values["attempt"])
        if key not in here:
            new[key] = row
    ids: list[int] = []
    last = usage.last_id(connection)
    usage_rows = []
    for row in new.values():
        wanted = row.values["id"]
        last = wanted if wanted > last else last + 1
        ids.append(last)
        usage_rows.append(UsageRow(**{field: row.values[field] for field in UsageRow._fields}))
    _INSERT_USAGE.write(connection, [(id_, *row) for id_, row in zip(ids, usage_rows, strict=True)])
    sum_up(connection, usage_rows, ids)
    keep_unknown(connection, "usage", new.values(), prefix)
    return Step(ids, len(rows) - len(new))


_INSERT_USAGE = Insert("usage", ("id", *UsageRow._fields))


class Remainders:
    """What a file's sums say beyond its rows: of rows that were deleted by age before it was written."""

    def __init__(self) -> None:
        self._rows: dict[str, dict[tuple[Any, ...], int]] = {name: defaultdict(int) for name in _SUMMED}

    def count(self, rows: Iterable[Row]) -> None:
        """Note usage rows of the file, whether they are here already or not."""
        for row in rows:
            values = row.values
            bucket = values["created_at"] - values["created_at"] % rollups.BUCKET_MS
            project, requested, routed = values["project"], values["requested_model"], values["routed_model"]
            session = values["session"]
            self._rows["sessions"][project, session] += 1
            self._rows["session_agents"][project, session, values["agent"], routed] += 1
            self._rows["rollups"][bucket, project, routed, values["agent_type"], values["provider"]] += 1
            if requested != routed and values["input_tokens"]:
                self._rows["rerouted"][bucket, project, requested, routed, values["provider"]] += 1
            if values["rule_id"] and values["attempt"] == 1:
                self._rows["rule_hits"][bucket, project, values["rule_id"], requested, routed] += 1

    def write(self, connection: sqlite3.Connection, source: Source) -> None:
        """Raise sums here to what the file says where it counted more than its rows.

        A sum that both have is the greater one, so that nothing is counted twice.
        """
        days: set[int] = set()
        for name in _SUMMED:
            section = SECTIONS[name]
            key = ("project", *section.key) if "project" not in section.key else section.key
            for row in source.rows(name):
                values, counted = row.values, self._rows[name].get(tuple(row.values[column] for column in key), 0)
                if values["requests"] > counted:
                    _raise(connection, name, key, values)
                    days.add(values.get("bucket", 0))
                elif name in _WITH_TIMES:
                    _raise(connection, name, key, _only_times(values))
            keep_unknown(connection, name, source.rows(name), source.prefix)
        rollups.sum_again(connection, {at - at % rollups.DAY_MS for at in days if at})
        _note(connection, "agents", source, "DO UPDATE SET first_at = min(first_at, excluded.first_at), "
              "last_at = max(last_at, excluded.last_at)")  # fmt: skip
        _note(connection, "session_stops", source, "DO NOTHING")
        _note(connection, "captures", source, "DO NOTHING")


def _only_times(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        column: value if isinstance(value, str) or column.endswith("_at") else 0 for column, value in values.items()
    }


def _raise(connection: sqlite3.Connection, name: str, key: Sequence[str], values: Mapping[str, Any]) -> None:
    if name == "session_agents" and not values["model"] and _seen(connection, values):
        return
    columns = [column.name for column in SECTIONS[name].columns]

    def merged(column: str) -> str:
        if column in _WORDS:
            return column
        if column == "first_usage_id":  # 0 says nothing
            return f"iif(excluded.{column} > 0, min({column}, excluded.{column}), {column})"
        return f"{'min' if column == 'first_at' else 'max'}({column}, excluded.{column})"

    changing = ", ".join(f"{column} = {merged(column)}" for column in columns if column not in key)
    Insert(_TABLES.get(name, name), columns, on_conflict=f"({', '.join(key)}) DO UPDATE SET {changing}").write(
        connection, [tuple(values[column] for column in columns)]
    )


def _seen(connection: sqlite3.Connection, values: Mapping[str, Any]) -> bool:
    """Whether an agent is known to have been in a session, with whatever model."""
    found = connection.execute(
        "SELECT 1 FROM session_agents WHERE (session, project, agent) = (?, ?, ?) AND model <> ''",
        (values["session"], values["project"], values["agent"]),
    )
    return found.fetchone() is not None


def _note(connection: sqlite3.Connection, name: str, source: Source, on_conflict: str) -> None:
    columns = [column.name for column in SECTIONS[name].columns]
    insert, rows = Insert(name, columns, on_conflict=on_conflict), source.rows(name)
    while batch := list(islice(rows, BATCH)):
        insert.write(connection, [tuple(row.values[column] for column in columns) for row in batch])
        keep_unknown(connection, name, batch, source.prefix)
