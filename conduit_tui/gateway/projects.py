"""Projects as the running gateway uses them: their configuration and their rules, compiled once."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from conduit_tui.domain.projects import AS_REQUESTED, Project, ProjectConfig
from conduit_tui.domain.rules import Rule
from conduit_tui.observe.logs import Logger
from conduit_tui.routing.router import RuleSet

log = Logger("gateway")


class RoutedProject(NamedTuple):
    """A project in force. `plain`: nothing can decide otherwise than the client, so nothing need be found out."""

    config: ProjectConfig
    rules: RuleSet
    plain: bool


def in_force(projects: Iterable[Project]) -> Mapping[str, RoutedProject]:
    """The projects by name; replaced whole when one changes. Rules that cannot act are logged and passed over."""
    return {project.name: _ready(project) for project in projects}


def _ready(project: Project) -> RoutedProject:
    config = project.config
    rules = RuleSet(Rule.model_validate(rule) for rule in config.routing_rules)
    for rule, reason in rules.broken:
        log.warning("a rule cannot act", project=project.name, rule=rule.name, reason=reason)
    plain = config.enabled and not len(rules) and not config.fallback and config.default_model in ("", AS_REQUESTED)
    return RoutedProject(config, rules, plain)
