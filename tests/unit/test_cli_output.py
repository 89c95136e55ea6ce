"""What the command line prints: aligned, parsable, and harmless whatever the data holds."""

import csv
import io
import json
import time
import unicodedata

import click
import pytest

from conduit_tui.cli.duration import format_span, parse_since
from conduit_tui.cli.logs import readable
from conduit_tui.cli.output import print_csv, print_json, print_pairs, print_table, table_lines
from conduit_tui.observe.printable import printable

HOSTILE = [
    "\x1b]0;title\x07",
    "\x1b]8;;http://evil\x1b\\click\x1b]8;;\x1b\\",
    "\x1b]52;c;ZXZpbA==\x07",
    "\x1b[2J\x1b[H\x1b[6n\x1bc",
    "\x1bP+q544e\x1b\\",
    "\x1b_Gf=100\x1b\\",
    "\x1b]0;never ended",
    "\x9b31m \x90q\x9c",
    "abc\u202edcb \u2066x\u2069 zero\u200bwidth",
    "a\rb",
    "a\nb\tc",
    "nul\x00 del\x7f \u2028",
    "lone \ud800",
]


def assert_harmless(text: str) -> None:
    odd = [c for c in text if c != "\n" and unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp"}]
    assert not odd, text.encode("unicode_escape")


@pytest.mark.parametrize("text", HOSTILE)
def test_no_output_carries_a_control_character(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("name", "value"), [["row", text], [text, "row"]])
    assert len(capsys.readouterr().out.splitlines()) == 3
    for show in (
        lambda: print_table(("name",), [[text]]),
        lambda: print_pairs([("name", text)]),
        lambda: print_csv(("name",), [[text]]),
        lambda: print_json({text: [text]}),
    ):
        show()
        out = capsys.readouterr().out
        assert_harmless(out)
        assert out.endswith("\n")
    assert_harmless(printable(readable(json.dumps({"event": text, text: text}))))


def test_ordinary_text_is_shown_as_it_is() -> None:
    for text in ("claude-opus-5-5", "café ☕ 東京", "[/nope] [@click=app.quit]", r"back\slash", ""):
        assert printable(text) == text


def test_columns_are_aligned_by_terminal_cells() -> None:
    lines = table_lines(
        ("model", "cost"), [["東京", "$1.00"], ["cafe\u0301", "$12.00"], ["plain", "$0.10"]], right=(1,)
    )
    assert lines == [
        "model    cost",
        "東京    $1.00",
        "cafe\u0301   $12.00",
        "plain   $0.10",
    ]


def test_a_table_without_rows_is_its_headers() -> None:
    assert table_lines(("name", "value"), []) == ["name  value"]


def test_csv_is_read_back_and_runs_no_formula(capsys: pytest.CaptureFixture[str]) -> None:
    print_csv(("session", "requests"), [["=cmd|' /C calc'!A0", 3], ['with "quotes", comma', -1], ["@SUM(A1)", None]])
    rows = list(csv.reader(io.StringIO(capsys.readouterr().out)))
    assert rows == [
        ["session", "requests"],
        ["'=cmd|' /C calc'!A0", "3"],
        ['with "quotes", comma', "-1"],
        ["'@SUM(A1)", ""],
    ]


def test_pairs_without_a_value_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    print_pairs([("state", "READY"), ("reason", ""), ("url", "http://127.0.0.1:4141")])
    assert capsys.readouterr().out == "state  READY\nurl    http://127.0.0.1:4141\n"


def since(text: str) -> int:
    return parse_since(click.Context(click.Command("usage")), click.Option(["--since"]), text)


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("5m", 300), ("24h", 86_400), ("7d", 604_800), ("2w", 1_209_600)]
)
def test_spans_count_back_from_now(text: str, seconds: int) -> None:
    assert abs(time.time() - since(text) / 1000 - seconds) < 5


def test_instants_are_taken_in_their_zone() -> None:
    assert since("2026-11-01T00:00:00+00:00") == 1_793_491_200_000
    assert since("2026-11-01T00:00:00+01:00") == 1_793_491_200_000 - 3_600_000
    assert since("2026-11-01") % 1000 == 0


@pytest.mark.parametrize("text", ["", "h", "24", "24 h", "-1h", "yesterday", "1.5h", "9999999h", "2026-13-01"])
def test_anything_else_is_refused_in_words(text: str) -> None:
    with pytest.raises(click.BadParameter, match="neither a span"):
        since(text)


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [(-5, "0s"), (48_999, "48s"), (312_000, "5m12s"), (11_520_000, "3h12m"), (187_200_000, "2d4h")],
)
def test_spans_are_written_short(milliseconds: int, text: str) -> None:
    assert format_span(milliseconds) == text


def test_a_log_line_is_read_by_people() -> None:
    line = json.dumps(
        {
            "process": "gateway",
            "generation": 3,
            "event": "ready",
            "level": "info",
            "timestamp": "2026-11-24T10:41:03.123Z",
        }
    )
    assert readable(line) == "2026-11-24 10:41:03  info     gateway  ready  generation=3"
    assert readable("not json") == "not json"
    assert readable("[1]") == "[1]"
    trace = json.dumps({"event": "failed", "exception": "Traceback:\n  File x"})
    assert readable(trace).splitlines()[1:] == ["    Traceback:", "      File x"]
