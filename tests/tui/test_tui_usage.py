"""The Usage screen: ranges, groupings, bars, drilling down, export."""

import csv
import json
import stat
import time
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from money_scenes import rerouted
from scenes import HOUR, MINUTE, NOW, World, busy_day, live, row, screen_text, shows, status

from conduit_tui.domain.projects import ProjectConfig
from conduit_tui.tui import usage_data

pytestmark = pytest.mark.anyio


@pytest.fixture
async def day(busy: World) -> AsyncIterator[World]:
    """A working day, and two rows that a rule moved."""
    last = await busy.fill([rerouted(900), rerouted(901, ago=2 * HOUR)])
    busy.say(told=status(), seen=live(last))
    yield busy
    await busy.close()


async def test_shows_the_day_by_model(day: World) -> None:
    async with day.app().run_test(size=(120, 40)) as pilot:
        await shows(pilot, "SESSIONS")
        await pilot.press("4")
        text = await shows(pilot, "[24 h]", "[model]", "[cost]", "claude-opus-5-5", "$44.52", "4.8 s")
        assert "to now" in text
        assert "total" in text
        assert "317" in text  # requests
        assert "░" not in text


async def test_the_hour_is_read_from_the_rows_and_agrees_with_them(day: World) -> None:
    since = NOW - NOW % MINUTE + MINUTE - HOUR
    expected = sum(each.created_at >= since for each in [*busy_day(), rerouted(900), rerouted(901, ago=2 * HOUR)])
    async with day.app().run_test(size=(120, 40)) as pilot:
        await shows(pilot, "SESSIONS")
        await pilot.press("4", "[")
        await shows(pilot, "[1 h]", f"{expected} requests")


@pytest.mark.parametrize(
    ("presses", "words"),
    [
        (1, ("[project]", "api-server", "docs", "infra")),
        (2, ("[agent type]", "Explore", "no agent type")),
        (3, ("[provider]", "mistral", "openai")),
        (4, ("[session]", "5f1c9a70", "no session")),
        (5, ("[day]", "2025-11-14", "2025-11-13")),
        (6, ("[model]", "claude-opus-5-5")),
    ],
)
async def test_groups(day: World, presses: int, words: tuple[str, ...]) -> None:
    async with day.app().run_test() as pilot:
        await shows(pilot, "SESSIONS")
        await pilot.press("4", *"b" * presses)
        await shows(pilot, *words)


async def test_metrics_and_lines(day: World) -> None:
    async with day.app().run_test() as pilot:
        await shows(pilot, "SESSIONS")
        await pilot.press("4", "m")
        await shows(pilot, "[tokens]", " M ")
        await pilot.press("v")
        text = await shows(pilot, "[tokens]")
        assert any("⠀" < sign < "⣿" for sign in text), "lines are drawn in braille"
        await pilot.press("m", "m")
        await shows(pilot, "[p50]", " s ")


async def test_moves_to_earlier_times_and_back_to_now(day: World) -> None:
    async with day.app().run_test() as pilot:
        await shows(pilot, "SESSIONS")
        await pilot.press("4")
        await shows(pilot, "claude-opus-5-5")
        await pilot.press("left")
        await shows(pilot, "Nov 12 11:00 to Nov 13 11:00", without="to now")
        await pilot.press("right", "right")
        await shows(pilot, "Nov 13 11:00 to now", "317 requests")


async def test_a_bar_has_its_own_table_and_leads_to_its_requests(day: World) -> None:
    async with day.app().run_test() as pilot:
        await shows(pilot, "SESSIONS")
        await pilot.press("4")
        await shows(pilot, "317 requests")
        await pilot.press("comma", "comma")
        hour = [each for each in busy_day() if NOW - NOW % HOUR - HOUR <= each.created_at < NOW - NOW % HOUR]
        hour += [rerouted(900)]  # type: ignore[list-item]
        await shows(pilot, "▲", "Nov 14 09:00 to 10:00", f"{len(hour)} requests")
        await pilot.press("enter")
        opus = [each for each in hour if "opus-5-5" in each.requested_model + each.routed_model]
        await shows(pilot, "/ model:claude-opus-5-5 since:2025-11-14T09:00 until:", f"{len(opus)} of 322")
        await pilot.press("4", "escape")
        await shows(pilot, "317 requests", without="▲")


async def test_tells_what_was_saved_against_what_was_asked_for_and_a_default(day: World) -> None:
    assert day.store is not None
    async with day.open_control() as control:
        project = await control.project("default")
        await control.add_project("api-server")
        project = await control.project("api-server")
        config = ProjectConfig.model_validate({**project.config.model_dump(), "default_model": "claude-opus-4-5"})
        await control.save_config("api-server", config, project.revision)
    async with day.app(project="api-server").run_test(size=(120, 40)) as pilot:
        await shows(pilot, "SESSIONS")
        await pilot.press("4")
        text = await shows(pilot, "less than the models asked for", "than all on claude-opus-4-5")
        assert "~$" in text


async def test_exports_what_is_shown(day: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    async with day.app().run_test(size=(120, 40), notifications=True) as pilot:
        await shows(pilot, "SESSIONS")
        await pilot.press("4")
        await shows(pilot, "4.8 s")
        await pilot.press("x")
        await shows(pilot, "Export what is shown")
        await pilot.press("c")
        await shows(pilot, "for your eyes only", "conduit-usage-by-model-20251114T104200Z.csv")
        await pilot.press("x")
        await shows(pilot, "Export what is shown")
        await pilot.press("j")
        await shows(pilot, "20251114T104200Z.json")
    check_files(tmp_path)


def check_files(folder: Path) -> None:
    (written,) = folder.glob("*.csv")
    assert stat.S_IMODE(written.stat().st_mode) == 0o600
    rows = list(csv.DictReader(written.read_text().splitlines()))
    assert sum(int(each["requests"]) for each in rows) == 317
    assert rows[0]["model"] == "claude-opus-5-5"
    (report,) = folder.glob("*.json")
    told = json.loads(report.read_text())
    assert sum(point["requests"] for point in told["points"]) == sum(each["requests"] for each in told["rows"]) == 317
    assert (told["by"], told["metric"]) == ("model", "cost")
    assert told["saved"][0]["requests"] >= 2


async def test_a_bar_that_is_picked_is_exported_alone(
    day: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with day.app().run_test(size=(120, 40), notifications=True) as pilot:
        await shows(pilot, "SESSIONS")
        await pilot.press("4")
        await shows(pilot, "317 requests")
        await pilot.press("comma", "comma")
        text = await shows(pilot, "▲", "requests", "cached)")
        await pilot.press("x", "j")
        await shows(pilot, "for your eyes only")
    told = only_report(tmp_path)
    requests = sum(each["requests"] for each in told["rows"])
    assert f" {requests} requests" in text
    assert told["until"] - told["since"] == told["stretch_ms"]
    assert sum(point["requests"] for point in told["points"]) == requests < 317


async def test_reads_and_draws_at_most_once_a_second(day: World, monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[float] = []
    read_chart = usage_data.read_chart

    async def counted(*given: Any) -> usage_data.UsageData:
        reads.append(time.monotonic())
        return await read_chart(*given)

    monkeypatch.setattr(usage_data, "read_chart", counted)
    async with day.app().run_test(size=(120, 40)) as pilot:
        await shows(pilot, "SESSIONS")
        await pilot.press("4")
        await shows(pilot, "317 requests")
        began = time.monotonic()
        for number in range(12):
            last = await day.fill([row(6_000 + number, ago=0, cost_nanodollars=1)])
            day.say(seen=live(last))
            await pilot.pause(0.1)
        await shows(pilot, "329 requests")
        took = time.monotonic() - began
    since = [at for at in reads if at >= began]
    assert 1 <= len(since) <= took + 1
    assert all(later - earlier >= 0.5 for earlier, later in pairwise(since))


def only_report(folder: Path) -> dict[str, Any]:
    (report,) = folder.glob("*.json")
    told: dict[str, Any] = json.loads(report.read_text())
    return told


async def test_an_empty_time_says_so(world: World) -> None:
    last = await world.fill([row(1, ago=100 * HOUR)])
    world.say(told=status(), seen=live(last))
    async with world.app().run_test(notifications=True) as pilot:
        await shows(pilot, "READY")
        await pilot.press("4")
        await shows(pilot, "nothing in this time", "no request in this time")
        await pilot.press("x")
        await shows(pilot, "there is nothing to export")


async def test_what_comes_is_drawn_and_a_bar_that_is_over_stays(day: World) -> None:
    async with day.app().run_test() as pilot:
        await shows(pilot, "SESSIONS")
        await pilot.press("4")
        before = await shows(pilot, "317 requests")
        last = await day.fill([row(5_000, ago=0, cost_nanodollars=1)])
        day.say(seen=live(last))
        after = await shows(pilot, "318 requests")
        assert before.splitlines()[6][:70] == after.splitlines()[6][:70]
        assert screen_text(pilot.app) == after  # type: ignore[arg-type]
