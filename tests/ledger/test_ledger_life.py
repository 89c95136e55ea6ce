"""An attempt's money from its hold to its settlement."""

import asyncio
import sqlite3
from typing import Any

import pytest
from ledgers import (
    DOLLAR,
    HOUR,
    NOON,
    HandClock,
    admitted,
    over,
    price,
    refused,
    request,
    set_budget,
    usage_row,
    windows,
)

from conduit_tui.domain.captures import Capture, CaptureKind
from conduit_tui.domain.dialects import Dialect
from conduit_tui.domain.limits import RefusalKind, Window
from conduit_tui.domain.usage import Usage, UsageFlag
from conduit_tui.ledger.estimate import FIRST_OUTPUT, TIGHT_OUTPUT, Demand
from conduit_tui.ledger.ledger import Ledger
from conduit_tui.store.interface import StoreError
from conduit_tui.store.sqlite import SqliteStore
from conduit_tui.store.writer import Bulk

pytestmark = pytest.mark.anyio

LONG = Demand(b"{" + b" " * 2398 + b"}", Dialect.ANTHROPIC, 64_000)


async def usage_costs(store: SqliteStore) -> list[tuple[str, int]]:
    return await store.run(
        lambda db: db.execute("SELECT exchange_id, cost_nanodollars FROM usage ORDER BY id").fetchall()
    )


async def entries(store: SqliteStore) -> list[tuple[str, str, int | None, str]]:
    return await store.run(
        lambda db: db.execute(
            "SELECT exchange_id, state, cost_nanodollars, flags FROM ledger_entries ORDER BY exchange_id"
        ).fetchall()
    )


async def test_a_hold_is_committed_in_both_windows_and_becomes_the_true_cost(
    store: SqliteStore, ledger: Ledger
) -> None:
    await set_budget(store, ledger, daily=10, monthly=100)
    held = admitted(await ledger.hold(request(dollars=1.5)))
    assert await windows(store) == [("day", 0, 3 * DOLLAR // 2), ("month", 0, 3 * DOLLAR // 2)]
    text = Capture(held.row.exchange_id, "default", CaptureKind.MESSAGE, False, NOON, "hello")
    row_id = await ledger.settle(held, over(held, 0.25), [text])
    assert store.last_usage_id == row_id
    assert await windows(store) == [("day", DOLLAR // 4, 0), ("month", DOLLAR // 4, 0)]
    assert await usage_costs(store) == [(held.row.exchange_id, DOLLAR // 4)]
    assert await store.run(lambda db: db.execute("SELECT text FROM captures").fetchall()) == [("hello",)]


async def test_without_a_budget_nothing_is_written_until_the_end(store: SqliteStore, ledger: Ledger) -> None:
    await ledger.reload()
    changes = await store.run(lambda db: db.total_changes)
    held = admitted(await ledger.hold(request(dollars=1000)))
    assert not held.limited
    assert not held.needs_top_up(100_000)
    assert await store.run(lambda db: db.total_changes) == changes
    await ledger.settle(held, over(held, 2))
    assert await windows(store) == []
    assert await entries(store) == []
    assert await usage_costs(store) == [(held.row.exchange_id, 2 * DOLLAR)]
    with pytest.raises(KeyError):
        await ledger.settle(held, over(held, 2))


async def test_how_much_of_the_tightest_window_is_used(store: SqliteStore, ledger: Ledger, clock: HandClock) -> None:
    assert await ledger.used_percent("default", "claude-opus-5", "main") is None
    await set_budget(store, ledger, daily=10, monthly=20)
    await set_budget(store, ledger, model="gpt-6", daily=0)
    assert await ledger.used_percent("default", "claude-opus-5", "main") == 0
    admitted(await ledger.hold(request(dollars=4)))
    assert await ledger.used_percent("default", "claude-opus-5", "main") == 40
    clock.go(12 * HOUR)  # the day is over
    assert await ledger.used_percent("default", "claude-opus-5", "main") == 20


async def test_a_refusal_says_which_limit_how_much_and_until_when(store: SqliteStore, ledger: Ledger) -> None:
    await set_budget(store, ledger, daily=10, monthly=100)
    spent = admitted(await ledger.hold(request(dollars=7)))
    await ledger.settle(spent, over(spent, 8.02))
    admitted(await ledger.hold(request(dollars=0.31)))
    refusal = refused(await ledger.hold(request(dollars=1.90)))
    assert refusal.message == (
        "Daily cost limit exceeded: $8.02 spent, $0.31 held, this request may cost $1.90, cap $10.00; resets 00:00 UTC"
    )
    assert (await windows(store))[0] == ("day", round(8.02 * DOLLAR), round(0.31 * DOLLAR))
    admitted(await ledger.hold(request(dollars=1.67)))  # to the cent
    refused(await ledger.hold(request(dollars=0.000_000_001)))


async def test_the_limit_that_resets_last_is_named(store: SqliteStore, ledger: Ledger) -> None:
    await set_budget(store, ledger, daily=1, monthly=2, zone="Europe/Berlin")
    await set_budget(store, ledger, project="", monthly=2)
    refusal = refused(await ledger.hold(request(dollars=3)))
    assert refusal.message == (
        "Overall monthly cost limit exceeded: $0.00 spent, $0.00 held, this request may cost $3.00, cap $2.00; "
        "resets 2027-02-01 00:00 UTC"
    )
    await set_budget(store, ledger, project="")
    refusal = refused(await ledger.hold(request(dollars=3)))
    assert refusal.message.endswith("resets 2027-02-01 00:00 Europe/Berlin (2027-01-31 23:00 UTC)")
    await set_budget(store, ledger, model="claude-*", daily=0.0025)
    refusal = refused(await ledger.hold(request(dollars=0.75)))
    assert refusal.message == (
        "Daily cost limit of model claude-* exceeded: $0.00 spent, $0.00 held, this request may cost $0.75, "
        "cap $0.0025; resets 00:00 UTC"
    )


async def test_strict_holds_the_worst_case_and_says_so(store: SqliteStore, ledger: Ledger) -> None:
    await set_budget(store, ledger, daily=10, mode="strict")
    await set_budget(store, ledger, project="", daily=100)
    held = admitted(await ledger.hold(request(demand=LONG)))
    assert held.nanodollars == price(Usage(2400, 64_000, cache_write_5m_tokens=2400))
    await set_budget(store, ledger, daily=0.04, mode="strict")
    refusal = refused(await ledger.hold(request(demand=LONG)))
    assert "strict mode holds all of max_tokens, 64,000" in refusal.message


async def test_the_budget_of_a_model_or_an_agent_type_concerns_no_other(store: SqliteStore, ledger: Ledger) -> None:
    await set_budget(store, ledger, model="claude-opus*", daily=0)
    await set_budget(store, ledger, agent_type="Explore", daily=0)
    await set_budget(store, ledger, project="alpha", daily=0)
    assert refused(await ledger.hold(request(dollars=0))).window is not None
    refused(await ledger.hold(request(usage_row(routed_model="gpt-6", agent_type="Explore"))))
    refused(await ledger.hold(request(usage_row(project="alpha", routed_model="gpt-6"))))
    assert not admitted(await ledger.hold(request(usage_row(routed_model="gpt-6")))).limited
    free = admitted(await ledger.hold(request(project_limits=False)))  # bypass
    assert not free.limited
    await set_budget(store, ledger, project="", daily=0)
    refused(await ledger.hold(request(project_limits=False)))


async def test_a_model_without_a_price_can_be_blocked(store: SqliteStore, ledger: Ledger) -> None:
    await set_budget(store, ledger, unpriced="block")
    refusal = refused(await ledger.hold(request(priced=False)))
    assert refusal.kind is RefusalKind.UNPRICED
    assert "claude-opus-5" in refusal.message
    admitted(await ledger.hold(request(priced=True)))


async def test_near_the_cap_input_is_counted_and_output_held_in_small_steps(store: SqliteStore, ledger: Ledger) -> None:
    whole = price(Usage(1000, FIRST_OUTPUT, cache_write_5m_tokens=1000))
    await set_budget(store, ledger, daily=3 * whole / DOLLAR)
    assert admitted(await ledger.hold(request(demand=LONG))).nanodollars == whole
    assert admitted(await ledger.hold(request(demand=LONG))).nanodollars == whole  # 67 percent
    tight = admitted(await ledger.hold(request(demand=LONG)))
    assert tight.nanodollars == price(Usage(1100, TIGHT_OUTPUT, cache_write_5m_tokens=1100))


@pytest.mark.fault
async def test_a_stream_is_topped_up_until_the_budget_ends_it(store: SqliteStore, ledger: Ledger) -> None:
    await set_budget(store, ledger, daily=0.01)
    held = admitted(await ledger.hold(request(demand=LONG)))
    assert await held.correct(Usage(5000, 1, cache_read_tokens=4000)) is None
    assert held.nanodollars == price(Usage(5000, FIRST_OUTPUT))
    output = 0
    refusal = None
    while refusal is None:
        output += 50
        if held.needs_top_up(output):
            refusal = await held.top_up(output)
    (day,) = await windows(store)
    assert day == ("day", 0, held.nanodollars)
    assert DOLLAR // 100 - held.nanodollars < price(Usage(0, TIGHT_OUTPUT))
    assert refusal.window is not None
    assert price(Usage(5000, output)) <= held.nanodollars  # cut before it is passed
    await ledger.settle(held, over(held, 0.011))
    assert await windows(store) == [("day", DOLLAR * 11 // 1000, 0)]
    assert (await entries(store))[0][3] == "overrun"
    refused(await ledger.hold(request(dollars=0)))


async def test_a_prompt_that_costs_more_than_the_budget_ends_the_stream(store: SqliteStore, ledger: Ledger) -> None:
    await set_budget(store, ledger, daily=0.01)
    held = admitted(await ledger.hold(request()))
    before = held.nanodollars
    refusal = await held.correct(Usage(200_000, 1))
    assert refusal is not None
    assert await windows(store) == [("day", 0, before)]


async def test_a_prompt_that_is_dearer_than_held_may_use_what_is_held(store: SqliteStore, ledger: Ledger) -> None:
    await set_budget(store, ledger, daily=0.01)
    held = admitted(await ledger.hold(request(demand=LONG)))
    other = admitted(await ledger.hold(request(dollars=(DOLLAR // 100 - held.nanodollars) / DOLLAR)))
    before = held.nanodollars
    prompt = Usage(5000, 1)
    assert await held.correct(prompt) is None
    assert held.nanodollars == before
    covered = (before - price(prompt._replace(output_tokens=0))) // 500  # output tokens that the hold still pays
    assert 0 < covered < FIRST_OUTPUT
    assert not held.needs_top_up(covered - 100)
    assert held.needs_top_up(covered - 99)
    refused_step = await held.top_up(covered - 99)
    assert refused_step is not None, "the budget is full"
    await ledger.void(other)
    assert await held.top_up(covered - 99) is None, "and goes on when others give back"
    assert held.nanodollars > before


async def test_top_up_stops_at_max_tokens(store: SqliteStore, ledger: Ledger) -> None:
    await set_budget(store, ledger, daily=1)
    held = admitted(await ledger.hold(request(demand=LONG._replace(max_tokens=5000))))
    assert await held.top_up(4000) is None
    assert held.nanodollars == price(Usage(1000, 5000, cache_write_5m_tokens=1000))
    assert not held.needs_top_up(4990)


async def test_void_gives_back_once(store: SqliteStore, ledger: Ledger) -> None:
    await set_budget(store, ledger, daily=1)
    held = admitted(await ledger.hold(request(dollars=1)))
    await ledger.void(held)
    await ledger.void(held)
    assert await windows(store) == [("day", 0, 0)]
    with pytest.raises(KeyError):
        await ledger.settle(held, over(held, 1))
    assert await windows(store) == [("day", 0, 0)]
    assert await usage_costs(store) == []


@pytest.mark.fault
async def test_an_attempt_is_held_once_and_settled_once(store: SqliteStore, ledger: Ledger) -> None:
    await set_budget(store, ledger, daily=10)
    held = admitted(await ledger.hold(request(dollars=1)))
    with pytest.raises(KeyError):
        await ledger.hold(request(held.row, dollars=1))
    second = admitted(await ledger.hold(request(held.row._replace(attempt=2), dollars=1)))
    await ledger.settle(held, over(held, 0.5))
    with pytest.raises(KeyError):
        await ledger.settle(held, over(held, 0.5))
    await ledger.settle(second, over(second, 0))  # an explicit nothing stays nothing
    assert await windows(store) == [("day", DOLLAR // 2, 0)]


@pytest.mark.fault
@pytest.mark.parametrize("cost", [-5, -(1 << 62)])
async def test_nobody_is_credited(store: SqliteStore, ledger: Ledger, cost: int) -> None:
    await set_budget(store, ledger, daily=10)
    held = admitted(await ledger.hold(request(dollars=1)))
    await ledger.settle(held, held.row._replace(cost_nanodollars=cost))
    assert await windows(store) == [("day", 0, 0)]
    assert await usage_costs(store) == [(held.row.exchange_id, 0)]


@pytest.mark.fault
async def test_an_absurd_cost_is_entered_and_blocks(store: SqliteStore, ledger: Ledger) -> None:
    await set_budget(store, ledger, daily=10)
    for _ in range(3):
        held = admitted(await ledger.hold(request(usage_row(), dollars=0.0, project_limits=False)))
        await ledger.settle(held, held.row._replace(cost_nanodollars=(1 << 63) - 1))
    refused(await ledger.hold(request(dollars=0)))


@pytest.mark.fault
async def test_silence_is_charged_and_corrected_when_usage_comes_late(store: SqliteStore, ledger: Ledger) -> None:
    await set_budget(store, ledger, daily=10)
    held = admitted(await ledger.hold(request(dollars=2, seconds=60)))
    assert await ledger.expire_due(held.deadline - 1) == 0
    before = held.deadline
    held.needs_top_up(1)  # something is heard of it
    assert await ledger.expire_due(before) == 0
    assert await ledger.expire_due(held.deadline) == 1
    assert await windows(store) == [("day", 2 * DOLLAR, 0)]
    assert await entries(store) == [(held.row.exchange_id, "expired", 2 * DOLLAR, "uncertain")]
    assert await held.top_up(10_000) is None  # what has expired is not held any more
    await ledger.settle(held, over(held, 0.5))
    assert await windows(store) == [("day", DOLLAR // 2, 0)]
    assert await entries(store) == [(held.row.exchange_id, "settled", DOLLAR // 2, "")]
    assert await usage_costs(store) == [(held.row.exchange_id, DOLLAR // 2)]


@pytest.mark.fault
async def test_late_usage_that_is_dearer_than_the_hold_is_charged_in_full(store: SqliteStore, ledger: Ledger) -> None:
    await set_budget(store, ledger, daily=10)
    held = admitted(await ledger.hold(request(dollars=2, seconds=60)))
    other = admitted(await ledger.hold(request(dollars=7)))
    assert await ledger.expire_due(held.deadline) == 1
    refused(await ledger.hold(request(dollars=2)))  # charged, not freed
    await ledger.settle(held, over(held, 4))
    assert await windows(store) == [("day", 4 * DOLLAR, 7 * DOLLAR)]
    assert (await entries(store))[0][1:] == ("settled", 4 * DOLLAR, "overrun")
    await ledger.settle(other, over(other, 1))
    with pytest.raises(KeyError):
        await ledger.settle(held, over(held, 1))
    assert await ledger.expire_due(float("inf")) == 0
    assert await windows(store) == [("day", 5 * DOLLAR, 0)]


@pytest.mark.fault
async def test_after_a_crash_holds_of_ended_generations_are_charged(store: SqliteStore, clock: HandClock) -> None:
    first = Ledger(store, 1, clock=clock)
    await set_budget(store, first, daily=10)
    lost = admitted(await first.hold(request(dollars=2)))
    silent = admitted(await first.hold(request(dollars=1, seconds=0)))
    assert await first.expire_due(silent.deadline) == 1
    second = Ledger(store, 2, clock=clock)
    await second.reload()
    draining = admitted(await second.hold(request(dollars=3)))
    third = Ledger(store, 3, clock=clock)
    await third.reload()
    assert await third.recover([1, 3]) == 2  # its own generation is alive, the second drains
    assert await windows(store) == [("day", 3 * DOLLAR, 3 * DOLLAR)]
    assert await third.recover([1]) == 0
    assert sorted(await usage_costs(store)) == sorted(
        [(lost.row.exchange_id, 2 * DOLLAR), (silent.row.exchange_id, DOLLAR)]
    )
    flagged = await store.flagged(10)
    assert {(one.exchange_id, one.cost, one.project, one.model) for one in flagged} == {
        (lost.row.exchange_id, 2 * DOLLAR, "default", "claude-opus-5"),
        (silent.row.exchange_id, DOLLAR, "default", "claude-opus-5"),
    }
    assert all("worst-case" in one.flags or "uncertain" in one.flags for one in flagged)
    rows = await store.run(lambda db: db.execute("SELECT flags, error_type, status FROM usage").fetchall())
    assert set(rows) == {("worst-case", "gateway_died", 0)}
    await second.settle(draining, over(draining, 1))
    assert await windows(store) == [("day", 4 * DOLLAR, 0)]


async def test_a_write_down_lowers_every_figure_and_is_audited(store: SqliteStore, ledger: Ledger) -> None:
    await set_budget(store, ledger, daily=10)
    held = admitted(await ledger.hold(request(dollars=2)))
    sure = admitted(await ledger.hold(request(dollars=2)))
    await ledger.settle(held, over(held, 2, flags=UsageFlag.ESTIMATED))
    await ledger.settle(sure, over(sure, 2))
    await store.write_down(held.row.exchange_id, 1, DOLLAR // 2, "the provider's page says so")
    assert await windows(store) == [("day", 5 * DOLLAR // 2, 0)]
    assert sorted(await usage_costs(store)) == [(held.row.exchange_id, DOLLAR // 2), (sure.row.exchange_id, 2 * DOLLAR)]

    def sums(db: sqlite3.Connection) -> list[tuple[int]]:
        return [
            *db.execute("SELECT sum(cost_nanodollars) FROM usage_rollup"),
            *db.execute("SELECT sum(cost_nanodollars) FROM sessions"),
        ]

    assert await store.run(sums) == [(5 * DOLLAR // 2,)] * 2
    ((action, detail),) = await store.run(lambda db: db.execute("SELECT action, detail FROM audit_log").fetchall())
    assert action == "ledger.write-down"
    assert "the provider's page says so" in detail
    for exchange, cost in ((sure.row.exchange_id, 0), (held.row.exchange_id, DOLLAR), (held.row.exchange_id, -1)):
        with pytest.raises(ValueError, match=r"figure|lowered"):
            await store.write_down(exchange, 1, cost, "why not")
    with pytest.raises(KeyError):
        await store.write_down("nowhere", 1, 0, "")


async def test_a_budget_set_at_noon_counts_the_morning(store: SqliteStore, ledger: Ledger, clock: HandClock) -> None:
    await ledger.reload()
    morning = admitted(await ledger.hold(request(usage_row(at=clock.now() - 3 * HOUR))))
    await ledger.settle(morning, over(morning, 3))
    on_the_way = admitted(await ledger.hold(request()))
    not_held = usage_row(at=clock.now(), cost_nanodollars=DOLLAR)
    await set_budget(store, ledger, daily=10)
    held = admitted(await ledger.hold(request(dollars=1)))
    assert await windows(store) == [("day", 3 * DOLLAR, DOLLAR)]
    await ledger.settle(on_the_way, over(on_the_way, 2))
    assert await windows(store) == [("day", 5 * DOLLAR, DOLLAR)]
    await ledger.settle(held, over(held, 1))
    await ledger.settle(None, not_held)
    assert await windows(store) == [("day", 7 * DOLLAR, 0)]


async def test_what_is_spent_without_a_cap_counts_when_there_is_one_again(store: SqliteStore, ledger: Ledger) -> None:
    await set_budget(store, ledger, daily=10)
    silent = admitted(await ledger.hold(request(dollars=1, seconds=0)))
    await ledger.expire_due(silent.deadline)  # charged, its usage row is still to come
    await set_budget(store, ledger)
    between = admitted(await ledger.hold(request()))
    assert not between.limited
    await ledger.settle(between, over(between, 4))
    await set_budget(store, ledger, daily=10)
    admitted(await ledger.hold(request(dollars=1)))
    assert await windows(store) == [("day", 5 * DOLLAR, DOLLAR)]
    await ledger.settle(silent, over(silent, 0.5))
    assert await windows(store) == [("day", 9 * DOLLAR // 2, DOLLAR)]


async def test_changes_of_a_budget_with_requests_in_flight(
    store: SqliteStore, ledger: Ledger, clock: HandClock
) -> None:
    await set_budget(store, ledger, daily=10)
    held = admitted(await ledger.hold(request(dollars=6)))
    await set_budget(store, ledger, daily=5)  # below what is held
    refused(await ledger.hold(request(dollars=0.01)))
    await set_budget(store, ledger, daily=20)
    admitted(await ledger.hold(request(dollars=14)))
    refused(await ledger.hold(request(dollars=0.01)))
    raised = {"until": clock.now() + HOUR, "daily": 30 * DOLLAR}
    await set_budget(store, ledger, daily=20, raised=raised)
    extra = admitted(await ledger.hold(request(dollars=1)))
    await ledger.void(extra)
    clock.go(HOUR)
    refused(await ledger.hold(request(dollars=0.01)))  # the raise is over
    await set_budget(store, ledger, daily=20, zone="Asia/Tokyo")
    assert [period for period, _, _ in await windows(store)] == ["day"]  # until the next window
    await set_budget(store, ledger)
    assert not admitted(await ledger.hold(request(dollars=100))).limited
    await ledger.settle(held, over(held, 7))
    assert await windows(store) == [("day", 7 * DOLLAR, 14 * DOLLAR)]


@pytest.mark.fault
async def test_a_new_zone_counts_from_the_next_window_on(store: SqliteStore, ledger: Ledger, clock: HandClock) -> None:
    await set_budget(store, ledger, daily=10)
    admitted(await ledger.hold(request()))
    await set_budget(store, ledger, daily=10, zone="Asia/Tokyo")
    clock.go(4 * HOUR)  # another day in Tokyo, and the same window all the same
    admitted(await ledger.hold(request(dollars=1)))
    refusal = refused(await ledger.hold(request(dollars=10)))
    assert refusal.message.endswith("resets 00:00 UTC")
    clock.go(8 * HOUR)  # midnight in UTC, nine in Tokyo
    admitted(await ledger.hold(request()))
    clock.go(15 * HOUR)
    admitted(await ledger.hold(request()))
    spans = await store.run(
        lambda db: db.execute("SELECT zone, starts_at, ends_at FROM budget_windows ORDER BY id").fetchall()
    )
    assert spans == [
        ("UTC", NOON - 12 * HOUR, NOON + 12 * HOUR),
        ("Asia/Tokyo", NOON + 12 * HOUR, NOON + 27 * HOUR),  # begins where the other ended
        ("Asia/Tokyo", NOON + 27 * HOUR, NOON + 51 * HOUR),
    ]


@pytest.mark.fault
async def test_an_exchange_belongs_to_the_window_of_its_admission(
    store: SqliteStore, ledger: Ledger, clock: HandClock
) -> None:
    await set_budget(store, ledger, daily=10, monthly=100)
    held = admitted(await ledger.hold(request(usage_row(at=clock.now()), dollars=6)))
    clock.go(12 * HOUR)
    admitted(await ledger.hold(request(usage_row(at=clock.now()), dollars=10)))
    await ledger.settle(held, over(held, 5))
    assert await windows(store) == [
        ("day", 5 * DOLLAR, 0), ("month", 5 * DOLLAR, 10 * DOLLAR), ("day", 0, 10 * DOLLAR),
    ]  # fmt: skip


async def test_warnings_come_once_at_75_and_95_percent(store: SqliteStore, clock: HandClock) -> None:
    heard: list[tuple[str, int]] = []

    def warn(window: Window, percent: int) -> None:
        heard.append((window.period, percent))

    ledger = Ledger(store, 1, clock=clock, on_warning=warn)
    await set_budget(store, ledger, daily=10)
    for dollars in (7, 0.6, 0.1, 2, 0.1):
        admitted(await ledger.hold(request(dollars=dollars)))
    assert heard == [("day", 75), ("day", 95)]


async def test_a_store_that_cannot_write_refuses_and_keeps_what_is_to_be_settled(
    store: SqliteStore, ledger: Ledger
) -> None:
    await set_budget(store, ledger, daily=10)
    held = admitted(await ledger.hold(request(dollars=1)))
    large = held.row._replace(metadata='{"x":"' + "x" * 100_000 + '"}')

    async def pages(limit: int) -> None:
        await store.run(lambda db: db.execute(f"PRAGMA max_page_count = {limit}").fetchone())

    await pages(1)
    with pytest.raises(StoreError, match="no space"):
        await ledger.settle(held, large._replace(cost_nanodollars=DOLLAR))
    refusal = refused(await ledger.hold(request(usage_row(metadata=large.metadata), dollars=1)))
    assert refusal.message == "spend limit unavailable"
    await pages(1_000_000)
    await ledger.tend()
    assert await windows(store) == [("day", DOLLAR, 0)]
    assert await usage_costs(store) == [(held.row.exchange_id, DOLLAR)]
    with pytest.raises(KeyError):
        await ledger.settle(held, over(held, 1))
    admitted(await ledger.hold(request(dollars=1)))


async def test_what_cannot_be_written_is_settled_later_also_when_its_caller_has_gone(
    store: SqliteStore, ledger: Ledger
) -> None:
    await set_budget(store, ledger, daily=10)
    held = admitted(await ledger.hold(request(dollars=1)))
    row = held.row._replace(metadata='{"x":"' + "x" * 100_000 + '"}', cost_nanodollars=DOLLAR)
    await store.run(lambda db: db.execute("PRAGMA max_page_count = 1").fetchone())
    settling = asyncio.create_task(ledger.settle(held, row))
    await asyncio.sleep(0)  # it is on its way
    settling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await settling
    await store.run(lambda db: db.execute("PRAGMA max_page_count = 1000000").fetchone())
    assert await usage_costs(store) == []
    await ledger.tend()
    assert await usage_costs(store) == [(held.row.exchange_id, DOLLAR)]
    assert await windows(store) == [("day", DOLLAR, 0)]


class CountingStore:
    """A store that counts what it is given."""

    def __init__(self, store: SqliteStore) -> None:
        self.run = store.run
        self.usage_committed = store.usage_committed
        self.submitted = 0
        self._submit = store.submit

    def submit(self, bulk: Bulk, item: Any) -> "asyncio.Future[Any]":
        self.submitted += 1
        return self._submit(bulk, item)


async def test_what_is_on_its_way_to_the_database_is_not_sent_again(store: SqliteStore, clock: HandClock) -> None:
    counting = CountingStore(store)
    ledger = Ledger(counting, 1, clock=clock)
    await ledger.reload()
    held = admitted(await ledger.hold(request(dollars=1)))
    settling = asyncio.create_task(ledger.settle(held, over(held, 1)))
    await asyncio.sleep(0)
    assert counting.submitted == 1
    await ledger.tend()
    await settling
    assert counting.submitted == 1
