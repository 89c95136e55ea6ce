"""Changes of budgets and prices through the control plane, alone and through its socket."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from ledgers import DOLLAR, admitted, over, request, usage_row

from conduit_tui.control.local import LocalControl
from conduit_tui.control.messages import Hello, encode
from conduit_tui.control.plane import ControlError, ControlPlane, ProviderTest
from conduit_tui.domain.budgets import Budget
from conduit_tui.domain.limits import Mode
from conduit_tui.domain.prices import PriceOverride
from conduit_tui.domain.projects import CostLimits
from conduit_tui.domain.providers import Provider
from conduit_tui.ledger.ledger import Ledger
from conduit_tui.paths import StateDir
from conduit_tui.store.sqlite import SqliteStore
from tests.controls import reached

pytestmark = pytest.mark.anyio

HOUR = 3_600_000


async def probe(provider: Provider) -> ProviderTest:
    return ProviderTest(True, "", 0.0)


@pytest.fixture
async def store(state_dir: StateDir) -> AsyncIterator[SqliteStore]:
    opened = await SqliteStore.open(state_dir.database)
    yield opened
    await opened.close()


@pytest.fixture
async def ledger(store: SqliteStore) -> Ledger:
    return Ledger(store, 1)


@pytest.fixture(params=["local", "remote"])
async def control(
    request: pytest.FixtureRequest, state_dir: StateDir, store: SqliteStore, ledger: Ledger
) -> AsyncIterator[ControlPlane]:
    async with reached(
        request.param, LocalControl(store, state_dir, probe=probe, on_change=ledger.reload), state_dir
    ) as control:
        yield control


async def audit(store: SqliteStore) -> list[tuple[str, str, Any]]:
    rows = await store.run(
        lambda db: db.execute("SELECT action, subject, detail FROM audit_log ORDER BY id").fetchall()
    )
    return [(action, subject, json.loads(detail)) for action, subject, detail in rows]


async def refusal(awaitable: Any) -> ControlError:
    with pytest.raises(ControlError) as caught:
        await awaitable
    return caught.value


async def test_a_budget_is_kept_and_in_force_at_once(control: ControlPlane, store: SqliteStore, ledger: Ledger) -> None:
    budget = Budget(project="default", daily=2 * DOLLAR, monthly=20 * DOLLAR, mode=Mode.STRICT, zone="Europe/Berlin")
    assert await control.set_budget(budget) == budget
    assert await control.budgets() == [budget]
    held = await ledger.hold(request(usage_row(at=int(time.time() * 1000)), dollars=3))
    assert not hasattr(held, "key")
    overall = Budget(daily=5 * DOLLAR)
    await control.set_budget(overall)
    assert await control.budgets() == [overall, budget]
    assert [(action, subject) for action, subject, _ in await audit(store)] == [
        ("config.saved", "default"), ("budget.set", "project default"), ("budget.set", "overall"),
    ]  # fmt: skip
    before = await audit(store)
    await control.set_budget(overall)
    assert await audit(store) == before  # nothing changed, nothing said


async def test_a_project_s_caps_are_its_cost_limits(control: ControlPlane) -> None:
    await control.set_budget(Budget(project="default", daily=8_020_000_001, zone="Asia/Tokyo"))
    project = await control.project("default")
    assert project.config.cost_limits == CostLimits(daily=8.020000001)
    assert (await control.history("default"))[0].changes == ("costLimits.daily: none -> 8.020000001",)
    config = project.config.model_copy(update={"cost_limits": CostLimits(daily=3.5, monthly=70)})
    await control.save_config("default", config, project.revision)
    assert await control.budgets() == [
        Budget(project="default", daily=3_500_000_000, monthly=70 * DOLLAR, zone="Asia/Tokyo")
    ]
    await control.undo("default")
    (budget,) = await control.budgets()
    assert (budget.daily, budget.monthly) == (8_020_000_001, None)


async def test_a_renamed_project_keeps_its_budget(control: ControlPlane, ledger: Ledger) -> None:
    await control.add_project("alpha")
    await control.set_budget(Budget(project="alpha", daily=DOLLAR))
    held = admitted(await ledger.hold(request(usage_row(project="alpha"), dollars=0.75)))
    await control.rename_project("alpha", "beta")
    outcome = await ledger.hold(request(usage_row(project="beta"), dollars=0.5))
    assert not hasattr(outcome, "key")
    await ledger.settle(held, over(held, 0.1))
    admitted(await ledger.hold(request(usage_row(project="beta"), dollars=0.5)))


@pytest.mark.parametrize(
    ("fields", "field", "message"),
    [
        ({"daily": 2 * DOLLAR, "monthly": DOLLAR}, "daily", "Daily limit cannot exceed monthly limit"),
        ({"zone": "Europe/Berlni"}, "zone", "did you mean 'Europe/Berlin'?"),
        ({"zone": "Tokio"}, "zone", "did you mean 'Asia/Tokyo'?"),
        ({"zone": "../etc/passwd"}, "zone", "is no IANA time zone"),
        ({"model": "claude-[ab]"}, "model", "not a model's name"),
        ({"project": "defualt"}, "project", "did you mean 'default'?"),
    ],
)
async def test_budgets_that_are_refused(
    control: ControlPlane, fields: dict[str, Any], field: str, message: str
) -> None:
    error = await refusal(control.set_budget(Budget.model_validate({"project": "default", **fields})))
    assert error.field == field
    assert message in error.message
    assert await control.budgets() == []


@pytest.mark.parametrize(
    ("cap", "message"),
    [
        ("-1", "{} cost limit must be positive"),
        ("-1e30", "{} cost limit must be positive"),
        ("NaN", "{} cost limit must be an amount in dollars"),
        ("Infinity", "{} cost limit must be an amount in dollars"),
        ("10000000000000001", "{} cost limit cannot exceed $10,000,000.00"),
        ("true", "a limit is an amount of nano-dollars"),
        ("1.5", "input should be a valid integer, got a number with a fractional part, got 1.5"),
    ],
)
@pytest.mark.parametrize("name", ["daily", "monthly"])
async def test_what_comes_through_the_socket_is_no_limit(
    control: ControlPlane, state_dir: StateDir, name: str, cap: str, message: str
) -> None:
    """Written as bytes, since no `Budget` can hold it."""
    reader, writer = await asyncio.open_unix_connection(str(state_dir.gateway_socket))
    asked = '{"type":"request","id":1,"method":"set_budget","params":{"budget":{"project":"default","%s":%s}}}\n'
    writer.write(encode(Hello(role="client")) + (asked % (name, cap)).encode())
    await reader.readline()
    told = json.loads(await reader.readline())
    writer.close()
    await writer.wait_closed()
    assert (told["type"], told["field"]) == ("failure", f"budget.{name}")
    assert told["message"] == message.format(name.capitalize())
    assert await control.budgets() == []


@pytest.mark.parametrize(
    ("limits", "field", "message"),
    [
        ({"daily": -1}, "costLimits.daily", "Daily cost limit must be positive"),
        ({"monthly": -0.01}, "costLimits.monthly", "Monthly cost limit must be positive"),
        ({"daily": 5, "monthly": 4}, "costLimits.daily", "Daily limit cannot exceed monthly limit"),
        ({"daily": 1e12}, "costLimits.daily", "Daily cost limit cannot exceed $10,000,000.00"),
    ],
)
async def test_cost_limits_that_are_refused(
    control: ControlPlane, limits: dict[str, float], field: str, message: str
) -> None:
    project = await control.project("default")
    config = project.config.model_copy(update={"cost_limits": CostLimits(**limits)})
    error = await refusal(control.save_config("default", config, project.revision))
    assert (error.field, error.message) == (field, message)
    assert (await control.project("default")).config.cost_limits == CostLimits()


@pytest.mark.parametrize("limit", [float("nan"), float("inf")])
async def test_a_limit_that_is_no_number_is_refused(store: SqliteStore, state_dir: StateDir, limit: float) -> None:
    control = LocalControl(store, state_dir, probe=probe)
    project = await control.project("default")
    config = project.config.model_copy(update={"cost_limits": CostLimits(daily=limit)})
    error = await refusal(control.save_config("default", config, project.revision))
    assert error.message == "Daily cost limit must be an amount in dollars"


async def test_a_raise_has_an_end(control: ControlPlane, ledger: Ledger) -> None:
    now = int(time.time() * 1000)
    await control.set_budget(Budget(project="default", daily=DOLLAR))
    row = usage_row(at=now)
    assert not hasattr(await ledger.hold(request(row, dollars=2)), "key")
    raised = await control.raise_budget(now + HOUR, daily=3 * DOLLAR, project="default")
    assert raised.raised is not None
    held = admitted(await ledger.hold(request(row, dollars=2)))
    assert (await control.project("default")).config.cost_limits == CostLimits(daily=1.0)
    await control.raise_budget(0, project="default")
    assert not hasattr(await ledger.hold(request(usage_row(at=now), dollars=0.5)), "key")
    await ledger.void(held)
    for until, caps, field in (
        (now - 1, {"daily": 5 * DOLLAR}, "until"),
        (now + 400 * 24 * HOUR, {"daily": 5 * DOLLAR}, "until"),
        (now + HOUR, {"daily": DOLLAR // 2}, "daily"),
        (now + HOUR, {"monthly": 5 * DOLLAR}, "monthly"),
    ):
        assert (await refusal(control.raise_budget(until, **caps, project="default"))).field == field


async def test_a_flagged_charge_is_written_down(control: ControlPlane, ledger: Ledger, store: SqliteStore) -> None:
    await control.set_budget(Budget(project="default", daily=10 * DOLLAR))
    held = admitted(await ledger.hold(request(usage_row(at=int(time.time() * 1000)), dollars=2)))
    await ledger.settle(held, over(held, 2, flags="estimated"))
    (entry,) = await control.flagged()
    assert (entry.exchange_id, entry.attempt, entry.cost) == (*held.key, 2 * DOLLAR)
    assert (await refusal(control.write_down(*held.key, DOLLAR, "  "))).field == "reason"
    assert (await refusal(control.write_down(*held.key, 3 * DOLLAR, "more"))).field == "cost_nanodollars"
    assert (await refusal(control.write_down("nowhere", 1, 0, "who"))).code == "not-found"
    await control.write_down(*held.key, DOLLAR, "seen on the provider's page")
    (entry,) = await control.flagged()
    assert (entry.cost, entry.flags) == (DOLLAR, "estimated,written-down")
    assert (await audit(store))[-1][2]["reason"] == "seen on the provider's page"


async def test_prices(control: ControlPlane) -> None:
    price = PriceOverride(model="llama*", provider="openai", free=True)
    await control.set_price(price)
    await control.set_price(PriceOverride(model="gpt-9", input=2 * DOLLAR, output=8 * DOLLAR))
    found = await control.price_overrides()
    assert [(one.model, one.free, one.updated_at > 0) for one in found] == [
        ("gpt-9", False, True),
        ("llama*", True, True),
    ]
    error = await refusal(control.set_price(price.model_copy(update={"provider": "opnai"})))
    assert "did you mean 'openai'?" in error.message
    assert (await refusal(control.set_price(price.model_copy(update={"model": "a b"})))).field == "model"
    assert "did you mean 'gpt-9'?" in (await refusal(control.remove_price("gpt-8"))).message
    await control.remove_price("llama*", "openai")
    assert [one.model for one in await control.price_overrides()] == ["gpt-9"]
