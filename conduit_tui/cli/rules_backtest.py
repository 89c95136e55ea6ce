"""`rules backtest`: what the past would have cost under other rules."""

import asyncio
import gc
import json
import sys
import time
from datetime import datetime
from typing import IO, TYPE_CHECKING

import click

from conduit_tui.cli.backtest_parts import Span, run_in_parts
from conduit_tui.cli.control import all_providers, open_reader, stored_project
from conduit_tui.cli.duration import parse_since
from conduit_tui.cli.echo import echo
from conduit_tui.cli.options import unsaved_rules
from conduit_tui.cli.output import print_json, print_table
from conduit_tui.cli.rules_source import rules_to_try
from conduit_tui.cli.settings import Settings, pass_settings

if TYPE_CHECKING:
    from conduit_tui.domain.prices import PriceOverride
    from conduit_tui.domain.projects import Project
    from conduit_tui.domain.providers import Provider
    from conduit_tui.routing.backtest_result import BacktestResult

PROGRESS_SECONDS = 0.1


@click.command("backtest")
@click.option(
    "--since", callback=parse_since, default="7d", show_default=True, metavar="SPAN", help="90m, 24h, 7d or a date."
)
@unsaved_rules
@click.option("--json", "as_json", is_flag=True, help="The result as JSON, money in nano-dollars.")
@click.option("--progress", is_flag=True, help="One line of JSON for each step, the last one with the result.")
@pass_settings
def backtest(settings: Settings, *, since: int, file: IO[str] | None, as_json: bool, progress: bool) -> None:
    """Try rules on recorded requests. It shows where they would have gone, and what they would have cost."""
    gc.disable()  # the run keeps sums and makes no cycles, and ends with its process
    result = _run(settings, since, file, _Lines() if progress else _Bar())
    if progress:
        _line({"type": "result", "result": {**result.model_dump(mode="json"), "delta": result.delta}})
    elif as_json:
        print_json({**result.model_dump(mode="json"), "delta": result.delta})
    else:
        _print(result)


class _Lines:
    """Progress for a program."""

    def show(self, done: int, of: int) -> None:
        _line({"type": "progress", "done": done, "of": of})

    def end(self) -> None: ...


class _Bar:
    """Progress for a person at a terminal, nothing elsewhere."""

    def __init__(self) -> None:
        self._shown = sys.stderr.isatty()

    def show(self, done: int, of: int) -> None:
        if self._shown:
            click.echo(f"\r{done:,} of {of:,} requests  ", nl=False, err=True)

    def end(self) -> None:
        if self._shown:
            click.echo("\r\x1b[K", nl=False, err=True)


def _run(settings: Settings, since: int, file: IO[str] | None, progress: _Lines | _Bar) -> "BacktestResult":
    from conduit_tui.pricing.catalog import Catalog
    from conduit_tui.pricing.prices import Prices
    from conduit_tui.routing.backtest import Backtest

    until = int(time.time() * 1000) + 1
    project, providers, own_prices, total = asyncio.run(_read_configuration(settings, since, until))
    prices = Prices(Catalog(), own_prices)
    prices.warm()
    run = Backtest(rules_to_try(project, file), project.config, providers, prices)
    progress.show(0, total)
    shown = time.monotonic()
    span = Span(settings.locate().database, project.name, since, until)
    for done in run_in_parts(run, span, total) if total else ():
        if time.monotonic() - shown >= PROGRESS_SECONDS:
            progress.show(done, max(total, done))
            shown = time.monotonic()
    done = run.tally.all.requests
    progress.show(done, done)
    progress.end()
    return run.result(project.name, since, until)


async def _read_configuration(
    settings: Settings, since: int, until: int
) -> "tuple[Project, list[Provider], list[PriceOverride], int]":
    """The project, the providers, one's own prices, and about how many requests there are."""
    project, providers = await stored_project(settings), await all_providers(settings)
    async with open_reader(settings) as reader:
        if reader is None:
            return project, providers, [], 0
        own_prices = await reader.price_overrides()
        (total,) = await reader.usage_totals(since=since, until=until, by="all", project=project.name)
    return project, providers, own_prices, total.requests


def _line(data: object) -> None:
    sys.stdout.write(json.dumps(data) + "\n")
    sys.stdout.flush()


def _print(result: "BacktestResult") -> None:
    from conduit_tui.domain.money import format_dollars as dollars

    span = " to ".join(
        f"{datetime.fromtimestamp(at / 1000).astimezone():%Y-%m-%d %H:%M}" for at in (result.since, result.until)
    )
    if not result.requests:
        echo(f"no requests of project {result.project} from {span}", err=True)
        return
    share = f" ({100 * result.delta / result.cost_then:+.0f} %)" if result.cost_then else ""
    interval = (
        "" if result.cost_low == result.cost_high else f", {dollars(result.cost_low)} to {dollars(result.cost_high)}"
    )
    echo(f"{_signed(result.delta)}{share}: {dollars(result.cost_then)} then, {dollars(result.cost_now)} now{interval}")
    echo(f"{result.requests:,} requests from {span}, {result.changed:,} to another model")
    if result.broken_caches:
        echo(
            f"{result.broken_caches:,} prompt caches thrown away by a switch in mid-session, "
            f"{_signed(result.broken_cache_cost)} of the above"
        )
    if result.kept_caches:
        echo(f"{result.kept_caches:,} prompt caches kept that were thrown away then")
    if result.unknown:
        echo(f"{result.unknown:,} unknown, as they were: a rule asks for what was not kept of them")
    if result.unpriced:
        echo(f"{result.unpriced:,} unpriced, as they were: no price is known for a model")
    echo()
    rows = [
        [
            f"{rule.name}{'' if rule.enabled else ' (off)'}", rule.target_model, f"{rule.requests:,}",
            f"{rule.changed:,}", dollars(rule.cost_then), dollars(rule.cost_now),
            _signed(rule.cost_now - rule.cost_then), f"{rule.broken_caches:,}" if rule.broken_caches else "",
        ]
        for rule in result.rules
    ]  # fmt: skip
    rows.append(["(no rule)", "", f"{result.unmatched:,}", "", "", "", "", ""])
    headers = ("rule", "use", "requests", "changed", "then", "now", "delta", "broken caches")
    print_table(headers, rows, right=range(2, 8))
    echo()
    models = [
        [
            change.from_model, change.to_model if change.to_model != change.from_model else "(stays)",
            f"{change.requests:,}", dollars(change.cost_then), dollars(change.cost_now),
            _signed(change.cost_now - change.cost_then),
        ]
        for change in result.models
    ]  # fmt: skip
    print_table(("from", "to", "requests", "then", "now", "delta"), models, right=range(2, 6))
    for assumption in result.assumptions:
        echo(f"assumed: {assumption}", err=True)


def _signed(nanodollars: int) -> str:
    from conduit_tui.domain.money import format_dollars

    return f"+{format_dollars(nanodollars)}" if nanodollars > 0 else format_dollars(nanodollars)
