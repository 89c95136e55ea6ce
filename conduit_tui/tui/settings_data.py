"""What the Settings screen knows of a project. No screen."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from conduit_tui.domain.budgets import Budget
from conduit_tui.domain.limits import Scope
from conduit_tui.domain.projects import AS_REQUESTED, Project
from conduit_tui.store.interface import Reader
from conduit_tui.tui import project_rules
from conduit_tui.tui.project_rules import ProjectRules


@dataclass(frozen=True)
class SettingsData:
    """A project as it is stored: its configuration, budget, rules with their hits, and names of models to offer."""

    rules: ProjectRules = field(default_factory=ProjectRules)
    budget: Budget = field(default_factory=Budget)
    models: Sequence[str] = ()

    @property
    def project(self) -> Project:
        return self.rules.project

    def with_saved(self, project: Project, budget: Budget) -> "SettingsData":
        """With the project as it was just saved; its rules are those from before."""
        return replace(self, rules=replace(self.rules, project=project), budget=budget)


async def read(reader: Reader, name: str, now: int) -> SettingsData:
    """A project's settings, the default one's where there is none so named. Raises StoreError, ValidationError."""
    rules = await project_rules.read(reader, name, now)
    budgets = {budget.scope: budget for budget in await reader.budgets()}
    project = rules.project.name
    named = [model for provider in rules.providers for model in provider.models if not set(model) & set("*?[")]
    seen = await project_rules.known_models(reader, rules, now)
    return SettingsData(
        rules=rules,
        budget=budgets.get(Scope(project)) or Budget(project=project),
        models=list(dict.fromkeys([AS_REQUESTED, *named, *seen])),
    )
