"""Usage rows for the store's tests, and a plain Python account of what the store should make of them."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import count

from conduit_tui.domain.usage import UsageRow
from conduit_tui.store.interface import UsageFilter

START = 1_800_000_000_000  # 2027-01-15 08:00 UTC, the start of a bucket
_numbers = count(1)


def usage_row(**changes: object) -> UsageRow:
    """A row of a new exchange."""
    row = UsageRow(
        exchange_id=f"exchange-{next(_numbers)}",
        attempt=1,
        project="default",
        agent="",
        agent_type="main",
        session="session-1",
        request_class="main",
        client="claude-cli",
        dialect="anthropic",
        requested_model="claude-opus-5",
        routed_model="claude-haiku-5",
        provider="anthropic",
        input_tokens=1000,
        output_tokens=200,
        cache_read_tokens=300,
        cache_write_5m_tokens=40,
        cache_write_1h_tokens=5,
        reasoning_tokens=60,
        cost_nanodollars=7_000_000,
        cost_currency="USD",
        price_source="genai-prices 0.2.3",
        routing_source="rule",
        routing_reason="rule 'small talk'",
        rule_id="r1",
        status=200,
        error_type="",
        latency_ms=1500,
        first_byte_ms=400,
        overhead_us=120,
        flags="",
        metadata="{}",
        created_at=START,
    )
    return row._replace(**changes)


@dataclass
class Sums:
    """What rows add up to."""

    rows: list[UsageRow] = field(default_factory=list)

    def as_tuple(self) -> tuple[int, ...]:
        return (
            len(self.rows),
            sum(row.status == 0 or row.status >= 400 for row in self.rows),
            sum(row.input_tokens for row in self.rows),
            sum(row.output_tokens for row in self.rows),
            sum(row.cache_read_tokens for row in self.rows),
            sum(row.cost_nanodollars for row in self.rows),
        )


def group_by(rows: Iterable[UsageRow], key: object) -> dict[str, tuple[int, ...]]:
    """The sums of rows by a key, as `usage_totals` names them."""
    groups: dict[str, Sums] = {}
    for row in rows:
        groups.setdefault(key(row), Sums()).rows.append(row)  # type: ignore[operator]
    return {name: sums.as_tuple() for name, sums in groups.items()}


def meets(row: UsageRow, where: UsageFilter) -> bool:
    """What a filter means, written down once more and naively."""

    def holds(text: str, *fields: str) -> bool:
        return any(text.lower() in value.lower() for value in fields)

    if where.project and row.project != where.project:
        return False
    if where.session and row.session != where.session:
        return False
    if row.created_at < where.since or (where.until and row.created_at >= where.until):
        return False
    if where.model and not holds(where.model, row.requested_model, row.routed_model):
        return False
    if where.text and not holds(
        where.text, row.requested_model, row.routed_model, row.project, row.session, row.agent_type, row.provider,
        row.error_type, row.routing_reason,
    ):  # fmt: skip
        return False
    if where.status == "error":
        return row.status == 0 or row.status >= 400
    if re.fullmatch(r"\dxx", where.status):
        return row.status // 100 == int(where.status[0])
    return not where.status or str(row.status) == where.status
