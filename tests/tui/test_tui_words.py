"""The pure parts: text, figures, filter, columns, charts, keys."""

import contextlib
import re
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.style import Style

from conduit_tui.cli.keys_page import keys_page
from conduit_tui.store.interface import UsageFilter
from conduit_tui.tui import format as words
from conduit_tui.tui.actions import ACTIONS, Scope, bindings, of
from conduit_tui.tui.clean import LONGEST_LINE, clean, only_ascii
from conduit_tui.tui.filter import FilterError, parse
from conduit_tui.tui.glyphs import ASCII, UNICODE
from conduit_tui.tui.ink import Ink, cut, draw, line_width, spread
from conduit_tui.tui.logs import parse_events, parse_log
from conduit_tui.tui.profile import LOCAL, PLAIN, SSH, choose
from conduit_tui.tui.table import GAP, cell, fit
from conduit_tui.tui.theme import PALETTES, THEMES
from conduit_tui.tui.views import names
from conduit_tui.tui.views.usage_row import COLUMNS
from conduit_tui.tui.widgets.sparkline import bar, resample, sparkline

hostile = st.text(
    st.characters(codec="utf-8") | st.sampled_from("\x1b\x9b\x07\u202e\u200d\ufeff宽e\u0301"), max_size=60
)


@given(hostile)
def test_clean_text_is_printable_and_on_one_line(text: str) -> None:
    cleaned = clean(text)
    assert cleaned.isprintable()
    assert clean(cleaned) == cleaned


def test_clean_keeps_what_is_harmless_and_shows_what_is_not() -> None:
    assert clean("claude-opus-5-5 → 宽 é") == "claude-opus-5-5 → 宽 é"
    assert clean("a\x1b[31mb\x07\x9b\u202e") == "a␛[31mb␇��"
    assert clean("one\r\ntwo\tthree") == "one  two three"
    assert clean("\ud800") == "�"
    assert len(clean("x" * 90_000)) == LONGEST_LINE
    assert only_ascii("naïve") == "na?ve"


@given(st.lists(st.tuples(hostile, st.sampled_from(Ink)), max_size=6), st.integers(1, 100))
def test_a_drawn_line_is_exactly_as_wide_as_asked(line: list[tuple[str, Ink]], width: int) -> None:
    strip = draw(line, width, PALETTES["conduit-dark"], Style())
    assert cell_len(strip.text) == width == strip.cell_length
    assert strip.text.isprintable()


@given(st.lists(st.tuples(hostile, st.just(Ink.TEXT)), max_size=4), st.integers(0, 40))
def test_a_cut_line_fits(line: list[tuple[str, Ink]], width: int) -> None:
    assert line_width(cut(line, width)) <= width


def test_a_plain_line_is_one_segment() -> None:
    line = [("one", Ink.TEXT), ("   ", Ink.MUTED), ("two", Ink.TEXT), ("", Ink.BAD)]
    assert len(list(draw(line, 40, PALETTES["conduit-dark"], Style()))) == 1


def test_spread_keeps_the_right_end() -> None:
    line = spread([("a long left side", Ink.TEXT)], [("right", Ink.TEXT)], 12)
    assert "".join(text for text, _ in line) == "a lon… right"


@given(hostile, st.integers(1, 40), st.booleans())
def test_a_cell_is_exactly_as_wide_as_its_column(text: str, width: int, right: bool) -> None:
    assert cell_len(cell(text, width, right=right)) == width


@pytest.mark.parametrize("theme", [theme.name for theme in THEMES])
def test_every_theme_has_every_ink(theme: str) -> None:
    assert set(PALETTES[theme]) == set(Ink)


@pytest.mark.parametrize(
    ("function", "value", "said"),
    [
        (words.tokens, 0, "0"),
        (words.tokens, 310, "310"),
        (words.tokens, 999, "999"),
        (words.tokens, 9_300, "9.3k"),
        (words.tokens, 88_100, "88.1k"),
        (words.tokens, 99_949, "99.9k"),
        (words.tokens, 99_950, "100k"),
        (words.tokens, 999_499, "999k"),
        (words.tokens, 999_500, "1.0 M"),
        (words.tokens, 1_234_567, "1.2 M"),
        (words.tokens, 210_000_000, "210 M"),
        (words.tokens, 4_200_000_000, "4.2 G"),
        (words.duration, 780, "780 ms"),
        (words.duration, 3_400, "3.4 s"),
        (words.duration, 9_949, "9.9 s"),
        (words.duration, 9_950, "9 s"),
        (words.duration, 240_000, "4 m"),
        (words.age, -5, "0 s"),
        (words.age, 12_900, "12 s"),
        (words.age, 3 * 86_400_000, "3 d"),
        (words.uptime, 59_999, ""),
        (words.uptime, 12 * 60_000, "12m"),
        (words.uptime, (3 * 60 + 2) * 60_000, "3h02m"),
        (words.uptime, 52 * 3_600_000, "2d4h"),
        (words.microseconds, 41, "41 µs"),
        (words.microseconds, 3_200, "3.2 ms"),
        (words.microseconds, 1_400_000, "1.4 s"),
        (words.size, 812, "812 B"),
        (words.size, 39_000, "39 kB"),
        (words.size, 38_400_000, "38 MB"),
        (words.size, 1_200_000_000, "1.2 GB"),
        (words.count, 1_204_331, "1,204,331"),
    ],
)
def test_figures(function: object, value: int, said: str) -> None:
    assert callable(function)
    assert function(value) == said


def test_percentages() -> None:
    assert words.percent(0, 0) == "–"
    assert words.percent(4, 1_000) == "0.4 %"
    assert words.percent(82, 100) == "82 %"
    assert words.percent(0, 5) == "0 %"
    assert words.whole_percent(1, 3) == "33 %"


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("", UsageFilter()),
        ("  opus  ", UsageFilter(text="opus")),
        ("api timeout", UsageFilter(text="api timeout")),
        ("model:opus status:4xx", UsageFilter(model="opus", status="4xx")),
        ("STATUS:Error project:docs rest", UsageFilter(status="error", project="docs", text="rest")),
        ('session:"a b" "two words"', UsageFilter(session="a b", text="two words")),
        ('"model:opus"', UsageFilter(text="model:opus")),
        ("llama3:8b", UsageFilter(text="llama3:8b")),
        ("[bold]", UsageFilter(text="[bold]")),
    ],
)
def test_filter(text: str, where: UsageFilter) -> None:
    assert parse(text) == where


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("modle:x", "no key modle: did you mean model:"),
        ("zzz:x", "no key zzz: known: model:, status:, project:, session:"),
        ("model:", "model: needs a value"),
        ("status:", "status: needs a value, e.g. status:4xx"),
        ("status:9", "status: is a number (429), a class (4xx) or error"),
        ("model:a model:b", "model: stands there twice"),
        ('"open', "a closing quote is missing"),
        ('model:"open', "a closing quote is missing"),
    ],
)
def test_filter_complaints(text: str, complaint: str) -> None:
    with pytest.raises(FilterError, match=re.escape(complaint)):
        parse(text)


def test_filter_stays_within_the_project_unless_it_names_one() -> None:
    assert parse("opus", "docs") == UsageFilter(text="opus", project="docs")
    assert parse("project:infra", "docs") == UsageFilter(project="infra")


@given(st.text(max_size=40))
def test_a_filter_is_read_or_refused_in_words(text: str) -> None:
    with contextlib.suppress(FilterError):
        assert parse(text).project == "" or "project:" in text.lower()


def test_columns_give_way_in_their_order() -> None:
    order = []
    before = {column.name for column in COLUMNS}
    for room in range(140, 20, -1):
        now = {column.name for column in fit(COLUMNS, room)}
        order += sorted(before - now)
        before = now
    assert order == ["why", "agent", "ms", "out"]


@given(st.integers(60, 300))
def test_columns_never_take_more_room_than_there_is(room: int) -> None:
    kept = fit(COLUMNS, room)
    assert sum(column.width + GAP for column in kept) - GAP <= room


def test_charts() -> None:
    assert sparkline([0, 1, 4, 8], UNICODE) == [" ▁▄█"]
    assert sparkline([0, 0], UNICODE) == ["  "]
    assert sparkline([1, 1_000_000], UNICODE) == ["▁█"]
    assert sparkline([4, 8], UNICODE, height=2) == [" █", "██"]
    assert "".join(sparkline([1, 5, 9], ASCII)).isascii()
    assert resample([1, 2, 3, 4], 2) == [3, 7]
    assert resample([1, 2], 4) == [1, 1, 2, 2]
    assert resample([], 4) == []
    assert bar(0.5, 4, UNICODE) == "██"
    assert bar(0.0001, 4, UNICODE) == "▏"
    assert bar(7, 4, UNICODE) == "████"
    assert bar(0, 4, UNICODE) == ""


@given(st.lists(st.integers(0, 10**12), max_size=200), st.integers(0, 120))
def test_resampling_keeps_the_sum_when_it_narrows(values: list[int], width: int) -> None:
    cells = resample(values, width)
    assert len(cells) == (width if values else 0)
    if width and len(values) > width:
        assert sum(cells) == sum(values)


def test_names() -> None:
    assert names.model("claude-haiku-4-5-20251001") == "claude-haiku-4-5"
    assert names.model_change("claude-sonnet-5-5", "claude-haiku-5-5") == "sonnet-5-5→haiku-5-5"
    assert names.model_change("gpt-5.2", "gpt-5.2") == "gpt-5.2"
    assert names.model_change("gpt-5.2", "") == "gpt-5.2"
    session = "5f1c9a70-27b1-4c55-9f3d-2a4d6f0e9b11"
    assert names.session_in("docs", session, 19) == "docs 5f1c9a70"
    assert names.session_in("data-pipeline", session, 19) == "data-pipe… 5f1c9a70"
    assert names.session_in("data-pipeline", "", 24) == "data-pipeline no session"


def test_no_key_means_two_things_in_one_place() -> None:
    for scope in Scope:
        keys = Counter(key for action in ACTIONS if action.scope is scope for key in action.keys)
        assert all(number == 1 for number in keys.values()), scope
    assert len({action.id for action in ACTIONS}) == len(ACTIONS)
    for scopes in ((Scope.OVERVIEW, Scope.LISTS), (Scope.DETAIL, Scope.EVERYWHERE)):
        keys = Counter(key for action in of(*scopes) for key in action.keys)
        assert all(number == 1 for number in keys.values()), scopes
        assert len(bindings(*scopes)) == sum(bool(action.keys) for action in of(*scopes))


def test_the_page_of_keys_names_every_action_that_has_a_key() -> None:
    page = keys_page("")
    assert page.count("\n| ") == 1 + sum(bool(action.keys) for action in ACTIONS)
    assert "| everywhere | `2` | Requests: every request as it comes | `everywhere.requests` |" in page
    assert "| process | `x` | Drain and stop the gateway; the daemon stays (asks first) | `process.stop` |" in page


def test_profile() -> None:
    assert choose(None, {}) is LOCAL
    assert choose(None, {"SSH_CONNECTION": "1"}) is SSH
    assert choose(None, {"SSH_TTY": "/dev/pts/1"}) is SSH
    assert choose(None, {"TERM": "dumb"}) is PLAIN
    assert choose("local", {"SSH_TTY": "x"}) is LOCAL


def test_log_lines_are_read_and_outcries_kept() -> None:
    lines = parse_log(
        [
            '{"timestamp": "2025-11-14T07:28:49Z", "level": "error", "process": "daemon", "event": "end", "pid": 7}',
            "Traceback (most recent call last):",
            "WARNING: something",
            '{"half',
            "[1, 2]",
        ]
    )
    assert [line.rank for line in lines] == [3, 1, 2, 1, 1]
    assert lines[0].text == "end pid=7"
    assert lines[3].text == '{"half'


def test_events_pass_over_what_is_none() -> None:
    assert [event.id for event in parse_events(['{"id": "a", "at": 1, "kind": "note"}', "", "nonsense", "{}"])] == ["a"]
