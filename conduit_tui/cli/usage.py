"""`usage`: what was asked, and what it cost."""

import asyncio
import time
from typing import TYPE_CHECKING

import click

from conduit_tui.cli.amounts import exact
from conduit_tui.cli.control import open_reader
from conduit_tui.cli.duration import parse_since
from conduit_tui.cli.echo import echo
from conduit_tui.cli.errors import BAD_INPUT, Failure
from conduit_tui.cli.output import Cell, print_csv, print_json, print_table, refuse_both
from conduit_tui.cli.settings import Settings, pass_settings

if TYPE_CHECKING:
    from conduit_tui.store.interface import Reader, UsageTotal

GROUPS = ("model", "project", "agent-type", "session", "day", "provider")


@click.command()
@click.option("--by", type=click.Choice(GROUPS), default="model", show_default=True, help="What to sum up by.")
@click.option(
    "--since", callback=parse_since, default="24h", show_default=True, metavar="SPAN", help="90m, 24h, 7d or a date."
)
@click.option("--json", "as_json", is_flag=True, help="JSON, money in nano-dollars.")
@click.option("--csv", "as_csv", is_flag=True, help="Comma-separated values, money in dollars.")
@pass_settings
def usage(settings: Settings, *, by: str, since: int, as_json: bool, as_csv: bool) -> None:
    """Sum up requests, tokens and cost, of all projects or of the one that --project names."""
    refuse_both(as_json=as_json, as_csv=as_csv)
    totals = asyncio.run(_totals(settings, by, since))
    name = by.replace("-", "_")
    if as_json:
        print_json([{name: total.key, **dict(zip(total._fields[1:], total[1:], strict=True))} for total in totals])
    elif as_csv:
        print_csv([name, *_CSV_COLUMNS], [_csv_row(total) for total in totals])
    elif totals:
        _print_totals(by, totals)
    else:
        echo("no requests in this time", err=True)


async def _totals(settings: Settings, by: str, since: int) -> "list[UsageTotal]":
    async with open_reader(settings) as reader:
        if reader is None:
            return []
        until = int(time.time() * 1000) + 1
        name = settings.project or ""
        totals = await reader.usage_totals(since=since, until=until, by=by, project=name)
        if name and not totals and not await _is_known(reader, name):
            raise Failure(f"there is no project {name!r}", BAD_INPUT)
        return totals


async def _is_known(reader: "Reader", project: str) -> bool:
    """Whether there is such a project, or was one before it was archived."""
    if any(one.name == project for one in await reader.projects()):
        return True
    ever = await reader.usage_totals(since=0, until=int(time.time() * 1000) + 1, by="all", project=project)
    return any(total.requests for total in ever)


_CSV_COLUMNS = (
    "requests", "errors", "input_tokens", "output_tokens", "cache_read_tokens", "cost_usd",
    "latency_p50_ms", "latency_p95_ms", "first_byte_p50_ms",
)  # fmt: skip


def _csv_row(total: "UsageTotal") -> list[Cell]:
    return [
        *total[:6],
        exact(total.cost_nanodollars),
        total.latency_p50_ms,
        total.latency_p95_ms,
        total.first_byte_p50_ms,
    ]


def _print_totals(by: str, totals: "list[UsageTotal]") -> None:
    from conduit_tui.domain.money import format_dollars

    headers = (by, "requests", "errors", "input", "cached", "output", "cost", "p50 ms", "p95 ms")
    rows = [
        [
            total.key or "(none)",
            f"{total.requests:,}",
            f"{total.errors:,}",
            f"{total.input_tokens:,}",
            _share(total.cache_read_tokens, total.input_tokens),
            f"{total.output_tokens:,}",
            format_dollars(total.cost_nanodollars),
            f"{total.latency_p50_ms:,}",
            f"{total.latency_p95_ms:,}",
        ]
        for total in totals
    ]
    if len(totals) > 1:
        read, cached = sum(t.input_tokens for t in totals), sum(t.cache_read_tokens for t in totals)
        rows.append(
            [
                "total",
                f"{sum(t.requests for t in totals):,}",
                f"{sum(t.errors for t in totals):,}",
                f"{read:,}",
                _share(cached, read),
                f"{sum(t.output_tokens for t in totals):,}",
                format_dollars(sum(t.cost_nanodollars for t in totals)),
                "",
                "",
            ]
        )
    print_table(headers, rows, right=range(1, len(headers)))


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f} %" if whole else "-"
