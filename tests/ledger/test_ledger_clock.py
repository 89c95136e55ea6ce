"""Clocks that are set back and forth while budgets run."""

import pytest
from ledgers import DAY, DOLLAR, HOUR, NOON, HandClock, admitted, over, refused, request, set_budget, usage_row, windows

from conduit_tui.ledger.clock import Clock
from conduit_tui.ledger.ledger import Ledger
from conduit_tui.store.sqlite import SqliteStore

pytestmark = [pytest.mark.anyio, pytest.mark.fault]


def test_small_corrections_and_sleep_are_believed() -> None:
    clock = HandClock()
    clock.wall_now += 4 * 60 * 1000
    assert clock.now() == clock.wall_now
    assert clock.jumped_ms == 0
    clock.go(8 * HOUR)  # the machine slept: both clocks went on
    assert clock.now() == clock.wall_now


@pytest.mark.parametrize("jump", [-HOUR, 2 * DAY])
def test_a_jump_is_not_believed_until_a_provider_confirms_it(jump: int) -> None:
    clock = HandClock()
    clock.wall_now += jump
    clock.go(1000)
    assert clock.now() == NOON + 1000
    assert clock.jumped_ms == jump
    clock.confirm(NOON + 1000)  # the provider's clock says that ours is wrong
    assert clock.now() == NOON + 1000
    clock.confirm(NOON + jump + 2000)
    assert clock.now() == NOON + jump + 1000
    assert clock.jumped_ms == 0


def test_the_real_clock_agrees_with_itself() -> None:
    assert Clock().jumped_ms == 0


async def test_a_jump_ahead_gives_no_fresh_budget(store: SqliteStore, ledger: Ledger, clock: HandClock) -> None:
    await set_budget(store, ledger, daily=1)
    held = admitted(await ledger.hold(request(dollars=1)))
    await ledger.settle(held, over(held, 1))
    clock.wall_now += 2 * DAY
    refused(await ledger.hold(request(dollars=0.5)))
    clock.confirm(clock.wall_now)
    admitted(await ledger.hold(request(dollars=0.5)))


async def test_a_closed_window_never_reopens(store: SqliteStore, ledger: Ledger, clock: HandClock) -> None:
    await set_budget(store, ledger, daily=1)
    admitted(await ledger.hold(request(dollars=1)))
    clock.go(DAY)
    admitted(await ledger.hold(request(usage_row(at=clock.now()), dollars=0.75)))
    clock.go(-DAY)  # believed, as after a restart with another clock
    refusal = refused(await ledger.hold(request(dollars=0.5)))
    assert refusal.window is not None
    assert refusal.window.starts_at == NOON + 12 * HOUR
    admitted(await ledger.hold(request(dollars=0.25)))
    assert [held for _, _, held in await windows(store)] == [DOLLAR, DOLLAR]
