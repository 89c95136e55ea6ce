"""Budgets as they are shown: every window that has a cap, as it is now, also before its first request."""

from conduit_tui.domain.budgets import Budget, Gauge
from conduit_tui.domain.limits import Period, Window
from conduit_tui.ledger.windows import span_at
from conduit_tui.store.interface import Reader

RECENT_MS = 60 * 60 * 1000
BUCKET_MS = 15 * 60 * 1000


async def read_gauges(reader: Reader, now: int) -> list[Gauge]:
    """A gauge for each cap, the overall budget's first, the day before the month. Raises StoreError.

    The speed of spending is that of the last hour and what belongs to its first quarter.
    """
    limiting = [budget for budget in await reader.budgets() if budget.limits]
    if not limiting:
        return []
    open_windows = {(window.scope, window.period): window for window in await reader.open_windows(now)}
    since = now - RECENT_MS
    since -= since % BUCKET_MS
    gauges = []
    for budget in limiting:
        recent = await reader.spent(budget.scope, since, now)
        for period in Period:
            cap = budget.cap(period, now)
            if cap is None:
                continue
            window = await _current(reader, budget, period, cap, open_windows.get((budget.scope, period)), now)
            gauges.append(Gauge(budget, window, recent, now - since))
    return gauges


async def _current(reader: Reader, budget: Budget, period: Period, cap: int, last: Window | None, now: int) -> Window:
    """The window that the next request would be counted in."""
    if last is not None and now < last.ends_at:
        spent = (
            max(last.spent, await reader.spent(budget.scope, last.starts_at, now)) if last.cap is None else last.spent
        )
        return last._replace(cap=cap, spent=spent)
    span = span_at(period, budget.zone, now)
    starts_at = max(span.starts_at, last.ends_at) if last else span.starts_at
    spent = await reader.spent(budget.scope, starts_at, now)
    return Window(0, budget.scope, period, budget.zone, starts_at, span.ends_at, cap, spent, 0)
