"""`sessions`: what agents did session by session, and the switch that stops one."""

import asyncio
from typing import TYPE_CHECKING, Any

import click

from conduit_tui.cli.control import change, open_reader
from conduit_tui.cli.duration import format_span, parse_since
from conduit_tui.cli.echo import echo
from conduit_tui.cli.errors import BAD_INPUT, Failure
from conduit_tui.cli.output import Cell, print_csv, print_json, print_pairs, print_table
from conduit_tui.cli.settings import Settings, pass_settings

if TYPE_CHECKING:
    from conduit_tui.domain.sessions import AgentPart, SessionDay, SessionRow
    from conduit_tui.store.interface import Reader

MOST_NAMED = 5  # of the sessions that a beginning may mean
_PAGE = 500


@click.group(invoke_without_command=True)
@click.option(
    "--since", callback=parse_since, default="24h", show_default=True, metavar="SPAN", help="90m, 24h, 7d or a date."
)
@click.option("--json", "as_json", is_flag=True, help="JSON, money in nano-dollars, times in milliseconds.")
@click.option("--csv", "as_csv", is_flag=True, help="Comma-separated values, money in dollars.")
@pass_settings
@click.pass_context
def sessions(context: click.Context, settings: Settings, *, since: int, as_json: bool, as_csv: bool) -> None:
    """List sessions; show, stop and resume one.

    The newest activity comes first. A session is named by its identifier or the beginning of it.
    """
    if context.invoked_subcommand is not None:
        return
    if as_json and as_csv:
        raise click.UsageError("--json and --csv exclude each other")
    found = asyncio.run(_listed(settings, since))
    if as_json:
        print_json([_as_json(row) for row in found])
    elif as_csv:
        print_csv(_CSV_COLUMNS, [_csv_row(row) for row in found])
    elif found:
        print_table(_HEADERS, [_table_row(row) for row in found], right=range(4, 10))
    else:
        echo("no sessions in this time", err=True)


@sessions.command()
@click.argument("identifier", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="JSON, money in nano-dollars, times in milliseconds.")
@pass_settings
def show(settings: Settings, *, identifier: str, as_json: bool) -> None:
    """Show a session with its agents, models and days."""

    async def read() -> "tuple[SessionRow, list[AgentPart], list[SessionDay]]":
        async with open_reader(settings) as reader:
            row = await _find(reader, identifier, settings.project or "")
            assert reader is not None
            agents = await reader.session_agents(row.project, row.session)
            return row, agents, await reader.session_days(row.project, row.session)

    row, agents, days = asyncio.run(read())
    if as_json:
        print_json(
            _as_json(row) | {"parts": [part._asdict() for part in agents], "days": [day._asdict() for day in days]}
        )
        return
    _print_session(row, agents, days)


@sessions.command()
@click.argument("identifier", metavar="ID")
@click.option("--reason", required=True, help="What the client is told.")
@pass_settings
def stop(settings: Settings, *, identifier: str, reason: str) -> None:
    """Refuse a session's further requests; what is under way ends. The client is told the reason and does not retry."""
    project, session = asyncio.run(_named(settings, identifier))
    change(settings, lambda control: control.stop_session(project, session, reason))
    echo(f"stopped session {session}; `conduit-tui sessions resume {session[:8]}` lets it go on", err=True)


@sessions.command()
@click.argument("identifier", metavar="ID")
@pass_settings
def resume(settings: Settings, *, identifier: str) -> None:
    """Let a stopped session go on."""
    project, session = asyncio.run(_named(settings, identifier))
    change(settings, lambda control: control.resume_session(project, session))
    echo(f"session {session} may go on", err=True)


async def _listed(settings: Settings, since: int) -> "list[SessionRow]":
    from conduit_tui.domain.sessions import SessionFilter

    async with open_reader(settings) as reader:
        if reader is None:
            return []
        ids = await reader.session_ids(SessionFilter(since=since, project=settings.project or ""))
        pages = [await reader.session_rows(ids[at : at + _PAGE]) for at in range(0, len(ids), _PAGE)]
    return [row for page in pages for row in page]


async def _named(settings: Settings, identifier: str) -> tuple[str, str]:
    """The project and the whole name of a session, which may be stopped before it is in the ledger."""
    async with open_reader(settings) as reader:
        if reader is not None:
            project = settings.project or ""
            stops = [stop for stop in await reader.stopped_sessions() if project in ("", stop.project)]
            for one in stops:
                if one.session == identifier:
                    return one.project, one.session
        row = await _find(reader, identifier, settings.project or "")
        return row.project, row.session


async def _find(reader: "Reader | None", identifier: str, project: str) -> "SessionRow":
    """The session that an identifier or the beginning of one means. Raises Failure."""
    from conduit_tui.domain.sessions import SessionFilter

    ids = await reader.session_ids(SessionFilter(session=identifier, project=project)) if reader and identifier else []
    rows = await reader.session_rows(ids[: MOST_NAMED * 10]) if reader else []
    exact = [row for row in rows if row.session == identifier] or rows
    if len(exact) == 1:
        return exact[0]
    if not exact:
        raise Failure(f"there is no session {identifier!r}; `conduit-tui sessions --since 30d` lists them", BAD_INPUT)
    named = ", ".join(f"{row.session} of {row.project}" for row in exact[:MOST_NAMED])
    more = f" and {len(ids) - MOST_NAMED} more" if len(ids) > MOST_NAMED else ""
    raise Failure(f"{identifier!r} may be {named}{more}; name it in full, or its project with --project", BAD_INPUT)


_HEADERS = (
    "session", "project", "client", "models", "agents", "requests", "prompts", "tokens", "cached", "cost", "last",
    "state",
)  # fmt: skip
_CSV_COLUMNS = (
    "session", "project", "client", "models", "agents", "requests", "errors", "prompts", "input_tokens",
    "output_tokens", "cache_read_tokens", "cost_usd", "cost_per_prompt_usd", "first_at", "last_at", "stopped",
)  # fmt: skip


def _as_json(row: "SessionRow") -> dict[str, Any]:
    written = row._asdict()
    del written["id"]
    written["models"] = [share._asdict() for share in row.models]
    return written | {"cost_per_prompt_nanodollars": row.cost_per_prompt}


def _csv_row(row: "SessionRow") -> list[Cell]:
    per_prompt = row.cost_per_prompt
    return [
        row.session, row.project, row.client, " ".join(share.model for share in row.models), row.agents, row.requests,
        row.errors, row.prompts, row.input_tokens, row.output_tokens, row.cache_read_tokens,
        _usd(row.cost_nanodollars), "" if per_prompt is None else _usd(per_prompt), row.first_at, row.last_at,
        row.stopped,
    ]  # fmt: skip


def _usd(nanodollars: int) -> str:
    dollars, nano = divmod(nanodollars, 1_000_000_000)
    return f"{dollars}.{nano:09}"


def _table_row(row: "SessionRow") -> list[str]:
    from conduit_tui.domain.money import format_dollars

    return [
        row.session, row.project, row.client, _mix(row), f"{row.agents}", f"{row.requests:,}", f"{row.prompts:,}",
        f"{row.input_tokens + row.output_tokens:,}", _share(row.cache_read_tokens, row.input_tokens),
        format_dollars(row.cost_nanodollars), _ago(row.last_at), f"stopped: {row.stopped}" if row.stopped else "",
    ]  # fmt: skip


def _mix(row: "SessionRow") -> str:
    shares = row.mix
    return shares[0][0] if len(shares) == 1 else " ".join(f"{model} {100 * share:.0f} %" for model, share in shares)


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f} %" if whole else "-"


def _ago(at: int) -> str:
    import time

    return f"{format_span(int(time.time() * 1000) - at)} ago"


def _print_session(row: "SessionRow", agents: "list[AgentPart]", days: "list[SessionDay]") -> None:
    from datetime import UTC, datetime

    from conduit_tui.domain.money import format_dollars

    per_prompt = row.cost_per_prompt
    print_pairs(
        [
            ("session", row.session),
            ("project", row.project),
            ("client", row.client),
            ("state", f"stopped: {row.stopped}" if row.stopped else ""),
            ("first", f"{_ago(row.first_at)}"),
            ("last", f"{_ago(row.last_at)}"),
            ("requests", f"{row.requests:,}" + (f", {row.errors:,} failed" if row.errors else "")),
            ("prompts", f"{row.prompts:,}" if row.prompts else ""),
            ("tokens", f"{row.input_tokens:,} in, {row.output_tokens:,} out"),
            ("cached", _share(row.cache_read_tokens, row.input_tokens)),
            ("cost", format_dollars(row.cost_nanodollars)),
            ("per prompt", "" if per_prompt is None else format_dollars(per_prompt)),
        ]
    )
    echo()
    rows = [
        [
            part.agent_type or ("subagent" if part.agent else "main"), part.agent, part.model, f"{part.requests:,}",
            f"{part.input_tokens + part.output_tokens:,}", _share(part.cache_read_tokens, part.input_tokens),
            format_dollars(part.cost_nanodollars),
        ]
        for part in agents
    ]  # fmt: skip
    print_table(("agent type", "agent", "model", "requests", "tokens", "cached", "cost"), rows, right=range(3, 7))
    if days:
        echo()
        by_day = [
            [
                datetime.fromtimestamp(day.at / 1000, UTC).date().isoformat(), f"{day.requests:,}",
                f"{day.input_tokens + day.output_tokens:,}", format_dollars(day.cost_nanodollars),
            ]
            for day in days
        ]  # fmt: skip
        print_table(("day", "requests", "tokens", "cost"), by_day, right=range(1, 4))
