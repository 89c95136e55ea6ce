"""A budget that is changed while requests are under way: what comes of each, and that it is written down. Fault B13."""

import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from ledgers import DOLLAR, admitted, over, refused, request, usage_row, windows

from conduit_tui.control.local import LocalControl
from conduit_tui.control.plane import ProviderTest
from conduit_tui.domain.budgets import Budget
from conduit_tui.domain.limits import Mode, Refusal
from conduit_tui.domain.providers import Provider
from conduit_tui.ledger.held import Held
from conduit_tui.ledger.ledger import Ledger
from conduit_tui.paths import StateDir
from conduit_tui.store.sqlite import SqliteStore

pytestmark = [pytest.mark.anyio, pytest.mark.fault]

BEFORE = Budget(project="default", daily=10 * DOLLAR)
HOUR = 3_600_000


async def probe(provider: Provider) -> ProviderTest:
    return ProviderTest(True, "", 0.0)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    opened = await SqliteStore.open(tmp_path / "conduit.db")
    yield opened
    await opened.close()


class Rig(NamedTuple):
    """With $4 spent, $3 held and $3 free of the day's $10."""

    store: SqliteStore
    ledger: Ledger
    control: LocalControl
    running: Held

    async def ask(self, dollars: float, **changes: object) -> Held | Refusal:
        return await self.ledger.hold(request(usage_row(at=now(), **changes), dollars=dollars))

    async def audit(self) -> list[tuple[str, str, Any]]:
        rows = await self.store.run(
            lambda db: db.execute("SELECT action, subject, detail FROM audit_log ORDER BY id").fetchall()
        )
        return [(action, subject, json.loads(detail)) for action, subject, detail in rows]


@pytest.fixture
async def rig(store: SqliteStore, tmp_path: Path) -> Rig:
    state_dir = StateDir(tmp_path / "state")
    state_dir.prepare()
    ledger = Ledger(store, 1)
    control = LocalControl(store, state_dir, probe=probe, on_change=ledger.reload)
    await control.set_budget(BEFORE)
    spent = admitted(await ledger.hold(request(usage_row(at=now()), dollars=4)))
    await ledger.settle(spent, over(spent, 4))
    running = admitted(await ledger.hold(request(usage_row(at=now()), dollars=3)))
    return Rig(store, ledger, control, running)


def now() -> int:
    return int(time.time() * 1000)


def to(**changes: object) -> Callable[[LocalControl], Awaitable[object]]:
    return lambda control: control.set_budget(BEFORE.model_copy(update=changes))


async def raise_it(control: LocalControl) -> object:
    return await control.raise_budget(now() + HOUR, daily=12 * DOLLAR, project="default")


class Change(NamedTuple):
    """What is changed, what fits then and what does not ($; None: whatever), and what the audit log says."""

    change: Callable[[LocalControl], Awaitable[object]]
    fits: float | None
    too_much: float | None
    audit: dict[str, Any]


CHANGES = {
    "lowered, not below what is spent": Change(to(daily=8 * DOLLAR), 1, 1.01, {"daily": [10 * DOLLAR, 8 * DOLLAR]}),
    "lowered below what is spent and held": Change(
        to(daily=6 * DOLLAR), None, 0.000_000_001, {"daily": [10 * DOLLAR, 6 * DOLLAR]}
    ),
    "lowered below what is spent": Change(to(daily=DOLLAR), None, 0, {"daily": [10 * DOLLAR, DOLLAR]}),
    "lowered to nothing": Change(to(daily=0), None, 0, {"daily": [10 * DOLLAR, 0]}),
    "raised": Change(to(daily=20 * DOLLAR), 13, 13.01, {"daily": [10 * DOLLAR, 20 * DOLLAR]}),
    "raised for an hour": Change(raise_it, 5, 5.01, {"raised": [None, {"daily": 12 * DOLLAR}]}),
    "deleted": Change(to(daily=None), 1_000, None, {"daily": [10 * DOLLAR, None]}),
    "its day taken, a month given": Change(
        to(daily=None, monthly=9 * DOLLAR), 5, 5.01, {"daily": [10 * DOLLAR, None], "monthly": [None, 9 * DOLLAR]}
    ),
    "another zone": Change(to(zone="Asia/Tokyo"), 3, 3.01, {"zone": ["UTC", "Asia/Tokyo"]}),
    "strict": Change(to(mode=Mode.STRICT), 3, 3.01, {"mode": ["balanced", "strict"]}),
}


@pytest.mark.parametrize("name", CHANGES)
async def test_a_change_with_a_request_under_way(rig: Rig, name: str) -> None:
    case = CHANGES[name]
    await case.change(rig.control)
    if case.too_much is not None:
        refused(await rig.ask(case.too_much))
    if case.fits is not None:
        held = admitted(await rig.ask(case.fits))
        await rig.ledger.settle(held, over(held, 0))
    # whatever became of the budget, what ran is charged in full in the window that it was held in
    await rig.ledger.settle(rig.running, over(rig.running, 5))
    spent = {period: (spent, held) for period, spent, held in await windows(rig.store)}
    assert spent["day"] == (9 * DOLLAR, 0)
    assert {part for _, part in spent.values()} == {0}
    if "month" in spent:
        assert spent["month"] == (9 * DOLLAR, 0)
    action, subject, detail = (await rig.audit())[-1]
    assert (action, subject) == ("budget.set", "project default")
    for field, (before, after) in case.audit.items():
        said = detail[field]
        assert said["from"] == before
        if isinstance(after, dict):
            assert said["to"].items() >= after.items()
        else:
            assert said["to"] == after
