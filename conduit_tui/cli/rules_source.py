"""Rules that are not saved yet: from a file, or those that the project has."""

import json
from typing import IO, TYPE_CHECKING, Any

from conduit_tui.cli.errors import BAD_INPUT, Failure

if TYPE_CHECKING:
    from conduit_tui.domain.projects import Project
    from conduit_tui.domain.rules import Rule


def rules_to_try(project: "Project", file: IO[str] | None) -> "list[Rule]":
    """The rules of a file (a JSON list, or a configuration with `routingRules`), else the project's own.

    Raises Failure for what could not be saved either.
    """
    from conduit_tui.routing.validation import read_rule, validate_rules

    bodies = list(project.config.routing_rules) if file is None else _read(file)
    rules = []
    for number, body in enumerate(bodies):
        rule = read_rule(body)
        if isinstance(rule, list):
            raise Failure(f"rules.{number}.{rule[0].field}: {rule[0].message}", BAD_INPUT)
        rules.append(rule)
    if file is not None:
        for problem in validate_rules(rules):
            if not problem.warning:
                raise Failure(f"rules.{problem.field}: {problem.message}", BAD_INPUT)
    return rules


def _read(file: IO[str]) -> list[dict[str, Any]]:
    try:
        given = json.load(file)
    except (ValueError, RecursionError) as error:
        raise Failure(f"--rules: not JSON: {error}", BAD_INPUT) from None
    if isinstance(given, dict):
        given = given.get("routingRules")
    if not isinstance(given, list) or not all(isinstance(body, dict) for body in given):
        raise Failure("--rules: neither a list of rules nor a configuration with routingRules", BAD_INPUT)
    return given
