"""What is refused when a configuration is saved; the words are those of the editor and the command line."""

from collections.abc import Iterable

from conduit_tui.control.plane import ControlError
from conduit_tui.domain.budgets import limit_problems
from conduit_tui.domain.projects import ProjectConfig
from conduit_tui.domain.rules import Rule
from conduit_tui.routing.validation import Problem, validate_default_model, validate_rules


def check_rules(rules: list[Rule]) -> None:
    """Raises ControlError `bad-input`; its field is like `rules.2.targetModel`."""
    _refuse(problem._replace(field=f"rules.{problem.field}") for problem in validate_rules(rules))


def check_config(config: ProjectConfig) -> None:
    """Raises ControlError `bad-input`; its field is like `costLimits.daily`."""
    _refuse([*validate_default_model(config), *_cost_limits(config)])


def _cost_limits(config: ProjectConfig) -> Iterable[Problem]:
    for name, problem in limit_problems(config.cost_limits.daily, config.cost_limits.monthly):
        yield Problem(f"costLimits.{name}", problem)


def _refuse(problems: Iterable[Problem]) -> None:
    for problem in problems:
        if not problem.warning:
            raise ControlError("bad-input", problem.message, problem.field)
