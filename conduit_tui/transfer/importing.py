"""Taking a file in: first what it would change, in words; then the same, if nothing has changed meanwhile."""

import asyncio
import sqlite3
from collections.abc import Callable, Collection, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

from pydantic import ValidationError

from conduit_tui.domain.budgets import Budget, Raise
from conduit_tui.domain.limits import Scope
from conduit_tui.domain.money import format_dollars
from conduit_tui.domain.prices import PriceOverride
from conduit_tui.domain.projects import ProjectConfig
from conduit_tui.domain.transfers import ImportPlan, Line
from conduit_tui.store import audit
from conduit_tui.store.clock import now_ms
from conduit_tui.transfer import apply_configuration, apply_history, open_ledger, reading
from conduit_tui.transfer.columns import LARGEST_SUM
from conduit_tui.transfer.decisions import Configured, Decisions, Described, configured, decide
from conduit_tui.transfer.errors import TransferError
from conduit_tui.transfer.project_file import ParseWhen, ProjectFiles, completed
from conduit_tui.transfer.source import MOST, Source, read_config
from conduit_tui.transfer.version_2 import config_body

T = TypeVar("T")


class Words(NamedTuple):
    """What this room cannot know itself: the language of rules, and what a configuration may be.

    `check` gives the place and the reason of the first thing that may not be saved, or nothing.
    """

    described: Described
    check: Callable[[ProjectConfig], tuple[str, str] | None]
    parse_when: ParseWhen


class Transactions(Protocol):
    """A store whose whole transactions are functions of its connection."""

    async def run(self, transaction: Callable[[sqlite3.Connection], T]) -> T: ...

    def usage_committed(self, ids: Sequence[int]) -> None: ...


class Given(NamedTuple):
    """The file to take in: where it is, whose rules a file of rules alone is, and where a database is looked at."""

    path: Path
    scratch: Path
    project: str = ""


def plan(connection: sqlite3.Connection, given: Given, words: Words, approved: Collection[str] = ()) -> ImportPlan:
    """Look at the whole file and say what it would change. Writes nothing. Raises TransferError, OSError."""
    with reading.opening(given.path, scratch=given.scratch, project=given.project, parse_when=words.parse_when) as (
        source, digest,
    ):  # fmt: skip
        decided = _decide(connection, source, words, approved)
        ledger = open_ledger.of_file(source)
        new, here, spent = _count_usage(connection, source)
        for name in ("sessions", "session_agents", "rollups", "rerouted", "rule_hits", "agents", "captures",
                     "session_stops", "revisions"):  # fmt: skip
            for _ in source.rows(name):
                pass
        lines = [*decided.lines, *_history_lines(new, here, spent, len(ledger.entries))]
        return ImportPlan(source.version, digest, lines, decided.questions, list(source.warnings), new, here)


async def apply(
    store: Transactions,
    given: Given,
    words: Words,
    *,
    digest: str,
    approved: Collection[str],
) -> ImportPlan:
    """Take the file in that a plan was made of; what was done. Raises TransferError, StoreError, OSError.

    What was used comes first, in steps, each with its sums; then everything that is configured, and the ledger, in one
    transaction. Where it breaks off nothing configured has changed, and taking the file in again goes on.
    """
    opened = reading.opening(given.path, scratch=given.scratch, project=given.project, parse_when=words.parse_when)
    source, found = await asyncio.to_thread(opened.__enter__)
    try:
        if digest and found != digest:
            raise TransferError("the file was changed since its difference was shown; look at it again")
        await store.run(partial(_decide, source=source, words=words, approved=approved))  # refuses before it writes
        ledger = await asyncio.to_thread(open_ledger.of_file, source)
        remainders = apply_history.Remainders()
        new = here = 0
        batches = apply_history.batches(source)
        while batch := await asyncio.to_thread(next, batches, None):
            step = await store.run(partial(apply_history.write_usage, rows=batch, prefix=source.prefix))
            store.usage_committed(step.ids)
            remainders.count(batch)
            new, here = new + len(step.ids), here + step.present
        finish = partial(_finish, source=source, words=words, approved=approved, ledger=ledger, remainders=remainders)
        decided = await store.run(finish)
        detail = _audited(found, decided, new)
        await store.run(partial(audit.add, action="import", subject=given.path.name, detail=detail))
    finally:
        await asyncio.to_thread(opened.__exit__, None, None, None)
    return ImportPlan(source.version, found, decided.lines, decided.questions, list(source.warnings), new, here)


def _finish(
    connection: sqlite3.Connection,
    source: Source,
    words: Words,
    approved: Collection[str],
    ledger: open_ledger.OpenLedger,
    remainders: apply_history.Remainders,
) -> Decisions:
    now = now_ms()
    decided = _decide(connection, source, words, approved)
    remainders.write(connection, source)
    apply_configuration.write(connection, source, decided, words.described, now)
    open_ledger.enter(connection, ledger, now, newer=False)
    for name in ("windows", "ledger"):
        apply_configuration.keep_unknown(connection, name, source.rows(name))
    return decided


def _decide(connection: sqlite3.Connection, source: Source, words: Words, approved: Collection[str]) -> Decisions:
    now = configured(connection)
    projects = {}
    for one in source.projects():
        if isinstance(source, ProjectFiles):
            before = now.projects.get(one.name)
            base = config_body(before.config if before else ProjectConfig())
            whole = completed(source.given()[one.name], base, now_ms())
            one = one._replace(config=read_config(whole, one.name))
        if one.name in projects:
            raise TransferError(f"there are two projects {one.name!r}", "projects")
        problem = words.check(one.config)
        if problem is not None:
            raise TransferError(problem[1], f"project {one.name}: {problem[0]}")
        projects[one.name] = one
    providers = {one.provider.name: one for one in source.providers()}
    if len(providers) < len(source.providers()):
        raise TransferError("two providers have the same name", "providers")
    wanted = Configured(projects, providers, _budgets(source), _prices(source))
    return decide(now, wanted, words.described, approved)


def _budgets(source: Source) -> dict[Scope, Budget]:
    found: dict[Scope, Budget] = {}
    for number, row in enumerate(source.rows("budgets")):
        values = row.values
        raised = None
        if values["raised_until"] is not None:
            raised = Raise(
                until=values["raised_until"],
                daily=values["raised_daily_nanodollars"],
                monthly=values["raised_monthly_nanodollars"],
            )
        budget = Budget(
            project=values["project"], model=values["model"], agent_type=values["agent_type"],
            daily=values["daily_nanodollars"], monthly=values["monthly_nanodollars"], mode=values["mode"],
            zone=_zone(values["zone"], f"budgets.{number}.zone"), unpriced=values["unpriced"], raised=raised,
        )  # fmt: skip
        if budget.scope in found or number >= MOST:
            raise TransferError("stands twice, or there are too many", f"budgets.{number}")
        found[budget.scope] = budget
    return found


def _zone(name: str, place: str) -> str:
    from zoneinfo import ZoneInfo

    try:
        ZoneInfo(name)
    except (KeyError, OSError, ValueError):
        raise TransferError(f"{name[:80]!r} is no IANA time zone", place) from None
    return name


def _prices(source: Source) -> dict[tuple[str, str], PriceOverride]:
    found: dict[tuple[str, str], PriceOverride] = {}
    for number, row in enumerate(source.rows("prices")):
        try:
            price = PriceOverride.model_validate({**row.values, "free": bool(row.values["free"])})
        except ValidationError as error:
            problem: Any = error.errors(include_url=False)[0]
            place = ".".join(["prices", str(number), *map(str, problem["loc"])])
            raise TransferError(problem["msg"].removeprefix("Value error, "), place) from None
        if number >= MOST:
            raise TransferError(f"has more than {MOST:,} entries", "prices")
        found[price.provider, price.model] = price
    return found


def _count_usage(connection: sqlite3.Connection, source: Source) -> tuple[int, int, int]:
    """How many usage rows are new, how many are here, and what the new ones cost."""
    new = here = spent = 0
    for batch in apply_history.batches(source):
        present = apply_history.present(connection, batch)
        coming = [
            row for row in batch if (row.values["exchange_id"], row.values["attempt"]) not in present
        ]  # fmt: skip
        new, here = new + len(coming), here + len(batch) - len(coming)
        spent += sum(row.values["cost_nanodollars"] for row in coming)
        if spent > LARGEST_SUM:
            raise TransferError("costs more in all than can be counted", "usage")
    return new, here, spent


def _history_lines(new: int, here: int, spent: int, entries: int) -> list[Line]:
    lines = []
    if new:
        lines.append(Line("+", f"{new:,} requests for {format_dollars(spent)}"))
    if here:
        lines.append(Line("=", f"{here:,} requests are here already"))
    if entries:
        lines.append(Line("=", f"{entries:,} ledger entries of windows that are still open"))
    return lines


def _audited(digest: str, decided: Decisions, requests: int) -> str:
    import json

    changes = [f"{line.sign} {line.text}" for line in decided.lines[:50]]
    return json.dumps({"sha256": digest, "requests": requests, "changes": changes})
