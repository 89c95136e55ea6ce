"""`budget` and `prices` over a real database file."""

import asyncio
import csv
import io
import json
import time

import pytest

from conduit_tui.domain.limits import dollars, reset_time
from conduit_tui.domain.usage import UsageRow
from conduit_tui.paths import StateDir
from conduit_tui.store.sqlite import SqliteStore
from tests.commands import Run

DOLLAR = 1_000_000_000


def spend(state_dir: StateDir, amount: float) -> None:
    async def write() -> None:
        store = await SqliteStore.open(state_dir.database)
        row = UsageRow(
            "x-1", 1, "default", "", "main", "s-1", "main", "claude-cli", "anthropic", "claude-opus-5", "claude-opus-5",
            "anthropic", 1000, 100, 0, 0, 0, 0, round(amount * DOLLAR), "USD", "test", "client", "", "", 200, "",
            900, 300, 200, "", "{}", int(time.time() * 1000),
        )  # fmt: skip
        await store.record(row)
        await store.close()

    asyncio.run(write())


def gauges(run: Run, *arguments: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(run("budget", "show", "--json", *arguments).stdout)
    return found


def test_without_a_budget(run: Run) -> None:
    result = run("budget", "show")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "no budget limits anything" in result.stderr
    assert gauges(run) == []


def test_set_and_show(run: Run, state_dir: StateDir) -> None:
    spend(state_dir, 8.02)
    result = run("budget", "set", "--daily", "10", "--monthly", "$1,000.50", "--mode", "strict")
    assert result.exit_code == 0
    assert result.stderr == "budget of project default: daily $10.00, monthly $1,000.50, strict, UTC\n"
    assert run("budget", "set", "--overall", "--daily", "0").exit_code == 0
    overall, day, month = gauges(run)
    assert (overall["project"], overall["cap_nanodollars"], overall["used_percent"]) == ("", 0, 100.0)
    assert (day["project"], day["period"], month["period"]) == ("default", "day", "month")
    assert (day["spent_nanodollars"], day["left_nanodollars"]) == (8_020_000_000, 1_980_000_000)
    assert day["mode"] == "strict"
    assert int(str(day["per_hour_nanodollars"])) > 6 * DOLLAR
    assert gauges(run, "--project", "default") == [day, month] or len(gauges(run, "--project", "default")) == 2
    table = run("budget", "show").stdout
    assert "$8.02" in table
    assert "80 %" in table
    header, *rows = csv.reader(io.StringIO(run("budget", "show", "--csv").stdout))
    assert dict(zip(header, rows[1], strict=True))["spent_usd"] == "8.020000000"
    run("budget", "set", "--daily", "none")
    assert [gauge["period"] for gauge in gauges(run, "--project", "default")] == ["month"]
    assert "costLimits.monthly" in run("config", "show").stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--daily", "1,5"], "'1,5' is not an amount in dollars"),  # a decimal comma is no fifteen dollars
        (["--daily", "-5"], "Daily cost limit must be positive"),
        (["--monthly", "-0.01"], "Monthly cost limit must be positive"),
        (["--daily", "nan"], "not an amount in dollars"),
        (["--daily", "inf"], "not an amount in dollars"),
        (["--daily", "ten"], "not an amount in dollars"),
        (["--daily", "99999999999"], "cannot exceed $10,000,000.00"),
        (["--daily", "11", "--monthly", "10"], "Daily limit cannot exceed monthly limit"),
        (["--zone", "Europe/Berlni"], "did you mean 'Europe/Berlin'?"),
        (["--mode", "loose"], "strict"),
        ([], "nothing to set"),
        (["--daily", "1", "--overall", "--project", "default"], "exclude each other"),
        (["--daily", "1", "--project", "defualt"], "did you mean 'default'?"),
    ],
)
def test_bad_limits_are_refused_and_nothing_is_saved(run: Run, arguments: list[str], says: str) -> None:
    result = run("budget", "set", *arguments)
    assert result.exit_code == 2
    assert says in result.stderr
    assert gauges(run) == []


@pytest.mark.parametrize("key", ["costLimits.daily", "costLimits.monthly"])
def test_a_limit_in_the_configuration(run: Run, key: str) -> None:
    name = key.removeprefix("costLimits.").capitalize()
    for value, says in (
        ("-1", f"{name} cost limit must be positive"),
        ("nan", f"{name} cost limit must be an amount in dollars"),
        ("1e12", f"{name} cost limit cannot exceed $10,000,000.00"),
        ("much", "valid number"),
    ):
        result = run("config", "set", key, value)
        assert result.exit_code == 2, value
        assert says in result.stderr
    assert gauges(run) == []
    assert "0.0, which blocks everything" in run("config", "set", key, "0").stderr
    assert [gauge["cap_nanodollars"] for gauge in gauges(run)] == [0]


def test_nothing_blocks_everything_and_says_so(run: Run) -> None:
    assert "daily $0.00, which blocks everything" in run("budget", "set", "--daily", "0").stderr
    assert "blocks all" in run("budget", "show").stdout
    assert "which" not in run("budget", "set", "--daily", "1,250.50").stderr
    assert [gauge["cap_nanodollars"] for gauge in gauges(run)] == [1250 * DOLLAR + DOLLAR // 2]


def test_raise_and_end(run: Run) -> None:
    run("budget", "set", "--daily", "10", "--model", "claude-opus*")
    scope = ("--model", "claude-opus*")
    assert run("budget", "raise", "--daily", "20", "--until", "2h", *scope).exit_code == 0
    (gauge,) = gauges(run)
    assert gauge["cap_nanodollars"] == 20 * DOLLAR
    assert abs(int(str(gauge["raised_until"])) / 1000 - time.time() - 7200) < 60
    assert run("budget", "raise", "--end", *scope).exit_code == 0
    assert gauges(run)[0]["cap_nanodollars"] == 10 * DOLLAR
    for wrong in (
        ["--daily", "20"],
        ["--until", "2h"],
        ["--end", "--daily", "3"],
        [],
        ["--daily", "20", "--until", "x"],
    ):
        assert run("budget", "raise", *wrong, *scope).exit_code == 2
    assert run("budget", "raise", "--daily", "5", "--until", "2h", *scope).exit_code == 2


def test_flagged_and_write_down(run: Run) -> None:
    assert json.loads(run("budget", "flagged", "--json").stdout) == []
    assert run("budget", "flagged", "--csv").stdout.startswith("exchange_id,attempt,project,model,hold_usd,cost_usd")
    assert run("budget", "flagged", "--csv", "--json").exit_code == 2
    result = run("budget", "write-down", "nowhere", "--to", "0", "--reason", "test")
    assert result.exit_code == 2
    assert "no attempt 1 of exchange 'nowhere'" in result.stderr
    assert run("budget", "write-down", "nowhere", "--to", "-1", "--reason", "test").exit_code == 2


def test_prices(run: Run) -> None:
    assert run("prices", "set", "llama*", "--free").exit_code == 0
    assert run("prices", "set", "gpt-9", "--input", "2", "--output", "8.5", "--cache-read", "0.2").exit_code == 0
    listed = run("prices", "list").stdout
    assert "gpt-9" in listed
    assert "8.5" in listed
    assert "unknown" in listed
    found = {price["model"]: price for price in json.loads(run("prices", "list", "--json").stdout)}
    assert found["gpt-9"]["output"] == 8_500_000_000
    assert found["llama*"]["free"] is True
    header, *rows = csv.reader(io.StringIO(run("prices", "list", "--csv").stdout))
    assert dict(zip(header, rows[0], strict=True))["input_usd"] == "2"
    assert run("prices", "rm", "gpt-9").exit_code == 0
    assert run("prices", "rm", "gpt-9").exit_code == 2
    for wrong in (
        ["x"], ["x", "--input", "1"], ["x", "--free", "--input", "1", "--output", "1"],
        ["x", "--input", "-1", "--output", "1"], ["x", "--input", "nan", "--output", "1"],
        ["x", "--input", "0", "--output", "1"], ["x", "--free", "--provider", "nobody"], ["unknown", "--free"],
    ):  # fmt: skip
        assert run("prices", "set", *wrong).exit_code == 2, wrong


def test_amounts_and_times_in_words() -> None:
    assert [dollars(nano) for nano in (0, 1, 31_000_000, 40_000_000, 310_000_000, 8_020_000_000, 1234 * DOLLAR)] == [
        "$0.00", "$0.0001", "$0.0310", "$0.04", "$0.31", "$8.02", "$1,234.00",
    ]  # fmt: skip
    midnight = 1_800_057_600_000
    assert reset_time("UTC", midnight, midnight - 1000) == "00:00 UTC"
    assert reset_time("Asia/Tokyo", midnight, midnight - 1000) == "09:00 Asia/Tokyo (00:00 UTC)"
    assert reset_time("UTC", midnight, midnight - 2 * 86_400_000) == "2027-01-16 00:00 UTC"
