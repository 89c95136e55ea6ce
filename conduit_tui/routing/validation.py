"""What is refused when rules are saved, and what is only warned of. Every problem names the field it belongs to."""

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, NamedTuple

from pydantic import ValidationError

from conduit_tui.domain.projects import AS_REQUESTED, ProjectConfig
from conduit_tui.domain.rules import Condition, Group, Rule
from conduit_tui.routing.conditions import fault_of
from conduit_tui.routing.expression import DEEPEST

LONGEST_NAME = 100  # characters
LONGEST_MODEL = 200
NAME_AND_TARGET = "All routing rules must have a name and target model"
DEFAULT_MODEL = "Default model is required when Conduit is enabled"

Served = Callable[[str], bool]


class Problem(NamedTuple):
    """What is wrong. `field` is the dotted path in the JSON; a `warning` does not keep anybody from saving."""

    field: str
    message: str
    warning: bool = False


def read_rule(given: Mapping[str, Any]) -> Rule | list[Problem]:
    """A rule from its JSON, or what is wrong with its shape."""
    try:
        return Rule.model_validate(given)
    except ValidationError as error:
        problems: dict[str, Problem] = {}
        for found in error.errors(include_url=False):
            path = [str(part) for part in found["loc"] if part not in ("condition", "group", "str", "int", "float")]
            field = ".".join(path) or "conditions"
            problems.setdefault(field, Problem(field, _in_words(path, found["type"], found["msg"])))
        return list(problems.values())


def validate_rule(rule: Rule, others: Collection[Rule], served: Served | None = None) -> list[Problem]:
    """The problems of a rule among the other rules of its project (one with the same id is the rule itself).

    `served` tells whether any provider serves a model.
    """
    return [
        *_names(rule, others),
        *_tree(rule),
        *_targets(rule, served),
    ]


def validate_rules(rules: Collection[Rule]) -> list[Problem]:
    """The problems of a project's rules; the fields begin with the number of the rule, as in `2.name`."""
    found = []
    for number, rule in enumerate(rules):
        others = [other for other in rules if other is not rule]
        problems = validate_rule(rule.model_copy(update={"id": ""}), others)
        found += [problem._replace(field=f"{number}.{problem.field}") for problem in problems]
    return found


def validate_default_model(config: ProjectConfig, served: Served | None = None) -> list[Problem]:
    """The problems of a configuration's default model."""
    model = config.default_model
    if not model.strip():
        return [Problem("defaultModel", DEFAULT_MODEL)] if config.enabled else []
    if len(model) > LONGEST_MODEL:
        return [_too_long("defaultModel")]
    if served and model != AS_REQUESTED and not served(model):
        return [Problem("defaultModel", f"no provider serves `{model}`: as requested until one does", True)]
    return []


def unusable(rule: Rule) -> str:
    """Why a stored rule cannot be compiled, empty if it can."""
    if not rule.target_model.strip():
        return NAME_AND_TARGET
    return next((problem.message for problem in _tree(rule) if not problem.warning), "")


def _names(rule: Rule, others: Collection[Rule]) -> Iterator[Problem]:
    if not rule.name.strip():
        yield Problem("name", NAME_AND_TARGET)
    elif len(rule.name) > LONGEST_NAME or not rule.name.isprintable():
        yield Problem("name", f"a name is one line of at most {LONGEST_NAME} printable characters")
    elif any(other.name == rule.name and (not rule.id or other.id != rule.id) for other in others):
        yield Problem("name", f'there is a routing rule "{rule.name}" already')


def _tree(rule: Rule) -> Iterator[Problem]:
    if not any(isinstance(node, Condition) for _, node, _ in _nodes(rule.conditions, "conditions", 0)):
        yield Problem("conditions", f'Routing rule "{rule.name}" must have at least one condition')
        return
    for path, node, depth in _nodes(rule.conditions, "conditions", 0):
        if isinstance(node, Condition):
            fault = fault_of(node)
            if fault:
                yield Problem(f"{path}.{fault.part}", fault.message)
        elif depth >= DEEPEST:
            yield Problem(path, f"more than {DEEPEST} groups within groups")
            return
        elif not node.rules:
            yield Problem(f"{path}.rules", f"{node.type} has no condition: add one, or take the group away")
        elif node.type == "NOT" and len(node.rules) > 1:
            yield Problem(f"{path}.rules", "NOT of several means that none of them holds", warning=True)


def _nodes(node: Condition | Group, path: str, depth: int) -> Iterator[tuple[str, Condition | Group, int]]:
    """Every group and condition with its path and the number of groups around it, in the order of the text."""
    yield path, node, depth
    if isinstance(node, Group):
        for number, member in enumerate(node.rules):
            yield from _nodes(member, f"{path}.rules.{number}", depth + 1)


def _targets(rule: Rule, served: Served | None) -> Iterator[Problem]:
    if not rule.target_model.strip():
        yield Problem("targetModel", NAME_AND_TARGET)
    elif len(rule.target_model) > LONGEST_MODEL:
        yield _too_long("targetModel")
    elif served and rule.target_model != AS_REQUESTED and not served(rule.target_model):
        yield _unserved("targetModel", rule.target_model)
    for number, model in enumerate(rule.fallback):
        field = f"fallback.{number}"
        if not model.strip():
            yield Problem(field, "a fallback needs the name of a model")
        elif len(model) > LONGEST_MODEL:
            yield _too_long(field)
        elif model == rule.target_model or model in rule.fallback[:number]:
            yield Problem(field, f"`{model}` stands before already", warning=True)
        elif served and not served(model):
            yield _unserved(field, model)
    if rule.rollout == 0:
        yield Problem("rollout", "a rollout of 0 % acts on no session", warning=True)


def _too_long(field: str) -> Problem:
    return Problem(field, f"a model's name has at most {LONGEST_MODEL} characters")


def _unserved(field: str, model: str) -> Problem:
    return Problem(field, f"no provider serves `{model}`: the rule is passed over until one does", warning=True)


def _in_words(path: list[str], kind: str, message: str) -> str:
    last = path[-1] if path else ""
    if kind == "recursion_depth_exceeded":
        return f"more than {DEEPEST} groups within groups"
    if kind == "missing":
        return "is missing"
    if last == "priority":
        return (
            "a priority is an integer"
            if kind == "int_type"
            else "a priority lies between -2,147,483,648 and 2,147,483,647"
        )
    if last == "value":
        return "a value is text or a finite number"
    if last == "rollout":
        return "a rollout is a percentage from 0 to 100"
    return f"{message[:1].lower()}{message[1:]}".removeprefix("input ")
