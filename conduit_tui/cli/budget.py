"""`budget`: what may be spent in a day and a month, and what is spent and held."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import click

from conduit_tui.cli.amounts import NO_LIMIT, Dollars, Limit, exact, nanodollars
from conduit_tui.cli.control import change, open_reader
from conduit_tui.cli.duration import parse_until
from conduit_tui.cli.echo import echo
from conduit_tui.cli.errors import BAD_INPUT, Failure
from conduit_tui.cli.output import Cell, print_csv, print_json, print_table, refuse_both
from conduit_tui.cli.settings import DEFAULT_PROJECT, Settings, pass_settings

if TYPE_CHECKING:
    from conduit_tui.control.plane import ControlPlane
    from conduit_tui.domain.budgets import Budget, FlaggedEntry, Gauge
    from conduit_tui.domain.limits import Scope


@click.group()
def budget() -> None:
    """Show and set what may be spent in a day and a month."""


@budget.command()
@click.option("--json", "as_json", is_flag=True, help="JSON, money in nano-dollars, instants in milliseconds.")
@click.option("--csv", "as_csv", is_flag=True, help="Comma-separated values, money in dollars.")
@pass_settings
def show(settings: Settings, *, as_json: bool, as_csv: bool) -> None:
    """Show every window that has a cap. With --project NAME those of that project."""
    refuse_both(as_json=as_json, as_csv=as_csv)
    now = int(time.time() * 1000)
    gauges = asyncio.run(_gauges(settings, now))
    if as_json:
        print_json([_facts(gauge, now) for gauge in gauges])
    elif as_csv:
        print_csv(_CSV_COLUMNS, [_csv_row(gauge) for gauge in gauges])
    elif gauges:
        _print_gauges(gauges, now)
    else:
        echo("no budget limits anything; `conduit-tui budget set --daily 10` sets one", err=True)


def _scope(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say whose budget is meant."""
    for decorator in (
        click.option("--agent-type", default="", metavar="TYPE", help="Only requests of this agent type."),
        click.option("--model", default="", metavar="MODEL", help="Only requests served by this model; * and ? match."),
        click.option("--overall", is_flag=True, help="The budget of everything, instead of the project's."),
    ):
        function = decorator(function)
    return function


@budget.command("set")
@click.option("--daily", type=Limit(), help="The most in a day, or none; 0 blocks everything.")
@click.option("--monthly", type=Limit(), help="The most in a month, or none; 0 blocks everything.")
@click.option("--mode", type=click.Choice(["strict", "balanced"]), help="Hold the worst case, or what is expected.")
@click.option("--zone", metavar="ZONE", help="Whose days and months count, such as Europe/Berlin; UTC at first.")
@click.option(
    "--unknown-models", type=click.Choice(["charge", "block"]), help="What becomes of models without a price."
)
@_scope
@pass_settings
def set_budget(
    settings: Settings, *, daily: Any, monthly: Any, mode: str | None, zone: str | None, unknown_models: str | None,
    overall: bool, model: str, agent_type: str,
) -> None:  # fmt: skip
    """Set the budget of a project, or the --overall one. What is not named stays."""
    given = {
        name: value
        for name, value in (
            ("daily", daily),
            ("monthly", monthly),
            ("mode", mode),
            ("zone", zone),
            ("unpriced", unknown_models),
        )
        if value is not None
    }
    if not given:
        raise click.UsageError("nothing to set: name at least one option")
    scope = _scope_of(settings, overall, model, agent_type)

    async def act(control: "ControlPlane") -> "Budget":
        return await control.set_budget(_with(await _stored(control, scope), given))

    after = change(settings, act)
    echo(f"{_title(after.scope)}: {_said(after)}", err=True)


@budget.command("raise")
@click.option("--daily", type=Dollars(), help="The daily cap until then.")
@click.option("--monthly", type=Dollars(), help="The monthly cap until then.")
@click.option("--until", callback=parse_until, metavar="SPAN", help="When it ends: 2h, 3d or a date.")
@click.option("--end", is_flag=True, help="End an earlier raise now.")
@_scope
@pass_settings
def raise_budget(
    settings: Settings, *, daily: Decimal | None, monthly: Decimal | None, until: int | None, end: bool,
    overall: bool, model: str, agent_type: str,
) -> None:  # fmt: skip
    """Raise a budget's caps for a time."""
    if end == (until is not None) or end == (daily is not None or monthly is not None):
        raise click.UsageError("name --until and a cap, or --end")
    scope = _scope_of(settings, overall, model, agent_type)
    daily_cap, monthly_cap = _cap("daily", daily), _cap("monthly", monthly)
    change(settings, lambda control: control.raise_budget(until or 0, daily_cap, monthly_cap, *scope))
    if until is None:
        echo(f"{_title(scope)}: not raised any more", err=True)
    else:
        echo(f"{_title(scope)}: raised until {_local(until)}", err=True)


@budget.command()
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True, help="How many, newest first.")
@click.option("--json", "as_json", is_flag=True, help="JSON, money in nano-dollars.")
@click.option("--csv", "as_csv", is_flag=True, help="Comma-separated values, money in dollars.")
@pass_settings
def flagged(settings: Settings, *, limit: int, as_json: bool, as_csv: bool) -> None:
    """Show attempts whose cost is no figure of the provider. It was estimated, or charged in full after a crash."""
    refuse_both(as_json=as_json, as_csv=as_csv)
    entries = asyncio.run(_flagged(settings, limit))
    if as_json:
        print_json([entry._asdict() for entry in entries])
        return
    if as_csv:
        print_csv(_FLAGGED_COLUMNS, [_flagged_row(entry) for entry in entries])
        return
    from conduit_tui.domain.limits import dollars

    rows = [
        [_local(entry.created_at), entry.exchange_id, str(entry.attempt), entry.project, entry.model,
         dollars(entry.cost), entry.flags]
        for entry in entries
    ]  # fmt: skip
    print_table(("at", "exchange", "attempt", "project", "model", "charged", "flags"), rows, right=(2, 5))


@budget.command("write-down")
@click.argument("exchange")
@click.argument("attempt", type=int, default=1)
@click.option("--to", type=Dollars(), required=True, help="What it really cost, by the provider's own page.")
@click.option("--reason", required=True, metavar="TEXT", help="Why, for the audit log.")
@pass_settings
def write_down(settings: Settings, *, exchange: str, attempt: int, to: Decimal, reason: str) -> None:
    """Lower what a flagged attempt was charged."""
    if to < 0:
        raise Failure("to: a charge cannot be negative", BAD_INPUT)
    change(settings, lambda control: control.write_down(exchange, attempt, nanodollars(to), reason))
    echo(f"attempt {attempt} of {exchange} was charged ${to:f}", err=True)


async def _gauges(settings: Settings, now: int) -> "list[Gauge]":
    from conduit_tui.ledger.gauges import read_gauges

    async with open_reader(settings) as reader:
        gauges = await read_gauges(reader, now) if reader else []
    return [gauge for gauge in gauges if settings.project in (None, gauge.budget.project)]


async def _flagged(settings: Settings, limit: int) -> "list[FlaggedEntry]":
    async with open_reader(settings) as reader:
        return await reader.flagged(limit) if reader else []


def _title(scope: "Scope") -> str:
    return f"budget of {scope}" if scope.project else f"overall budget{str(scope).removeprefix('overall')}"


async def _stored(control: "ControlPlane", scope: "Scope") -> "Budget":
    """The budget of a scope, without limits if it was never set."""
    from conduit_tui.domain.budgets import Budget

    found = {one.scope: one for one in await control.budgets()}
    return found.get(scope) or Budget(**scope._asdict())


def _scope_of(settings: Settings, overall: bool, model: str, agent_type: str) -> "Scope":
    from conduit_tui.domain.limits import Scope

    if overall and settings.project:
        raise click.UsageError("--overall and --project exclude each other")
    return Scope("" if overall else settings.project or DEFAULT_PROJECT, model, agent_type)


def _with(stored: "Budget", given: dict[str, Any]) -> "Budget":
    from conduit_tui.domain.budgets import Budget

    fields = dict(given)
    for name in ("daily", "monthly"):
        if name in fields:
            fields[name] = None if fields[name] == NO_LIMIT else nanodollars(_in_range(name, fields[name]))
    return Budget.model_validate({**stored.model_dump(), **fields})


def _cap(name: str, amount: Decimal | None) -> int | None:
    return None if amount is None else nanodollars(_in_range(name, amount))


def _in_range(name: str, amount: Decimal) -> Decimal:
    from conduit_tui.domain.budgets import limit_problems

    for _, problem in limit_problems(amount, None) if name == "daily" else limit_problems(None, amount):
        raise Failure(f"{name}: {problem}", BAD_INPUT)
    return amount


def _said(budget: "Budget") -> str:
    from conduit_tui.domain.limits import dollars

    caps = [
        f"{name} {'no limit' if cap is None else dollars(cap)}{', which blocks everything' if cap == 0 else ''}"
        for name, cap in (("daily", budget.daily), ("monthly", budget.monthly))
    ]
    return ", ".join([*caps, budget.mode, budget.zone])


def _print_gauges(gauges: "list[Gauge]", now: int) -> None:
    from conduit_tui.domain.limits import dollars, reset_time

    rows = []
    for gauge in gauges:
        window = gauge.window
        exhausted = gauge.exhausted_at(now)
        rows.append(
            [
                str(window.scope),
                window.period,
                dollars(window.spent),
                dollars(window.held),
                dollars(window.left or 0),
                dollars(window.cap or 0),
                f"{window.used_percent:.0f} %",
                f"{dollars(gauge.per_hour)}/h",
                reset_time(window.zone, window.ends_at, now),
                "blocks all"
                if window.cap == 0
                else "-"
                if exhausted is None
                else "now"
                if exhausted <= now
                else _local(exhausted),
                gauge.budget.mode,
            ]
        )
    headers = ("budget", "", "spent", "held", "left", "cap", "used", "burn", "resets", "exhausted", "mode")
    print_table(headers, rows, right=range(2, 8))


def _facts(gauge: "Gauge", now: int) -> dict[str, Any]:
    window = gauge.window
    return {
        "project": window.scope.project, "model": window.scope.model, "agent_type": window.scope.agent_type,
        "period": window.period, "zone": window.zone, "starts_at": window.starts_at, "ends_at": window.ends_at,
        "cap_nanodollars": window.cap, "spent_nanodollars": window.spent, "held_nanodollars": window.held,
        "left_nanodollars": window.left, "used_percent": round(window.used_percent, 2), "mode": gauge.budget.mode,
        "per_hour_nanodollars": gauge.per_hour, "exhausted_at": gauge.exhausted_at(now),
        "raised_until": gauge.budget.raised.until if gauge.budget.raised else None,
    }  # fmt: skip


_CSV_COLUMNS = (
    "project", "model", "agent_type", "period", "zone", "resets_at", "cap_usd", "spent_usd", "held_usd", "left_usd",
    "per_hour_usd", "mode",
)  # fmt: skip


def _csv_row(gauge: "Gauge") -> list[Cell]:
    window = gauge.window
    amounts = (window.cap or 0, window.spent, window.held, window.left or 0, gauge.per_hour)
    resets = datetime.fromtimestamp(window.ends_at / 1000, UTC).isoformat()
    return [*window.scope, window.period, window.zone, resets, *map(exact, amounts), gauge.budget.mode]


_FLAGGED_COLUMNS = ("exchange_id", "attempt", "project", "model", "hold_usd", "cost_usd", "flags", "created_at")


def _flagged_row(entry: "FlaggedEntry") -> list[Cell]:
    created = datetime.fromtimestamp(entry.created_at / 1000, UTC).isoformat()
    return [*entry[:4], exact(entry.hold), exact(entry.cost), entry.flags, created]


def _local(at: int) -> str:
    return f"{datetime.fromtimestamp(at / 1000).astimezone():%Y-%m-%d %H:%M}"
