"""One exchange in full: trace, timings, tokens and cost, headers, error."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from conduit_tui.domain.captures import Capture
from conduit_tui.domain.money import NANO_PER_DOLLAR, format_dollars
from conduit_tui.domain.usage import StoredUsage, UsageRow
from conduit_tui.tui import format as words
from conduit_tui.tui.glyphs import Glyphs
from conduit_tui.tui.ink import BLANK, Ink, Line, Part, cut, line_width, spread
from conduit_tui.tui.recent import failed
from conduit_tui.tui.table import cell
from conduit_tui.tui.views import captured, names
from conduit_tui.tui.views.decision import recorded_lines
from conduit_tui.tui.widgets.sparkline import bar

SIDE_BY_SIDE = 110  # cells from which three sections fit side by side
TIMINGS_WIDTH = 36
TOKENS_WIDTH = 33
LABEL = 13
BAR = 7
LONG_BAR = 32


class Section(NamedTuple):
    """A titled part of the detail."""

    title: str
    lines: Sequence[Line]


def title_lines(attempt: StoredUsage, attempts: int, width: int) -> list[Line]:
    """What it was and how it ended, on two lines, or on one where there is room."""
    row = attempt.row
    bad = failed(row.status)
    right: Line = (
        (f"{row.status or 'no answer'}", Ink.BAD if bad else Ink.GOOD),
        (f"   {format_dollars(row.cost_nanodollars)}", Ink.STRONG),
        (f"   {words.duration(row.latency_ms)} ", Ink.TEXT),
    )
    left: list[tuple[str, Ink]] = [(f" {names.model(row.requested_model)}", Ink.STRONG)]
    if row.routed_model and row.routed_model != row.requested_model:
        left += [(" → ", Ink.MUTED), (names.model(row.routed_model), Ink.STRONG)]
    facts = [words.instant(row.created_at), row.project, row.agent_type or row.request_class, row.provider]
    if row.session:
        facts.append(names.session(row.session))
    if attempts > 1:
        facts.append(f"attempt {row.attempt} of {attempts}")
    said: Part = (" " + " · ".join(fact for fact in facts if fact), Ink.MUTED)
    if width >= SIDE_BY_SIDE:
        return [spread((*left, ("  ", Ink.MUTED), said), right, width)]
    return [spread(left, right, width), (said,)]


def sections(
    attempt: StoredUsage,
    attempts: Sequence[StoredUsage],
    glyphs: Glyphs,
    *,
    width: int,
    brief: bool = False,
    captures: Sequence[Capture] = (),
) -> list[Section]:
    """All there is to know, most asked for first; without texts, request and headers when `brief`."""
    row = attempt.row
    told = _metadata(row.metadata)
    found = []
    if failed(row.status) or row.error_type:
        found.append(Section("error", _error(row, told)))
    if len(attempts) > 1:
        found.append(Section("attempts", [_attempt(each, each.id == attempt.id, glyphs) for each in attempts]))
    decided = told.get("decision")
    if isinstance(decided, Mapping) and (lines := recorded_lines(decided, glyphs)):
        found.append(Section("decision", lines))
    if not (brief and found and found[-1].title == "decision"):
        found.append(Section("trace", _trace(row, told, glyphs)))
    found += [
        Section("timings", _timings(row, told, glyphs, BAR if width >= SIDE_BY_SIDE else LONG_BAR)),
        Section("tokens & cost", _tokens(row)),
    ]
    if brief:
        return found
    found += [Section(captured.TITLES[capture.kind], captured.lines(capture, width)) for capture in captures]
    found.append(Section("request", _request(row, told)))
    for key, title in (("request_headers", "request headers"), ("response_headers", "response headers")):
        headers = _pairs(told.get(key))
        if headers:
            found.append(Section(title, _headers(headers)))
    return found


def layout(parts: Sequence[Section], width: int) -> tuple[list[Line], list[int]]:
    """The sections as lines, and the lines at which sections begin. Where there is room, three stand side by side."""
    if width < SIDE_BY_SIDE:
        return _stack(parts)
    first = "trace" if any(part.title == "trace" for part in parts) else "decision"
    beside = [part for part in parts if part.title in (first, *_BESIDE)]
    above = [part for part in parts if part.title in ("error", "attempts", "decision") and part.title != first]
    below = [part for part in parts if part not in beside and part not in above]
    widths = (width - TIMINGS_WIDTH - TOKENS_WIDTH, TIMINGS_WIDTH, TOKENS_WIDTH)
    lines, starts = _stack(above)
    starts.append(len(lines))
    lines += [
        *_columns([((f" {part.title}", Ink.TITLE),) for part in beside], [part.lines for part in beside], widths),
        BLANK,
    ]
    rest, more = _stack(below)
    return [*lines, *rest], [*starts, *(start + len(lines) for start in more)]


_BESIDE = ("timings", "tokens & cost")


def _columns(titles: Sequence[Line], columns: Sequence[Sequence[Line]], widths: Sequence[int]) -> list[Line]:
    lines: list[Line] = []
    whole = [[title, *column] for title, column in zip(titles, columns, strict=True)]
    for number in range(max(map(len, whole))):
        joined: list[Part] = []
        for column, width in zip(whole, widths, strict=True):
            here = cut(column[number], width - 1) if number < len(column) else BLANK
            joined += [*here, (" " * (width - line_width(here)), Ink.TEXT)]
        lines.append(joined)
    return lines


def _stack(parts: Sequence[Section]) -> tuple[list[Line], list[int]]:
    lines: list[Line] = []
    starts = []
    for part in parts:
        starts.append(len(lines))
        lines += [((f" {part.title}", Ink.TITLE),), *part.lines, BLANK]
    return lines, starts


def fact(label: str, value: str, note: str = "", ink: Ink = Ink.TEXT) -> Line:
    """A labelled word."""
    return ((f"   {label:<{LABEL}}", Ink.MUTED), (value, ink), (f"  {note}" if note else "", Ink.MUTED))


def figure(label: str, value: str, note: str = "", ink: Ink = Ink.TEXT) -> Line:
    """A labelled number, right-aligned with those above it."""
    return fact(label, f"{value:>10}", note, ink)


def _metadata(text: str) -> Mapping[str, Any]:
    try:
        told = json.loads(text) if text else {}
    except ValueError:
        return {"metadata": text}
    return told if isinstance(told, dict) else {"metadata": told}


def _pairs(value: Any) -> list[tuple[str, str]]:
    if isinstance(value, Mapping):
        return [(str(name), str(each)) for name, each in value.items()]
    if not isinstance(value, list):
        return []
    return [(str(pair[0]), str(pair[1])) for pair in value if isinstance(pair, list | tuple) and len(pair) == 2]


def _error(row: UsageRow, told: Mapping[str, Any]) -> list[Line]:
    lines = [fact("status", str(row.status or "no answer came"), row.error_type.replace("_", " "), Ink.BAD)]
    lines += [fact(key.replace("_", " "), _short(told[key])) for key in ("error", "stop") if told.get(key)]
    return lines


def _attempt(stored: StoredUsage, here: bool, glyphs: Glyphs) -> Line:
    row = stored.row
    ink = Ink.BAD if failed(row.status) else Ink.GOOD
    mark = glyphs.pointer if here else " "
    return (
        (f" {mark} {row.attempt}  ", Ink.ACCENT if here else Ink.MUTED),
        (cell(names.model(row.routed_model), 24), Ink.TEXT),
        (f"  {cell(row.provider, 12)}", Ink.MUTED),
        (f"  {row.status or '–':>3}", ink),
        (f"  {words.duration(row.latency_ms):>7}  {format_dollars(row.cost_nanodollars):>7}", Ink.TEXT),
        (f"  {row.error_type.replace('_', ' ')}", Ink.MUTED),
    )


def _trace(row: UsageRow, told: Mapping[str, Any], glyphs: Glyphs) -> list[Line]:
    steps = told.get("trace")
    lines: list[Line] = []
    for step in steps if isinstance(steps, list) else ():
        if not isinstance(step, list | tuple) or len(step) < 2:
            continue
        took = words.microseconds(int(step[2])) if len(step) > 2 and isinstance(step[2], int | float) else ""
        lines.append(
            (
                (f" {glyphs.good} ", Ink.GOOD),
                (cell(str(step[0]), 10), Ink.TEXT),
                (f"{took:>8}  ", Ink.MUTED),
                (str(step[1]), Ink.TEXT),
            )
        )
    if lines and failed(row.status):
        lines[-1] = ((f" {glyphs.bad} ", Ink.BAD), *lines[-1][1:])
    reason = f"{row.routing_source}: {row.routing_reason}" if row.routing_reason else row.routing_source
    if reason:
        lines.append(
            ((f" {glyphs.arrow} ", Ink.ACCENT), (cell("decided", 10), Ink.TEXT), (f"{'':8}  {reason}", Ink.TEXT))
        )
    return lines or [(("   nothing was written down", Ink.MUTED),)]


_TIMES = (
    ("body_ms", "body read"),
    ("decide_us", "decided"),
    ("connect_ms", "connected"),
    ("sent_us", "sent"),
    ("first_byte_ms", "first byte"),
    ("done_ms", "done"),
)


def _timings(row: UsageRow, told: Mapping[str, Any], glyphs: Glyphs, bar_width: int) -> list[Line]:
    given = told.get("timings")
    times = dict(given) if isinstance(given, Mapping) else {}
    times.setdefault("first_byte_ms", row.first_byte_ms)
    times.setdefault("done_ms", row.latency_ms)
    known = [(key, label) for key, label in _TIMES if isinstance(times.get(key), int | float)]
    known += [(key, key.rsplit("_", 1)[0].replace("_", " ")) for key in times if key not in dict(_TIMES)]
    lines: list[Line] = []
    longest = max((_milliseconds(key, times[key]) for key, _ in known), default=0) or 1
    for key, label in known:
        span = _milliseconds(key, times[key])
        shown = words.microseconds(round(span * 1000)) if span < 10 else words.duration(span)
        if key == "connect_ms" and not span:
            lines.append(figure(label, glyphs.dash, "pooled"))
            continue
        lines.append(
            (
                (f"   {label:<{LABEL}}", Ink.MUTED),
                (f"{shown:>10}  ", Ink.TEXT),
                (bar(span / longest, bar_width, glyphs), Ink.ACCENT),
            )
        )
    lines.append(figure("overhead", words.microseconds(row.overhead_us), "by us"))
    return lines


def _milliseconds(key: str, value: Any) -> float:
    if not isinstance(value, int | float):
        return 0
    return value / 1000 if key.endswith("_us") else float(value)


def _tokens(row: UsageRow) -> list[Line]:
    whole = row.input_tokens
    lines = [figure("input", words.count(row.input_tokens))]
    for label, number in (
        ("  cache read", row.cache_read_tokens),
        ("  write 5 min", row.cache_write_5m_tokens),
        ("  write 1 h", row.cache_write_1h_tokens),
    ):
        if number:
            lines.append(figure(label, words.count(number), words.whole_percent(number, whole)))
    lines.append(figure("output", words.count(row.output_tokens)))
    if row.reasoning_tokens:
        share = words.whole_percent(row.reasoning_tokens, row.output_tokens)
        lines.append(figure("  reasoning", words.count(row.reasoning_tokens), share))
    exact = f"${row.cost_nanodollars / NANO_PER_DOLLAR:,.6f}"
    lines.append(figure("cost", exact, ink=Ink.STRONG))
    if row.flags:
        lines.append(fact("flags", row.flags.replace(",", ", "), ink=Ink.WARN))
    return lines


_DRAWN = {"trace", "timings", "request_headers", "response_headers", "decision", "facts"}


def _request(row: UsageRow, told: Mapping[str, Any]) -> list[Line]:
    facts = [
        ("dialect", row.dialect),
        ("exchange", row.exchange_id),
        ("session", row.session),
        ("agent", row.agent),
        ("client", row.client),
        ("rule", row.rule_id),
        ("priced by", row.price_source),
    ]
    lines = [fact(label, value) for label, value in facts if value]
    for key, value in told.items():
        if key in _DRAWN or value in (None, "", [], {}):
            continue
        shown = words.size(value) if key.endswith("_bytes") and isinstance(value, int) else _short(value)
        lines.append(fact(key.removesuffix("_bytes").replace("_", " ")[:LABEL], shown))
    return lines


def _headers(headers: Sequence[tuple[str, str]]) -> list[Line]:
    widest = min(28, max(len(name) for name, _ in headers))
    return [((f"   {cell(name, widest)}  ", Ink.MUTED), (value, Ink.TEXT)) for name, value in headers]


def _short(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
