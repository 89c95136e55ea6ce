"""`rules try`: what rules say about one request, condition by condition."""

import asyncio
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, Any

import click

from conduit_tui.cli.control import all_providers, open_reader, stored_project
from conduit_tui.cli.echo import echo
from conduit_tui.cli.errors import BAD_INPUT, Failure
from conduit_tui.cli.options import unsaved_rules
from conduit_tui.cli.output import print_json
from conduit_tui.cli.rule_facts import Question, from_body, from_record, from_words, read_facts
from conduit_tui.cli.rules_source import rules_to_try
from conduit_tui.cli.settings import Settings, pass_settings

if TYPE_CHECKING:
    from conduit_tui.domain.projects import Project
    from conduit_tui.domain.providers import Provider
    from conduit_tui.domain.recorded import RecordedRequest
    from conduit_tui.routing.router import Routing, RuleSet

DIALECTS = ("anthropic", "openai-chat", "openai-responses")
FOR_EVER = (1 << 63) - 1
MARKS = {"yes": "yes", "no": "no", "unknown": "?", "": "-"}


@click.command("try")
@click.argument("message", required=False)
@click.option(
    "--fact",
    "words",
    multiple=True,
    metavar="FIELD=VALUE",
    help="Such as tokenCount=50k or flags=stream,tools. May be repeated.",
)
@click.option("--body", type=click.File("rb"), metavar="FILE", help="The body of a request; - reads stdin.")
@click.option("--dialect", type=click.Choice(DIALECTS), default="anthropic", show_default=True, help="Its dialect.")
@click.option("--exchange", metavar="ID", help="A recorded exchange.")
@click.option("--last", type=click.IntRange(1, 1000), metavar="N", help="The newest N recorded exchanges.")
@unsaved_rules
@click.option("--json", "as_json", is_flag=True, help="Decisions and traces as JSON.")
@pass_settings
def try_rules(
    settings: Settings,
    *,
    message: str | None,
    words: tuple[str, ...],
    body: IO[bytes] | None,
    dialect: str,
    exchange: str | None,
    last: int | None,
    file: IO[str] | None,
    as_json: bool,
) -> None:
    """Show what each rule says about a request, and why. Nothing is sent.

    The request is made of MESSAGE and --fact, or read from a body, or it is a recorded one.
    """
    from conduit_tui.routing.router import RuleSet

    made_up = message is not None or bool(words)
    if (exchange is not None) + (last is not None) + (made_up or body is not None) != 1 or None not in (message, body):
        raise click.UsageError("name one request: MESSAGE or --fact, --body, --exchange or --last")
    project, providers = asyncio.run(_project_and_providers(settings))
    rules = RuleSet(rules_to_try(project, file))
    if body is not None:
        questions = [from_body(body.read(), read_facts(words), dialect, project.name)]
    elif made_up:
        questions = [from_words(message, read_facts(words), dialect, project.name)]
    else:
        found = asyncio.run(_recorded(settings, project.name, exchange, last or 1))
        questions = [from_record(request, rules.needs) for request in found]
    answers = [(question, _route(question, rules, project, providers)) for question in questions]
    if as_json:
        print_json([_as_json(*answer) for answer in answers])
        return
    for number, answer in enumerate(answers):
        if number:
            echo()
        for line in _lines(*answer):
            echo(line)


def _route(question: Question, rules: "RuleSet", project: "Project", providers: "list[Provider]") -> "Routing":
    from conduit_tui.routing.router import Asker
    from conduit_tui.routing.served import fits_in
    from conduit_tui.routing.sticky import StickyMemory

    return rules.route(
        question.facts,
        question.model,
        project.config,
        Asker(question.exchange_id, question.session, question.request_class),
        sticky=StickyMemory(),
        fits=fits_in(providers, question.dialect),
    )


def _lines(question: Question, routing: "Routing") -> Iterator[str]:
    yield question.title
    for rule in routing.trace(limit=10_000, show_text=True):
        note = f" ({rule.note})" if rule.note else ""
        yield f"{rule.outcome:<15} {rule.name}, priority {rule.priority}, use {rule.model}{note}"
        for condition in rule.conditions:
            value = f"  [{condition.value}]" if condition.value else ""
            yield f"    {MARKS[condition.answer]:<4}{condition.text}{value}"
    decision = routing.decision
    unknown = "; a rule before it asks for what is not known" if routing.unknown else ""
    yield f"decision: {decision.model} ({decision.source}: {decision.reason}{unknown})"


def _as_json(question: Question, routing: "Routing") -> dict[str, Any]:
    decision = routing.decision
    return {
        "exchange_id": question.exchange_id or None,
        "requested_model": question.model,
        "decision": {**decision._asdict(), "unknown": routing.unknown},
        "rules": [
            {**rule._asdict(), "conditions": [condition._asdict() for condition in rule.conditions]}
            for rule in routing.trace(limit=10_000, show_text=True)
        ],
    }


async def _project_and_providers(settings: Settings) -> "tuple[Project, list[Provider]]":
    return await stored_project(settings), await all_providers(settings)


async def _recorded(settings: Settings, project: str, exchange: str | None, last: int) -> "list[RecordedRequest]":
    """The exchange of this id, or the newest ones of the project, newest first. Raises Failure if there is none."""
    found: list[RecordedRequest] = []
    async with open_reader(settings) as reader:
        if reader is not None and exchange is not None:
            for row in (await reader.usage_of_exchange(exchange))[-1:]:
                at = row.row.created_at
                async for batch in reader.recorded_requests(since=at, until=at + 1, project=row.row.project):
                    found += [request for request in batch if request.exchange_id == exchange]
        elif reader is not None:
            async for batch in reader.recorded_requests(since=0, until=FOR_EVER, project=project, newest=last):
                found += batch
    if not found:
        wanted = f"exchange {exchange!r}" if exchange is not None else f"exchange of project {project}"
        raise Failure(f"there is no recorded {wanted}", BAD_INPUT)
    return found[::-1]
