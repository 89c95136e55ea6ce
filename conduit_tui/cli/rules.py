"""`rules`: which model serves which request."""

import asyncio
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from conduit_tui.cli.control import all_providers, change, open_reader, stored_project
from conduit_tui.cli.echo import echo
from conduit_tui.cli.errors import BAD_INPUT, Failure
from conduit_tui.cli.names import completes, rule_names
from conduit_tui.cli.options import Decorator, together
from conduit_tui.cli.output import print_json, print_table
from conduit_tui.cli.rules_backtest import backtest
from conduit_tui.cli.rules_try import try_rules
from conduit_tui.cli.settings import DEFAULT_PROJECT, Settings, pass_settings

if TYPE_CHECKING:
    from conduit_tui.control.plane import ControlPlane
    from conduit_tui.domain.projects import Project
    from conduit_tui.domain.providers import Provider
    from conduit_tui.domain.rules import Rule
    from conduit_tui.routing.validation import Problem
    from conduit_tui.store.interface import RuleHits

DAY_MS = 86_400_000
OPTION_OF_FIELD = {
    "name": "--name", "targetModel": "--use", "conditions": "--when", "priority": "--priority",
    "rollout": "--rollout", "sticky": "--sticky", "fallback": "--fallback",
}  # fmt: skip

Edit = Callable[[list[Any]], Sequence[Any]]


@click.group()
def rules() -> None:
    """List, change, try and backtest rules of the project that --project names."""


rules.add_command(try_rules, "try")
rules.add_command(backtest, "backtest")


@rules.command("list")
@click.option("--json", "as_json", is_flag=True, help="The rules with their hits of 24 hours as JSON.")
@pass_settings
def list_rules(settings: Settings, *, as_json: bool) -> None:
    """List the rules in their order, with hits of the last 24 hours."""
    known, hits, providers = asyncio.run(_rules_and_hits(settings))
    if as_json:
        print_json([_as_json(rule, hits.get(rule.id)) for rule in known])
    elif known:
        headers = ["priority", "name", "", "when", "use", "hits", "last", "from", "broken caches"]
        rows = [_row(rule, hits.get(rule.id), providers) for rule in known]
        if not any(row[-1] for row in rows):
            headers, rows = headers[:-1], [row[:-1] for row in rows]
        print_table(headers, rows, right=(0, 5))
    else:
        echo("no rules yet; `conduit-tui rules add --help` shows how to write one", err=True)


def _fields(*, required: bool) -> Decorator:
    options = [
        click.option(
            "--when", metavar="TEXT", required=required, help="Such as 'tokenCount < 1000 and agentType = research'."
        ),
        click.option("--use", metavar="MODEL", required=required, help="The model for the requests that match."),
        click.option("--priority", metavar="P", help="Higher ones are asked first [0]."),
        click.option(
            "--sticky", type=click.Choice(["request", "session"]),
            help="Decide each time, or once for a session [as the project's configuration says].",
        ),
        click.option("--rollout", metavar="PERCENT", help="The share of sessions that the rule acts on [100]."),
        click.option("--fallback", metavar="MODEL,...", help="Models to try when that one fails."),
        click.option("--description", metavar="TEXT", help="What it is for."),
    ]  # fmt: skip
    return together(options)


@rules.command()
@click.option("--name", required=True, metavar="N", help="What the rule is called.")
@_fields(required=True)
@click.option("--disabled", is_flag=True, help="Save it without switching it on.")
@pass_settings
def add(settings: Settings, /, *, name: str, disabled: bool, **options: Any) -> None:
    """Add a rule; it holds for the next request."""
    from conduit_tui.routing.rule_set import added

    options["sticky"] = options["sticky"] or asyncio.run(stored_project(settings)).config.sticky
    rule = _read({"name": name, "enabled": not disabled, **_given(**options)})
    project = _change(settings, lambda known: added(known, rule), rule.name)
    _say("added", rule.name, project)


@rules.command()
@click.argument("rule", shell_complete=completes(rule_names))
@click.option("--name", metavar="N", help="A new name.")
@_fields(required=False)
@click.option("--enabled/--disabled", default=None, help="Switch it on or off.")
@pass_settings
def edit(settings: Settings, /, *, rule: str, name: str | None, enabled: bool | None, **options: Any) -> None:
    """Change a rule, by name or id. What is not named stays as it is."""
    from conduit_tui.control.project_changes import as_stored
    from conduit_tui.routing.rule_set import replaced

    given = _given(**options)
    given |= {key: value for key, value in (("name", name), ("enabled", enabled)) if value is not None}
    if not given:
        raise click.UsageError("nothing to change: name at least one option")

    def act(known: "list[Rule]") -> "list[Rule]":
        return replaced(known, _read({**as_stored(_find(known, rule)), **given}))

    project = _change(settings, act, name or rule)
    _say("changed", name or rule, project)


@rules.command()
@click.argument("rule", shell_complete=completes(rule_names))
@pass_settings
def rm(settings: Settings, *, rule: str) -> None:
    """Remove a rule, by name or id. `config undo` brings it back."""
    from conduit_tui.routing.rule_set import removed

    _change(settings, lambda known: removed(known, _find(known, rule).id), "")
    echo(f"removed rule {rule}; `conduit-tui config undo` brings it back", err=True)


@rules.command()
@click.argument("rule", shell_complete=completes(rule_names))
@click.argument("where", type=click.Choice(["up", "down", "first", "last"]))
@pass_settings
def move(settings: Settings, *, rule: str, where: str) -> None:
    """Let a rule fire earlier or later. Priorities change as far as that needs."""
    from conduit_tui.routing.rule_set import moved

    def act(known: "list[Rule]") -> "list[Rule]":
        by = {"up": -1, "down": 1, "first": -len(known), "last": len(known)}[where]
        return moved(known, _find(known, rule).id, by)

    _say("moved", rule, _change(settings, act, ""))


def _change(settings: Settings, edited: Edit, name: str) -> "Project":
    """Save the rules as `edited` makes them; warn of what the rule of this name cannot do."""
    from conduit_tui.routing.validation import validate_rule

    name_of_project = settings.project or DEFAULT_PROJECT

    async def act(control: "ControlPlane") -> "tuple[Project, list[Problem]]":
        project = await control.project(name_of_project)
        rules = list(edited(read_rules(project)))
        providers = await control.providers()
        problems: list[Problem] = []
        for rule in rules:
            if rule.name == name:
                others = [other for other in rules if other is not rule]
                problems = validate_rule(rule, others, lambda model: _is_served(providers, model))
        for problem in problems:
            if not problem.warning:
                raise _refusal(problem)
        return await control.save_rules(name_of_project, rules, project.revision), problems

    project, warnings = change(settings, act)
    for warning in warnings:
        echo(f"warning: {warning.message}", err=True)
    return project


def read_rules(project: "Project") -> "list[Rule]":
    """The rules of a project in firing order."""
    from conduit_tui.domain.rules import Rule

    return [Rule.model_validate(body) for body in project.config.routing_rules]


def _read(body: dict[str, Any]) -> "Rule":
    from conduit_tui.routing.validation import read_rule

    rule = read_rule(body)
    if isinstance(rule, list):
        raise _refusal(rule[0])
    return rule


def _given(
    *,
    when: str | None,
    use: str | None,
    priority: str | None,
    sticky: str | None,
    rollout: str | None,
    fallback: str | None,
    description: str | None,
) -> dict[str, Any]:
    """The options that were named, as a rule's keys."""
    fields: dict[str, Any] = {
        "conditions": parse_when(when) if when is not None else None,
        "targetModel": use,
        "priority": _number(priority, int),
        "sticky": sticky,
        "rollout": _number(rollout.removesuffix("%") if rollout else rollout, float),
        "fallback": [model for part in fallback.split(",") if (model := part.strip())]
        if fallback is not None
        else None,
        "description": description,
    }
    return {key: value for key, value in fields.items() if value is not None}


def parse_when(text: str) -> dict[str, Any]:
    """A condition tree from its line of text. Raises Failure, with the place of the fault shown under the text."""
    from conduit_tui.routing.expression import ExpressionError, parse

    try:
        tree: dict[str, Any] = parse(text).model_dump(mode="json", by_alias=True)
    except ExpressionError as error:
        if text.isprintable():
            echo(f"  {text}", err=True)
            echo(f"  {' ' * error.position}{'^' * error.length}", err=True)
        raise Failure(f"--when: {error.message} (character {error.position + 1})", BAD_INPUT) from None
    return tree


def _number(text: str | None, kind: type[int] | type[float]) -> Any:
    """The number, or the text itself, which is then refused in the words that all places have for it."""
    try:
        return text if text is None else kind(text)
    except ValueError:
        return text


def _refusal(problem: "Problem") -> Failure:
    field = problem.field.partition(".")[0]
    return Failure(f"{OPTION_OF_FIELD.get(field, problem.field)}: {problem.message}", BAD_INPUT)


def _find(known: "list[Rule]", name: str) -> "Rule":
    from conduit_tui.control.validation import did_you_mean
    from conduit_tui.routing.rule_set import find

    try:
        return find(known, name)
    except KeyError:
        near = did_you_mean(name, [rule.name for rule in known])
        raise Failure(f"there is no rule {name!r}{near}", BAD_INPUT) from None


def _is_served(providers: "list[Provider]", model: str) -> bool:
    from conduit_tui.routing.served import served_in

    return bool(served_in(providers, model))


async def _rules_and_hits(settings: Settings) -> "tuple[list[Rule], dict[str, RuleHits], list[Provider]]":
    project = await stored_project(settings)
    async with open_reader(settings) as reader:
        hits = await reader.rule_hits(project.name, int(time.time() * 1000) - DAY_MS) if reader else {}
    return read_rules(project), hits, await all_providers(settings)


def _as_json(rule: "Rule", hits: "RuleHits | None") -> dict[str, Any]:
    from conduit_tui.control.project_changes import as_stored
    from conduit_tui.routing.expression import to_text
    from conduit_tui.store.interface import RuleHits

    counted = hits or RuleHits()
    return {
        **as_stored(rule),
        "when": to_text(rule.conditions),
        "hits": {**counted._asdict(), "models": [pair._asdict() for pair in counted.models]},
    }


def _row(rule: "Rule", hits: "RuleHits | None", providers: "list[Provider]") -> list[str]:
    from conduit_tui.domain.money import format_dollars
    from conduit_tui.routing.expression import to_text
    from conduit_tui.routing.served import served_in

    dialects = served_in(providers, rule.target_model)
    marks = [
        "" if rule.enabled else "off",
        "sticky" if rule.sticky == "session" else "",
        f"{rule.rollout:g} %" if rule.rollout < 100 else "",
        "" if dialects or rule.target_model == "as-requested" else "not served",
    ]
    last = f"{datetime.fromtimestamp(hits.last_at / 1000).astimezone():%H:%M:%S}" if hits else ""
    sources = ", ".join(f"{pair.requested} ({pair.requests:,})" for pair in hits.models[:3]) if hits else ""
    broken = ""
    if hits and hits.broken_caches:
        broken = f"{hits.broken_caches:,} ({format_dollars(hits.broken_cache_nanodollars)})"
    return [
        str(rule.priority),
        rule.name,
        " ".join(filter(None, marks)),
        to_text(rule.conditions),
        rule.target_model,
        f"{hits.requests:,}" if hits else "0",
        last,
        sources,
        broken,
    ]


def _say(what: str, name: str, project: "Project") -> None:
    rules = read_rules(project)
    place = next(
        (f" at place {n} of {len(rules)}" for n, rule in enumerate(rules, 1) if name in (rule.name, rule.id)), ""
    )
    echo(f"{what} rule {name}{place} (revision {project.revision})", err=True)
    if not project.config.enabled or not project.config.features.auto_routing:
        echo(f"no rule of project {project.name} acts: its routing is switched off", err=True)
