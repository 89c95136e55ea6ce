"""Times, bars, amounts, gauges, savings and files behind the Usage and Budgets screens."""

import json
import stat
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.style import Style
from scenes import HOUR, MINUTE, NOW

from conduit_tui.domain.budgets import Budget, Gauge
from conduit_tui.domain.limits import Period, Scope, Window
from conduit_tui.domain.usage import Usage
from conduit_tui.pricing.catalog import Price
from conduit_tui.store.interface import RouteTotal
from conduit_tui.tui.amounts import nanodollars, read_dollars, read_limit, read_until, write_limit
from conduit_tui.tui.curves import curves
from conduit_tui.tui.export import as_csv, write_new
from conduit_tui.tui.filter import FilterError, between, parse
from conduit_tui.tui.gauge import bar_of, full_at, percent_of
from conduit_tui.tui.glyphs import ASCII, UNICODE
from conduit_tui.tui.savings import saving
from conduit_tui.tui.stacks import stacked
from conduit_tui.tui.time_range import RANGES, axis, bar_width, pointer, span
from conduit_tui.tui.usage_chart import scale_top
from conduit_tui.tui.usage_report import filter_of

DAY = 24 * HOUR
DOLLAR = 1_000_000_000
INKS = [Style(color=f"color({number})") for number in range(1, 7)]


# Times


@pytest.mark.parametrize("of", RANGES)
@pytest.mark.parametrize("cells", [20, 72, 112, 200])
def test_a_span_ends_now_and_its_bars_fit(of: object, cells: int) -> None:
    shown = span(of, cells, NOW)  # type: ignore[arg-type]
    assert shown.since < NOW < shown.until <= NOW + shown.stretch
    assert shown.until - shown.since == of.length  # type: ignore[attr-defined]
    assert shown.bars * bar_width(shown, cells) <= max(cells, shown.bars)
    assert len(axis(shown, bar_width(shown, cells), NOW)) == shown.bars * bar_width(shown, cells)
    earlier = span(of, cells, NOW, back=1)  # type: ignore[arg-type]
    assert earlier.until == shown.since


def test_the_axis_says_that_today_is_not_over() -> None:
    month, hour = span(RANGES[3], 72, NOW), span(RANGES[0], 72, NOW)
    assert axis(month, 2, NOW).endswith("today so far")
    assert "Nov 5" in axis(month, 2, NOW)
    assert axis(hour, 1, NOW).endswith("now")
    assert "10:00" in axis(hour, 1, NOW)
    assert "now" not in axis(span(RANGES[0], 72, NOW, back=1), 1, NOW)
    assert pointer(month, 2, 29, "^").endswith("Fri Nov 14 ^")
    assert pointer(month, 2, 0, "^").startswith("^ Thu Oct 16")


@given(st.floats(1e-3, 1e15))
def test_a_scale_is_round_and_never_too_small(greatest: float) -> None:
    top = scale_top(greatest)
    assert greatest * 0.998 <= top <= 2 * greatest


# Bars and lines


def test_bars_are_stacked_in_eighths_and_both_colours_meet_in_a_cell() -> None:
    low, high = [0.0, 8.0, 12.0], [0.0, 8.0, 0.0]
    rows = stacked([low, high], 16.0, height=2, bar=1, inks=INKS, ground=Style(), glyphs=UNICODE)
    assert [row.text for row in rows] == [" █▄", " ██"]
    mixed = stacked([[3.0], [5.0]], 8.0, height=1, bar=2, inks=INKS, ground=Style(), glyphs=UNICODE)[0]
    assert mixed.text == "▃▃"
    (segment,) = mixed
    assert segment.style is not None
    assert (segment.style.color, segment.style.bgcolor) == (INKS[0].color, INKS[1].color)


def test_what_is_little_is_seen_and_what_is_not_over_is_hatched() -> None:
    rows = stacked([[0.001, 100.0]], 100.0, height=4, bar=3, inks=INKS, ground=Style(), glyphs=UNICODE, hatch_last=True)
    assert [row.text for row in rows] == ["   ▒▒ ", "   ▒▒ ", "   ▒▒ ", "▁▁ ▒▒ "]


def test_parts_are_told_apart_without_colours() -> None:
    rows = stacked([[2.0], [1.0]], 3.0, height=3, bar=1, inks=INKS, ground=Style(), glyphs=ASCII)
    assert [row.text for row in rows] == ["o", "#", "#"]


@pytest.mark.parametrize("glyphs", [UNICODE, ASCII])
def test_lines_fill_their_room_and_stop_where_nothing_was_measured(glyphs: object) -> None:
    drawn = curves(
        [[1.0, 2.0, None, 4.0], [4.0, None, None, 4.0]], 4.0, height=6, bar=5, inks=INKS, ground=Style(), glyphs=glyphs
    )  # type: ignore[arg-type]
    assert [row.cell_length for row in drawn] == [20] * 6
    assert not any(row.text[11:14].strip() for row in drawn)
    assert any(segment.style and segment.style.color == INKS[1].color for row in drawn for segment in row)
    if glyphs is ASCII:
        assert all(row.text.isascii() for row in drawn)


# Amounts


@pytest.mark.parametrize(("text", "amount"), [("10", 10), ("$1,250.50", "1250.50"), (" 0 ", 0), ("0.005", "0.005")])
def test_amounts(text: str, amount: object) -> None:
    assert read_limit(text) == Decimal(str(amount))


@pytest.mark.parametrize("text", ["", "none", "No limit", "-"])
def test_no_limit(text: str) -> None:
    assert read_limit(text) is None


@pytest.mark.parametrize("text", ["ten", "1.2.3", "nan", "inf", "1e", "10 €"])
def test_what_is_no_amount(text: str) -> None:
    with pytest.raises(ValueError, match="not an amount"):
        read_dollars(text)


@given(st.one_of(st.none(), st.integers(0, 10**17)))
def test_a_cap_is_read_as_it_was_written(cap: int | None) -> None:
    assert nanodollars(read_limit(write_limit(cap))) == cap


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2h", NOW + 2 * HOUR),
        ("90m", NOW + 90 * MINUTE),
        ("3 d", NOW + 3 * DAY),
        ("18:00", NOW + 7 * HOUR + 18 * MINUTE),
        ("9:00", NOW + 22 * HOUR + 18 * MINUTE),
        ("2025-11-20", 1_763_596_800_000),
        ("2025-11-14T12:00", NOW + 78 * MINUTE),
    ],
)
def test_until(text: str, at: int) -> None:
    assert read_until(text, NOW) == at


@pytest.mark.parametrize("text", ["", "soon", "25:00", "2025-13-01", "99999999999h"])
def test_what_is_no_end(text: str) -> None:
    with pytest.raises(ValueError, match="such as 2h"):
        read_until(text, NOW)


# Gauges


def window(spent: float, held: float, cap: float | None) -> Window:
    amount = None if cap is None else int(cap * DOLLAR)
    return Window(
        1, Scope(""), Period.DAY, "UTC", NOW - HOUR, NOW + 10 * HOUR, amount, int(spent * DOLLAR), int(held * DOLLAR)
    )


@given(st.floats(0, 20), st.floats(0, 20), st.floats(0, 10), st.integers(8, 40), st.sampled_from([UNICODE, ASCII]))
def test_a_gauge_keeps_its_length_and_shows_what_is_held(
    spent: float, held: float, cap: float, width: int, glyphs: object
) -> None:
    of = window(spent, held, cap)
    text = "".join(part for part, _ in bar_of(of, width, glyphs))  # type: ignore[arg-type]
    assert len(text) == width
    if of.held and of.cap:
        assert glyphs.held in text  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("spent", "words"), [(1.0, "10 %"), (7.5, "! 75 %"), (9.5, "!! 95 %"), (12.0, "!! 120 %"), (0.0, "0 %")]
)
def test_thresholds_are_written_out(spent: float, words: str) -> None:
    assert percent_of(window(spent, 0, 10))[0] == words


@pytest.mark.parametrize(
    ("spent", "recent", "words"),
    [(9.0, 2.0, "full about 11:12"), (10.0, 2.0, "full"), (1.0, 0.5, ""), (1.0, 0.0, "")],
)
def test_when_a_budget_will_be_full(spent: float, recent: float, words: str) -> None:
    assert full_at(Gauge(Budget(), window(spent, 0, 10), int(recent * DOLLAR), HOUR), NOW) == words


# Savings


class Fixed:
    """A dollar per thousand input tokens of `opus`, ten cents of `haiku`, twice as much for long prompts."""

    def price(self, model: str, usage: Usage, provider_hint: str, at_ms: int) -> Price:
        rates = {"opus": 1_000_000, "haiku": 100_000}
        if model not in rates:
            return Price(0, "none")
        return Price(rates[model] * usage.input_tokens * (2 if usage.input_tokens > 200_000 else 1), "list")


def route(requested: str, routed: str, requests: int, tokens: int, cost: int) -> RouteTotal:
    return RouteTotal(requested, routed, "anthropic", requests, Usage(tokens), cost)


def test_savings_are_priced_by_the_usual_request() -> None:
    routes = [
        route("opus", "haiku", 10, 1_000_000, 100 * DOLLAR),
        route("haiku", "haiku", 5, 10_000, DOLLAR),
        route("mystery", "haiku", 2, 500, 1),
    ]
    asked = saving(routes, Fixed(), NOW)
    assert asked == ("", 900 * DOLLAR, 10, 2)
    against = saving(routes, Fixed(), NOW, "opus")
    assert against == ("opus", 900 * DOLLAR + 9 * DOLLAR + 500_000_000 - 1, 17, 0)


def test_what_cost_more_is_a_negative_saving() -> None:
    assert saving([route("haiku", "opus", 1, 1_000, DOLLAR)], Fixed(), NOW).nanodollars == -900_000_000


# What leaves


@pytest.mark.parametrize(
    ("by", "key", "line"),
    [
        ("model", "claude-opus", "model:claude-opus T"),
        ("project", "my docs", 'project:"my docs" T'),
        ("agent-type", "Explore", "Explore T"),
        ("session", "", "T"),
        ("day", "2025-11-30", "since:2025-11-30 until:2025-12-01"),
    ],
)
def test_a_row_leads_to_its_requests(by: str, key: str, line: str) -> None:
    assert filter_of(by, key, "T") == line


def test_a_filter_reads_the_times_that_it_is_given() -> None:
    since, until = NOW - HOUR, NOW
    where = parse(f"model:opus {between(since, until)}")
    assert (where.model, where.since, where.until) == ("opus", since, until)
    with pytest.raises(FilterError, match="since: is a date"):
        parse("since:yesterday")


def test_a_file_is_private_and_never_written_over(tmp_path: Path) -> None:
    first, second = write_new(tmp_path, "usage", ".csv", "a"), write_new(tmp_path, "usage", ".csv", "b")
    assert (first.name, second.name) == ("usage.csv", "usage-2.csv")
    assert (first.read_text(), second.read_text()) == ("a", "b")
    assert stat.S_IMODE(first.stat().st_mode) == 0o600
    (tmp_path / "trap.csv").symlink_to(tmp_path / "victim")
    assert write_new(tmp_path, "trap", ".csv", "c").name == "trap-2.csv"
    assert not (tmp_path / "victim").exists()


def test_a_spreadsheet_calculates_nothing() -> None:
    assert as_csv([{"model": "=cmd()", "cost": -1}]) == "model,cost\r\n'=cmd(),-1\r\n"
    assert json.dumps("=cmd()") == '"=cmd()"'
