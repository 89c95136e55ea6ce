"""The log's filter in the rule language names the rows that the rules' own evaluation names."""

import json
from datetime import UTC, datetime

import pytest
from store_rows import START, usage_row

from conduit_tui.domain.captures import Capture, CaptureKind
from conduit_tui.domain.usage import UsageRow
from conduit_tui.routing.compiler import compile_group
from conduit_tui.routing.expression import parse
from conduit_tui.routing.facts import Facts
from conduit_tui.routing.fields import Scope
from conduit_tui.store.interface import UsageFilter
from conduit_tui.store.reader import SqliteReader
from conduit_tui.store.sqlite import SqliteStore

pytestmark = pytest.mark.anyio

KEPT = {"tokenCount": 61_204, "maxTokens": 32_000, "toolCount": 12, "messageCount": 9, "flags": ["stream", "tools"]}
HEADERS = [["User-Agent", "claude-cli/2.1.330"], ["x-budget", "12.5"]]
ROWS = [
    usage_row(),
    usage_row(requested_model="gpt-6.1-sol", routed_model="gpt-6.1-sol", dialect="openai-chat", agent_type=""),
    usage_row(cost_nanodollars=61_000_000, metadata=json.dumps({"facts": KEPT, "request_headers": HEADERS})),
    usage_row(status=529, error_type="overloaded_error", input_tokens=0, output_tokens=0, cost_nanodollars=0),
    usage_row(metadata="not json", latency_ms=9_000, created_at=START + 15 * 3_600_000),
    usage_row(metadata=json.dumps({"facts": {**KEPT, "tokenCount": 10, "flags": []}}), agent="a'); DROP TABLE usage"),
    usage_row(session="", request_class="subagent", created_at=START + 36 * 3_600_000),
]
MESSAGES = {0: "Analyse the slow query.", 2: "Fix the 100 % CPU of the worker", 3: 'say "hello"\nthere'}

EXPRESSIONS = [
    'model contains "opus" and cost > 0.05',
    'model contains "opus" and not cost > 0.05',
    "cost <= 0.007",
    'routedModel = "claude-haiku-5" or error contains "overload"',
    "status >= 400 or status = 0",
    'agentType != "main"',
    'not agentType = "main"',
    'error != "x"',
    "tokenCount > 50000",
    "tokenCount > 50k",
    'maxTokens = "32000"',
    'not (toolCount < 20 and flags contains "tools")',
    'flags matches "^str"',
    'not flags contains "tools"',
    'message matches "(?i)analy[sz]e"',
    'message contains "100 %"',
    'message contains "\\"hello\\"\\n"',
    'not message contains "a"',
    'header.user-agent contains "claude-cli"',
    "header.X-Budget > 12",
    'header.x-budget = 12.5 or header.missing = "a"',
    "hour >= 22 or hour < 6",
    "weekday = 6",
    "latency > 5000 and inputTokens >= 1000 and outputTokens != 3",
    'agent contains "DROP TABLE"',
    'session matches "." and requestClass = "main" and dialect != "openai-chat" and project = "default"',
    'system contains "a" or budgetUsed > 0 or metadata.user_id = "x"',
    'not (system contains "a")',
]


def facts_of(number: int, row: UsageRow) -> Facts:
    """What rules would be told of a row."""
    try:
        told = json.loads(row.metadata)
    except ValueError:
        told = {}
    kept = told.get("facts", {})
    headers = {name.lower(): value for name, value in told.get("request_headers", [])}
    at = datetime.fromtimestamp(row.created_at / 1000, UTC)
    facts = Facts(
        {
            **{name: kept.get(name) for name in ("toolCount", "messageCount", "maxTokens")},
            "flags": kept.get("flags", ()),
            "tokenCount": kept.get("tokenCount") or row.input_tokens or None,
            "model": row.requested_model,
            "routedModel": row.routed_model,
            "agentType": row.agent_type or None,
            "agent": row.agent or None,
            "session": row.session or None,
            "requestClass": row.request_class or None,
            "dialect": row.dialect,
            "project": row.project,
            "error": row.error_type or None,
            "message": MESSAGES.get(number),
            "cost": row.cost_nanodollars / 1e9,
            "status": row.status,
            "inputTokens": row.input_tokens,
            "outputTokens": row.output_tokens,
            "latency": row.latency_ms,
            "hour": at.hour,
            "weekday": at.isoweekday(),
        },
        families={"header": headers.get, "metadata": lambda _path: None},
    )
    facts.patient = True
    return facts


@pytest.fixture
async def filled(sqlite_store: SqliteStore, sqlite_reader: SqliteReader) -> SqliteReader:
    for number, row in enumerate(ROWS):
        text = MESSAGES.get(number)
        kept = [Capture(row.exchange_id, row.project, CaptureKind.MESSAGE, False, row.created_at, text)] if text else []
        await sqlite_store.record(row, kept)
    return sqlite_reader


@pytest.mark.parametrize("text", EXPRESSIONS)
async def test_names_what_rules_would_match(filled: SqliteReader, text: str) -> None:
    from conduit_tui.tui.log_expression import read

    expression = read(text)
    assert expression is not None
    evaluate = compile_group(parse(text, Scope.LOG)).evaluate
    expected = [number for number, row in enumerate(ROWS, 1) if evaluate(facts_of(number - 1, row)) is True]
    assert list(await filled.usage_ids(UsageFilter(expression=expression))) == expected


async def test_goes_together_with_the_other_filters(filled: SqliteReader) -> None:
    where = UsageFilter(project="default", expression=parse('model contains "opus"', Scope.LOG))
    assert list(await filled.usage_ids_after(3, where)) == [4, 5, 6, 7]
    assert await filled.usage_count(where._replace(project="other")) == 0


async def test_most_expressions_name_some_rows_and_leave_some(filled: SqliteReader) -> None:
    """The list above would prove little if its expressions named everything or nothing."""
    counts = [await filled.usage_count(UsageFilter(expression=parse(text, Scope.LOG))) for text in EXPRESSIONS]
    assert sum(0 < found < len(ROWS) for found in counts) > 20, counts
