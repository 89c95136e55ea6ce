"""`reconcile`: the ledger beside Claude Code's own transcripts."""

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from conduit_tui.cli.control import open_reader
from conduit_tui.cli.duration import parse_since
from conduit_tui.cli.echo import echo
from conduit_tui.cli.errors import BAD_INPUT, Failure
from conduit_tui.cli.output import Cell, print_csv, print_json, print_table
from conduit_tui.cli.settings import Settings, pass_settings

if TYPE_CHECKING:
    from conduit_tui.reconcile.account import Account, Compared, Reconciliation


@click.command()
@click.option(
    "--since", callback=parse_since, default="7d", show_default=True, metavar="SPAN", help="90m, 24h, 7d or a date."
)
@click.option("--session", default="", metavar="ID", help="One session, by its identifier or the beginning of it.")
@click.option(
    "--path",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the transcripts are, if not in $CLAUDE_CONFIG_DIR or ~/.claude.",
)
@click.option("--json", "as_json", is_flag=True, help="JSON, money in nano-dollars, times in milliseconds.")
@click.option("--csv", "as_csv", is_flag=True, help="Comma-separated values, money in dollars.")
@pass_settings
def reconcile(settings: Settings, *, since: int, session: str, path: Path | None, as_json: bool, as_csv: bool) -> None:
    """Compare the ledger with Claude Code's own transcripts, session by session. Nothing is changed.

    The drift is by how much the ledger differs from the transcripts. Unseen are answers that did not come through the
    gateway; extra are requests that transcripts do not hold: titles, and answers that were cut and asked for again.
    """
    if as_json and as_csv:
        raise click.UsageError("--json and --csv exclude each other")
    from conduit_tui.reconcile.words import passed_over

    found = asyncio.run(_compare(settings, path, since, session))
    if as_json:
        print_json(_as_json(found))
    elif as_csv:
        print_csv(_CSV_COLUMNS, [_csv_row(one) for one in found.sessions])
    elif found.sessions:
        _print(found)
    else:
        echo(f"neither the ledger nor {found.folder} has a session of Claude Code in this time", err=True)
    for line in passed_over(found.reading):
        echo(line, err=True)


async def _compare(settings: Settings, path: Path | None, since: int, session: str) -> "Reconciliation":
    from conduit_tui.reconcile.compare import reconcile as compare
    from conduit_tui.reconcile.transcripts import projects_folder

    folder = projects_folder(os.environ, path)
    async with open_reader(settings) as reader:
        try:
            return await compare(reader, folder, since=since, session=session)
        except (FileNotFoundError, NotADirectoryError):
            raise Failure(
                f"there are no transcripts at {folder}; name the folder with --path (Claude Code keeps them in "
                "~/.claude/projects, or under $CLAUDE_CONFIG_DIR)",
                BAD_INPUT,
            ) from None


_CSV_COLUMNS = (
    "session", "project", "verdict", "transcript_answers", "ledger_answers", "transcript_tokens", "ledger_tokens",
    "token_drift_percent", "transcript_usd", "ledger_usd", "cost_drift_percent", "unseen_answers", "unseen_usd",
    "extra_requests", "extra_usd", "differing", "claude_usd",
)  # fmt: skip


def _csv_row(one: "Compared") -> list[Cell]:
    said = one.said_nanodollars
    return [
        one.session, one.project, one.verdict, one.transcript.answers, one.ledger.answers, one.transcript.tokens,
        one.ledger.tokens, one.token_drift, _usd(one.transcript.nanodollars), _usd(one.ledger.nanodollars),
        one.cost_drift, one.unseen.answers, _usd(one.unseen.nanodollars), one.extra.answers,
        _usd(one.extra.nanodollars), one.differing, None if said is None else _usd(said),
    ]  # fmt: skip


def _usd(nanodollars: int) -> str:
    dollars, nano = divmod(nanodollars, 1_000_000_000)
    return f"{dollars}.{nano:09}"


def _as_json(found: "Reconciliation") -> dict[str, Any]:
    from dataclasses import asdict

    return {
        "folder": found.folder,
        "since": found.since,
        "total": _compared_json(found.total),
        "sessions": [{"session": one.session, "project": one.project} | _compared_json(one) for one in found.sessions],
        "reading": asdict(found.reading),
    }


def _compared_json(one: "Compared") -> dict[str, Any]:
    def account(of: "Account") -> dict[str, int]:
        return {
            "answers": of.answers,
            "input_tokens": of.input_tokens,
            "output_tokens": of.output_tokens,
            "cache_read_tokens": of.cache_read_tokens,
            "cost_nanodollars": of.nanodollars,
        }

    return {
        "verdict": one.verdict,
        "first_at": one.first_at,
        "last_at": one.last_at,
        "transcript": account(one.transcript),
        "ledger": account(one.ledger),
        "token_drift_percent": one.token_drift,
        "cost_drift_percent": one.cost_drift,
        "unseen": account(one.unseen),
        "extra": account(one.extra) | {"kinds": one.extra_kinds},
        "differing": one.differing,
        "claude_cost_nanodollars": one.said_nanodollars,
    }


def _print(found: "Reconciliation") -> None:
    headers = ("session", "project", "transcript", "ledger", "drift", "transcript $", "ledger $", "drift $", "verdict")
    rows = [_table_row(one.session, one) for one in found.sessions]
    if len(rows) > 1:
        rows.append(_table_row("total", found.total))
    print_table(headers, rows, right=range(2, 8))


def _table_row(name: str, one: "Compared") -> list[str]:
    from conduit_tui.domain.money import format_dollars
    from conduit_tui.reconcile.words import percent, verdict_words

    return [
        name, one.project, f"{one.transcript.tokens:,}", f"{one.ledger.tokens:,}", percent(one.token_drift),
        format_dollars(one.transcript.nanodollars), format_dollars(one.ledger.nanodollars), percent(one.cost_drift),
        verdict_words(one),
    ]  # fmt: skip
