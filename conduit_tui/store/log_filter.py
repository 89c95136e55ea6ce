"""An expression of the rule language as a WHERE clause over usage rows: constant text, values only as parameters.

It answers as rules do: a condition on what a row does not have is false. What is never kept of a request (the system
prompt, how far the budget was used, its metadata) no row has.
"""

import sqlite3
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import re2

from conduit_tui.domain.rules import Condition, Group
from conduit_tui.store.clause import Clause

_MATCHES = "conduit_matches"
_LONGEST_TEXT = 1_000_000  # characters that a pattern is looked for in

_TEXTS = {
    "agentType": "agent_type",
    "model": "requested_model",
    "routedModel": "routed_model",
    "project": "project",
    "agent": "agent",
    "session": "session",
    "requestClass": "request_class",
    "dialect": "dialect",
    "error": "error_type",
    "message": "(SELECT text FROM captures WHERE captures.exchange_id = usage.exchange_id AND kind = 'message')",
}
_FACTS = "CASE WHEN json_valid(metadata) THEN json_extract(metadata, '$.facts.{}') END"
_NUMBERS = {
    "tokenCount": f"coalesce({_FACTS.format('tokenCount')}, nullif(input_tokens, 0))",
    "maxTokens": f"nullif({_FACTS.format('maxTokens')}, 0)",
    "toolCount": _FACTS.format("toolCount"),
    "messageCount": _FACTS.format("messageCount"),
    "cost": "cost_nanodollars / 1e9",
    "status": "status",
    "inputTokens": "input_tokens",
    "outputTokens": "output_tokens",
    "latency": "latency_ms",
    "hour": "CAST(strftime('%H', created_at / 1000, 'unixepoch') AS INTEGER)",
    "weekday": "(CAST(strftime('%w', created_at / 1000, 'unixepoch') AS INTEGER) + 6) % 7 + 1",
}
_FLAGS = (
    "EXISTS (SELECT 1 FROM json_each(CASE WHEN json_valid(metadata) THEN metadata ELSE '{{}}' END, '$.facts.flags') "
    "WHERE {})"
)
_HEADER = (
    "(SELECT json_extract(value, '$[1]') FROM "
    "json_each(CASE WHEN json_valid(metadata) THEN metadata ELSE '{}' END, '$.request_headers') "
    "WHERE lower(json_extract(value, '$[0]')) = ? LIMIT 1)"
)
_COMPARISONS = {">": ">", "<": "<", ">=": ">=", "<=": "<=", "=": "=", "!=": "<>"}
_NOTHING = Clause("FALSE")


def clause(expression: Group) -> Clause:
    """The rows that an expression names; one without conditions names none. Raises ValueError for what is unknown."""
    return _node(expression)


def prepare(connection: sqlite3.Connection) -> None:
    """Give a connection what the clauses call."""
    connection.create_function(_MATCHES, 2, _matches, deterministic=True)


def _node(node: Condition | Group) -> Clause:
    if isinstance(node, Condition):
        found = _condition(node)
        return Clause(f"coalesce({found.sql}, FALSE)", found.values)
    members = [_node(member) for member in node.rules]
    if not members:
        return _NOTHING
    joint = " AND " if node.type == "AND" else " OR "
    sql = joint.join(member.sql for member in members)
    values = tuple(value for member in members for value in member.values)
    return Clause(f"NOT ({sql})" if node.type == "NOT" else f"({sql})", values)


def _condition(condition: Condition) -> Clause:
    name, operator, value = condition.field, condition.operator, condition.value
    if name in _NUMBERS:
        return _compared(Clause(_NUMBERS[name]), operator, _number(value))
    if name in _TEXTS:
        return _text(Clause(f"nullif({_TEXTS[name]}, '')"), operator, value)
    if name == "flags":
        test = "value = ?" if operator == "contains" else f"{_MATCHES}(?, value)"
        return Clause(_FLAGS.format(test), (str(value),))
    if name.startswith("header."):
        header = Clause(_HEADER, (name.removeprefix("header.").lower(),))
        if operator in ("=", "!=", "contains", "matches"):
            return _text(header, operator, value)
        return _compared(Clause(f"CAST({header.sql} AS REAL)", header.values), operator, _number(value))
    return _NOTHING


def _text(column: Clause, operator: str, value: str | int | float) -> Clause:
    if operator == "matches":
        return Clause(f"{_MATCHES}(?, {column.sql})", (str(value), *column.values))
    if operator == "contains":
        return Clause(f"instr({column.sql}, ?) > 0", (*column.values, str(value)))
    return _compared(column, operator, str(value))


def _compared(column: Clause, operator: str, value: str | int | float) -> Clause:
    if operator not in _COMPARISONS:
        raise ValueError(f"the operator {operator} does not apply here")
    return Clause(f"{column.sql} {_COMPARISONS[operator]} ?", (*column.values, value))


def _number(value: str | int | float) -> int | float:
    if isinstance(value, str):
        number = float(value)
        return int(number) if number.is_integer() else number
    return value


@lru_cache(maxsize=64)
def _pattern(text: str) -> Callable[[str], Any]:
    options = re2.Options()
    options.log_errors = False
    search: Callable[[str], Any] = re2.compile(text, options).search
    return search


def _matches(pattern: str, text: object) -> bool | None:
    return None if text is None else _pattern(pattern)(str(text)[:_LONGEST_TEXT]) is not None
