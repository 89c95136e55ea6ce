"""Changes of a project's rules, each based on the revision that the person has seen."""

from collections.abc import Callable, Sequence

from conduit_tui.domain.projects import Project
from conduit_tui.domain.revisions import Revision
from conduit_tui.domain.rules import Rule
from conduit_tui.routing.expression import parse
from conduit_tui.routing.printer import normalise
from conduit_tui.routing.rule_set import added, replaced
from conduit_tui.tui.project_rules import rules_of
from conduit_tui.tui.sources import Sources

Change = Callable[[list[Rule]], list[Rule]]


async def save(sources: Sources, project: Project, change: Change) -> Project:
    """Save the rules as they are after a change. Raises ControlError, `conflict` when they were changed meanwhile."""
    rules = change(rules_of(project))
    async with sources.open_control() as control:
        return await control.save_rules(project.name, rules, project.revision)


async def undo(sources: Sources, project: str) -> tuple[Project, Revision | None]:
    """Take the newest change back; the project as it is then, and what the undo changed. Raises ControlError."""
    async with sources.open_control() as control:
        undone = await control.undo(project)
        newest = await control.history(project, 1)
    return undone, newest[0] if newest else None


async def newest(sources: Sources, project: str) -> Project:
    """The project as it stands now. Raises ControlError."""
    async with sources.open_control() as control:
        return await control.project(project)


def put(rules: list[Rule], rule: Rule) -> list[Rule]:
    """With this rule in the place of the one with its id; as one more where there is none (any more)."""
    if rule.id and any(each.id == rule.id for each in rules):
        return replaced(rules, rule)
    return added(rules, rule)


def examples(models: Sequence[str]) -> list[Rule]:
    """Two rules to begin with, switched off; their targets are models that were seen, if any suits."""

    def model(family: str) -> str:
        return next((name for name in models if family in name), f"claude-{family}-5-5")

    return [
        Rule(
            name="explore",
            description="Subagents that only look around do well with a small model.",
            enabled=False,
            priority=20,
            conditions=normalise(parse('agentType = "Explore"')),
            target_model=model("haiku"),
        ),
        Rule(
            name="big context",
            description="Long conversations that do not think go to the model in the middle, whole sessions of them.",
            enabled=False,
            priority=10,
            conditions=normalise(parse('tokenCount > 50000 and not flags contains "thinking"')),
            target_model=model("sonnet"),
            sticky="session",
        ),
    ]
