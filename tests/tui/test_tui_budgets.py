"""The Budgets screen: gauges, limits edited in place, raises, modes, entries to check."""

import sqlite3
from collections.abc import AsyncIterator

import pytest
from money_scenes import DOLLAR, add_entries, set_budgets
from scenes import HOUR, NOW, World, shows
from textual.pilot import Pilot

from conduit_tui.domain.budgets import Budget
from conduit_tui.domain.limits import Mode, Scope
from conduit_tui.domain.projects import Project
from conduit_tui.store import budget_windows
from conduit_tui.store.budget_windows import Change
from conduit_tui.tui.app import ConduitApp
from conduit_tui.tui.conduit import system_clock
from conduit_tui.tui.sources import Sources

pytestmark = pytest.mark.anyio


@pytest.fixture
async def day(busy: World) -> AsyncIterator[World]:
    """A working day without a limit."""
    await busy.fill([])
    assert busy.store is not None
    for name in ("api-server", "docs"):
        await busy.store.add_project(Project(name=name))
    yield busy
    await busy.close()


@pytest.fixture
async def capped(day: World) -> World:
    """A working day with budgets, holds and entries to check."""
    assert day.store is not None
    await day.store.run(set_budgets)
    await day.store.run(add_entries)
    return day


async def budgets_of(world: World) -> dict[Scope, Budget]:
    async with world.open_control() as control:
        return {budget.scope: budget for budget in await control.budgets()}


async def type_over(pilot: Pilot[int], text: str) -> None:
    """Replace what stands in the field that has the focus."""
    await pilot.press("end", "ctrl+u", *text)


async def test_teaches_where_there_is_no_limit_and_sets_one(day: World) -> None:
    app = day.app()
    async with app.run_test() as pilot:
        await shows(pilot, "SESSIONS")
        await pilot.press("5")
        await shows(pilot, "No limits are set", "Press e to cap tonight's run at $10", "overall", "no limit")
        await pilot.press("e")
        await shows(pilot, "overall budget", "daily $")
        await pilot.press("2", "0", "ctrl+s")  # what stood there was selected
        await shows(pilot, "$14.64 of $20", "73 %", without="No limits are set")
    assert (await budgets_of(day))[Scope("")].daily == 20 * DOLLAR


async def test_shows_spent_held_and_left_of_every_window(capped: World) -> None:
    async with capped.app().run_test(size=(120, 40)) as pilot:
        await shows(pilot, "SESSIONS")
        await pilot.press("5")
        text = await shows(pilot, "$10.69 of $14", "$0.31 held", "$3.00 left", "full about 11:33", "resets 00:00 UTC")
        assert "! 79 %" in text
        assert "! 89 %" in text
        assert "$47.21 of $200" in text
        assert "resets Dec 1 00:00 UTC" in text
        assert "resets 00:00 Berlin" in text
        assert "claude-opus-*" in text
        assert "raised until 11-14 17:42" in text
        gauge = next(line for line in text.splitlines() if "api-server" in line)
        assert "█▒░" in gauge, "held is told apart from spent and left"
        assert "2 entries to check" in text


async def test_shows_only_what_concerns_the_project(capped: World) -> None:
    async with capped.app(project="docs").run_test() as pilot:
        await shows(pilot, "READY")
        await pilot.press("5")
        text = await shows(pilot, "overall", "$2.14 of $2.40")
        assert "api-server" not in text


@pytest.mark.parametrize(
    ("field", "text", "words"),
    [
        (0, "-1", "Daily cost limit must be positive"),
        (0, "ten", "not an amount in dollars"),
        (0, "300", "Daily limit cannot exceed monthly limit"),
        (0, "99999999", "cannot exceed"),
        (1, "nan", "not an amount in dollars"),
        (0, "", "an amount in dollars, or none"),
        (3, "Berlin", "did you mean 'Europe/Berlin'?"),
    ],
)
async def test_bad_input_is_refused_beside_the_field(capped: World, field: int, text: str, words: str) -> None:
    before = await budgets_of(capped)
    async with capped.app().run_test(size=(120, 40)) as pilot:
        await shows(pilot, "SESSIONS")
        await pilot.press("5")
        await shows(pilot, "$10.69 of $14")
        await pilot.press("j", "e")
        await shows(pilot, "budget of api-server")
        await pilot.press(*["tab"] * field)
        await type_over(pilot, text)
        await shows(pilot, words)
        await pilot.press("ctrl+s")
        await shows(pilot, words)
        await pilot.press("escape")
        await shows(pilot, "Leave without saving?")
        await pilot.press("d")
        await shows(pilot, "$10.69 of $14")
    assert await budgets_of(capped) == before


async def test_zero_blocks_everything_and_none_lifts_a_limit(capped: World) -> None:
    async with capped.app().run_test(size=(120, 40)) as pilot:
        await shows(pilot, "SESSIONS")
        await pilot.press("5")
        await shows(pilot, "$10.69 of $14")
        await pilot.press("j", "e")
        await shows(pilot, "budget of api-server")
        await type_over(pilot, "0")
        await pilot.press("tab")
        await type_over(pilot, "none")
        await pilot.press("ctrl+s")
        await shows(pilot, "of $0", "blocks everything", without="of $200")
    saved = (await budgets_of(capped))[Scope("api-server")]
    assert (saved.daily, saved.monthly) == (0, None)


async def test_a_budget_for_one_model(capped: World) -> None:
    async with capped.app().run_test(size=(120, 40)) as pilot:
        await shows(pilot, "SESSIONS")
        await pilot.press("5")
        await shows(pilot, "$10.69 of $14")
        await pilot.press("j", "n")
        await shows(pilot, "within the budget of api-server, one for a model", "a model (* and ? match)", without="✗")
        await pilot.press("ctrl+s")  # what is lacking is a hint until then
        await shows(pilot, "✗ a model (* and ? match)")
        await pilot.press(*"claude-haiku-*", "tab", "tab")
        await type_over(pilot, "5")
        await pilot.press("ctrl+s")
        await shows(pilot, "api-server claude-haiku-*", "of $5")
    assert (await budgets_of(capped))[Scope("api-server", "claude-haiku-*")].daily == 5 * DOLLAR


async def test_the_mode_is_switched(capped: World) -> None:
    async with capped.app().run_test(notifications=True) as pilot:
        await shows(pilot, "SESSIONS")
        await pilot.press("5")
        await shows(pilot, "strict")
        await pilot.press("m")
        await shows(pilot, "overall is balanced now", without="strict")
    assert (await budgets_of(capped))[Scope("")].mode is Mode.BALANCED


async def test_a_raise_has_an_end(capped: World) -> None:
    sources = Sources(
        capped.state_dir, capped, capped, capped.open_reader, capped.start_daemon, capped.open_control, capped.backtest
    )
    app = ConduitApp(lambda: sources, now=system_clock)  # a raise ends in the real future
    began = system_clock()
    async with app.run_test(size=(120, 40)) as pilot:
        await shows(pilot, "READY")
        await pilot.press("5")
        await shows(pilot, "overall", "of $40")
        await pilot.press("t")
        await shows(pilot, "raise the overall budget for a time")
        await type_over(pilot, "3h")
        await pilot.press("tab", *"30")
        await shows(pilot, "a raise is above the limit, $40.00")
        await type_over(pilot, "60")
        await pilot.press("ctrl+s")
        await shows(pilot, "of $60", "raised until")
        raised = (await budgets_of(capped))[Scope("")].raised
        assert raised is not None
        assert raised.daily == 60 * DOLLAR
        assert abs(raised.until - began - 3 * HOUR) < 60_000
        await pilot.press("t")
        await shows(pilot, "raise the overall budget for a time")
        await pilot.press("tab")
        await type_over(pilot, "")
        await pilot.press("ctrl+s")
        await shows(pilot, "of $40", without="raised until")
    assert (await budgets_of(capped))[Scope("")].raised is None


async def test_a_charge_is_lowered_with_a_reason(capped: World) -> None:
    async with capped.app().run_test(size=(120, 40)) as pilot:
        await shows(pilot, "SESSIONS")
        await pilot.press("5")
        await shows(pilot, "2 entries to check")
        await pilot.press("w")
        await shows(pilot, "no usage reported", "the gateway died", "$0.64")
        await pilot.press("j", "enter")
        await shows(pilot, "lower the charge of ex-000300", "say why, for the audit log")
        await pilot.press(*"0.70")
        await shows(pilot, "a charge can only be lowered")
        await type_over(pilot, "0.20")
        await pilot.press("tab", *"as billed", "ctrl+s")
        await shows(pilot, "written down", "$0.20")
        await pilot.press("escape")
        await shows(pilot, "one entry to check")
    assert capped.store is not None
    audit = await capped.store.run(
        lambda db: db.execute("SELECT subject, detail FROM audit_log WHERE action = 'ledger.write-down'").fetchall()
    )
    ((subject, detail),) = audit
    assert subject.startswith("ex-000300")
    assert "as billed" in detail


async def test_without_entries_there_is_nothing_to_check(day: World) -> None:
    async with day.app().run_test() as pilot:
        await shows(pilot, "SESSIONS")
        await pilot.press("5", "w")
        await shows(pilot, "Nothing to check")


async def test_the_overview_shows_the_tightest_budgets_and_warns(capped: World) -> None:
    async with capped.app().run_test() as pilot:
        text = await shows(pilot, "TODAY   $2.14 of $2.40", "MONTH   $47.21 of $200", "TOKENS", "NEEDS YOU")
        assert "docs: daily cost limit 89 % spent or held of $2.40" in text
        assert "api-server: daily cost limit 79 %" in text
        assert "saved by rules" in await shows(pilot, "saved")
    async with capped.app(project="api-server").run_test() as pilot:
        await shows(pilot, "TODAY   $10.69 of $14", "$0.31 held")


async def test_holds_are_seen_as_they_come(capped: World) -> None:
    assert capped.store is not None
    async with capped.app().run_test() as pilot:
        await shows(pilot, "SESSIONS")
        await pilot.press("5")
        assert "$1.00 held" not in await shows(pilot, "$14.64 of $40")

        def hold(connection: sqlite3.Connection) -> None:
            (window,) = [one for one in budget_windows.all_open(connection, NOW) if one.scope == Scope("")]
            budget_windows.change(connection, {window.id: Change(held=DOLLAR)})

        await capped.store.run(hold)
        await shows(pilot, "$1.00 held")
