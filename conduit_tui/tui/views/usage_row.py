"""One line of the Requests list: its columns, and what a row or an exchange under way says in them."""

from collections.abc import Sequence
from typing import NamedTuple

from conduit_tui.domain.live import InFlight
from conduit_tui.domain.money import format_dollars
from conduit_tui.domain.usage import StoredUsage, UsageFlag
from conduit_tui.tui import activity
from conduit_tui.tui import format as words
from conduit_tui.tui.ink import Ink, Line, Part
from conduit_tui.tui.recent import failed
from conduit_tui.tui.table import GAP, Column, cell
from conduit_tui.tui.views import names

MARGIN = 1

COLUMNS = (
    Column("time", "time", 5),
    Column("project", "project", 10, stretch=1, widest=20),
    Column("model", "model", 20, stretch=4, widest=44),
    Column("in", "in", 6, right=True),
    Column("out", "out", 5, right=True, give_way=1),
    Column("cache", "cache", 5, right=True),
    Column("cost", "cost", 7, right=True),
    Column("ms", "ms", 6, right=True, give_way=2),
    Column("agent", "agent", 12, give_way=3),
    Column("why", "why", 14, give_way=4, stretch=3, widest=60),
)
FIGURES = ("in", "out", "cache", "cost")


class UsageLine(NamedTuple):
    """What the list keeps of a row."""

    exchange_id: str
    created_at: int
    project: str
    model: str
    input_tokens: str
    output_tokens: str
    cache: str
    cost: str
    latency: str
    agent: str
    why: str
    error: str


_NOT_EXACT = frozenset(map(str, (
    UsageFlag.ESTIMATED, UsageFlag.WORST_CASE, UsageFlag.UNPRICED, UsageFlag.PARTLY_PRICED,
)))  # fmt: skip
_UNMATCHED = "no rule matched: "  # of most requests; what comes after it is what differs
GONE = UsageLine("", 0, "", "deleted", "", "", "", "", "", "", "", "")


def shorten(stored: StoredUsage) -> UsageLine:
    """The row in the words of the list."""
    row = stored.row
    flags = row.flags.split(",") if row.flags else []
    if UsageFlag.UNPRICED in flags and not row.cost_nanodollars:
        cost = "?"
    else:
        sign = "~" if _NOT_EXACT.intersection(flags) else ""
        cost = sign + format_dollars(row.cost_nanodollars)
    return UsageLine(
        exchange_id=row.exchange_id,
        created_at=row.created_at,
        project=row.project,
        model=names.model_change(row.requested_model, row.routed_model),
        input_tokens=words.tokens(row.input_tokens),
        output_tokens=words.tokens(row.output_tokens),
        cache=words.whole_percent(row.cache_read_tokens, row.input_tokens),
        cost=cost,
        latency=words.count(row.latency_ms),
        agent=row.agent_type or row.request_class or row.client,
        why=_why(row.routing_source, row.routing_reason),
        error=_error(row.status, row.error_type, flags),
    )


def _why(source: str, reason: str) -> str:
    """Why the model: the name of the rule, else the reason."""
    _, opened, rest = reason.partition('rule "')
    name, closed, _ = rest.partition('"')
    return name if source == "rule" and opened and closed else reason.removeprefix(_UNMATCHED) or source


def _error(status: int, error_type: str, flags: Sequence[str]) -> str:
    if not failed(status):
        return ""
    if status:
        return f"{status} {error_type.replace('_', ' ')}".strip()
    if UsageFlag.ABORTED in flags:
        return "client left"
    return f"no answer {error_type.replace('_', ' ')}".strip()


def line_of(shown: UsageLine, columns: Sequence[Column], now: int, *, lean: bool) -> Line:
    """The line of a row. `lean` draws it in one ink, which is half the bytes."""
    values = {
        "time": words.moment(shown.created_at, now) if shown.created_at else "",
        "project": shown.project,
        "model": shown.model,
        "in": shown.input_tokens,
        "out": shown.output_tokens,
        "cache": shown.cache,
        "cost": shown.cost,
        "ms": shown.latency,
        "agent": shown.agent,
        "why": shown.why,
    }
    if shown.error:
        return _with_note(columns, values, shown.error, Ink.BAD, lean=lean)
    if lean:
        return ((" " * MARGIN + _join(columns, values), Ink.TEXT),)
    return _in_shades(columns, values)


def line_of_flight(exchange: InFlight, columns: Sequence[Column], now: int, *, lean: bool) -> Line:
    """The line of an exchange under way."""
    note = f"… {activity.of_flight(exchange, now)}"
    if exchange.output_tokens:
        note += f", {words.tokens(exchange.output_tokens)} out"
    values = {
        "time": words.moment(exchange.started_at, now),
        "project": exchange.project,
        "model": names.model_change(exchange.requested_model, exchange.routed_model),
        "ms": "",
        "agent": exchange.agent_type or exchange.request_class,
        "why": "",
    }
    return _with_note(columns, values, note, Ink.ACCENT, lean=lean)


def waiting_line(columns: Sequence[Column]) -> Line:
    """The line of a row whose page is on its way."""
    return ((" " * MARGIN + cell("·", columns[0].width), Ink.MUTED),)


def _join(columns: Sequence[Column], values: dict[str, str]) -> str:
    return (" " * GAP).join(cell(values[column.name], column.width, right=column.right) for column in columns)


def _in_shades(columns: Sequence[Column], values: dict[str, str]) -> Line:
    shades = {"model": Ink.TEXT, "in": Ink.TEXT, "out": Ink.TEXT, "cost": Ink.TEXT, "cache": Ink.TEXT}
    parts: list[Part] = [(" " * MARGIN, Ink.TEXT)]
    gap = " " * GAP
    for column in columns:
        text = cell(values[column.name], column.width, right=column.right)
        parts.append((text + gap, shades.get(column.name, Ink.MUTED)))
    return parts


def _with_note(columns: Sequence[Column], values: dict[str, str], note: str, ink: Ink, *, lean: bool) -> Line:
    """A line whose figures give their place to a note."""
    before = [column for column in columns if column.name in ("time", "project", "model")]
    figures = [column for column in columns if column.name in FIGURES]
    after = columns[len(before) + len(figures) :]
    room = sum(column.width + GAP for column in figures) - GAP
    gap = " " * GAP
    parts: list[Part] = [(" " * MARGIN + _join(before, values) + gap, Ink.TEXT)]
    if not lean:
        *shaded, model = before
        parts = [
            (" " * MARGIN + _join(shaded, values) + gap, Ink.MUTED),
            (_join([model], values) + gap, Ink.TEXT),
        ]
    parts.append((cell(note, room), ink))
    if after:
        parts.append((gap + _join(after, values), Ink.TEXT if lean else Ink.MUTED))
    return parts
