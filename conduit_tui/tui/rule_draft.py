"""A rule as it is being written: what stands in the fields, and what is wrong with it. No screen."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from conduit_tui.domain.rules import Group, Rule
from conduit_tui.routing.expression import ExpressionError, parse
from conduit_tui.routing.numbers import read_number
from conduit_tui.routing.printer import normalise, to_text
from conduit_tui.routing.validation import Problem, read_rule, validate_rule

_NUMBERS = {"priority", "rollout"}


@dataclass(frozen=True)
class Draft:
    """The fields as text, as they are typed."""

    name: str = ""
    when: str = ""
    use: str = ""
    fallback: str = ""
    priority: str = "0"
    rollout: str = "100"
    description: str = ""
    enabled: bool = True
    sticky: str = "request"


class Checked(NamedTuple):
    """What came of reading a draft: the rule, None where it cannot be saved; `error` is the one in the condition."""

    rule: Rule | None
    tree: Group | None
    error: ExpressionError | None
    problems: Sequence[Problem]

    def of(self, field: str) -> Problem | None:
        """The first problem of a field, errors before warnings."""
        mine = [problem for problem in self.problems if problem.field.split(".")[0] == field]
        return min(mine, key=lambda problem: problem.warning, default=None)

    @property
    def refusals(self) -> list[Problem]:
        """What keeps the rule from being saved."""
        return [problem for problem in self.problems if not problem.warning]

    @property
    def warnings(self) -> list[Problem]:
        """What does not."""
        return [problem for problem in self.problems if problem.warning]


def draft_of(rule: Rule) -> Draft:
    """A rule as the fields show it."""
    return Draft(
        name=rule.name,
        when=to_text(rule.conditions),
        use=rule.target_model,
        fallback=", ".join(rule.fallback),
        priority=str(rule.priority),
        rollout=f"{rule.rollout:g}",
        description=rule.description,
        enabled=rule.enabled,
        sticky=rule.sticky,
    )


def check(draft: Draft, base: Rule, others: Sequence[Rule], served: Callable[[str], bool]) -> Checked:
    """Read a draft of a rule that was `base`, among the other rules of its project. What is not edited here stays."""
    problems: list[Problem] = []
    tree, error = None, None
    if draft.when.strip():
        try:
            tree = parse(draft.when)
        except ExpressionError as found:
            error = found
            problems.append(Problem("conditions", found.message))
    else:
        tree = Group()
    # An imported tree stays as it was given until it is edited.
    untouched = tree is not None and tree == normalise(base.conditions)
    conditions = base.conditions if untouched else (tree or Group())
    given = {
        **base.model_dump(by_alias=True, exclude={"conditions"}),
        "name": draft.name.strip(),
        "description": draft.description.strip(),
        "enabled": draft.enabled,
        "sticky": draft.sticky,
        "targetModel": draft.use.strip(),
        "fallback": tuple(model for part in draft.fallback.split(",") if (model := part.strip())),
        "priority": _number(draft.priority),
        "rollout": _number(draft.rollout),
        "conditions": conditions,
    }
    rule = read_rule(given)
    if not isinstance(rule, Rule):
        # What else is wrong is said too, with what was before in the place of what cannot be read.
        problems += rule
        mended = read_rule(given | {field: getattr(base, field) for field in _NUMBERS & {each.field for each in rule}})
        if not isinstance(mended, Rule):
            return Checked(None, tree, error, problems)
        rule = mended
    for problem in validate_rule(rule, others, served):
        if error is None or not problem.field.startswith("conditions"):
            problems.append(problem)
    usable = all(problem.warning for problem in problems)
    return Checked(rule if usable else None, tree, error, problems)


def _number(text: str) -> object:
    """An integer, another number, or the text itself, for the validation to refuse."""
    number = read_number(text.strip().removesuffix("%").strip())
    if number is None:
        return text
    return int(number) if float(number).is_integer() else number
