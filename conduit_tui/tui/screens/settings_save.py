"""How a project's settings are saved: its configuration, then what its budget has beside the limits."""

from collections.abc import Sequence
from typing import NamedTuple

from conduit_tui.control.changes import described
from conduit_tui.control.plane import ControlError
from conduit_tui.domain.budgets import Budget
from conduit_tui.domain.limits import Scope
from conduit_tui.domain.projects import Project, ProjectConfig
from conduit_tui.store.interface import StoreError
from conduit_tui.tui.clean import clean
from conduit_tui.tui.settings_data import SettingsData
from conduit_tui.tui.settings_draft import Checked
from conduit_tui.tui.sources import Sources

MOST_WORDS = 8
LONGEST = 66  # cells of a line in a question


class Saved(NamedTuple):
    """The project and its budget as they are stored now."""

    project: Project
    budget: Budget


async def save(sources: Sources, data: SettingsData, checked: Checked) -> Saved | ControlError:
    """Save what was checked, on top of the revision that the person has seen; or why it was not."""
    name = data.project.name
    try:
        async with sources.open_control() as control:
            project = await control.save_config(name, checked.config, data.project.revision)
            budgets = {budget.scope: budget for budget in await control.budgets()}
            budget = budgets.get(Scope(name)) or Budget(project=name)
            own = {"mode": checked.budget.mode, "zone": checked.budget.zone, "unpriced": checked.budget.unpriced}
            wanted = budget.model_copy(update=own)
            if wanted != budget:
                budget = await control.set_budget(wanted)
            return Saved(project, budget)
    except ControlError as error:
        return error
    except (StoreError, OSError) as error:
        return ControlError("unavailable", str(error))


def changed_words(before: ProjectConfig, after: ProjectConfig) -> list[str]:
    """What differs, a few short lines of it."""
    changes: Sequence[str] = described(before, after)
    said = [clean(line) if len(line) <= LONGEST else f"{clean(line)[: LONGEST - 1]}…" for line in changes[:MOST_WORDS]]
    return said if len(changes) <= MOST_WORDS else [*said, f"and {len(changes) - MOST_WORDS} more"]
