"""Which limits keep an agent from being started."""

import pytest

from conduit_tui.domain.budgets import Budget, Gauge
from conduit_tui.domain.limits import Period, Window
from conduit_tui.domain.money import NANO_PER_DOLLAR
from conduit_tui.domain.projects import Features, Project, ProjectConfig
from conduit_tui.launch.before import limit_reached

DAY = 86_400_000
ON = ProjectConfig()
OFF = ProjectConfig(enabled=False)
UNTRACKED = ProjectConfig(features=Features(cost_tracking=False))


def gauge(spent: float, cap: float | None, held: float = 0.0, period: Period = Period.DAY, **scope: str) -> Gauge:
    budget = Budget.model_validate(scope)
    amounts = [None if amount is None else int(amount * NANO_PER_DOLLAR) for amount in (cap, spent, held)]
    return Gauge(budget, Window(0, budget.scope, period, "UTC", 0, DAY, *amounts), 0, 0)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("shown", "config", "bypass", "said"),
    [
        (
            gauge(11, 10, project="web"),
            ON,
            False,
            "Daily cost limit exceeded: $11.00 of $10.00 spent; resets 00:00 UTC",
        ),
        (gauge(10, 10, project="web"), ON, False, "Daily cost limit exceeded"),
        (gauge(9.99, 10, 5, project="web"), ON, False, ""),
        (gauge(0, 0, project="web"), ON, False, "Daily cost limit exceeded"),
        (gauge(11, None, project="web"), ON, False, ""),
        (gauge(11, 10, project="other"), ON, False, ""),
        (gauge(11, 10, period=Period.MONTH, project="web"), ON, False, "Monthly cost limit exceeded"),
        (gauge(11, 10, project="web"), OFF, False, ""),
        (gauge(11, 10, project="web"), UNTRACKED, False, ""),
        (gauge(11, 10, project="web"), ON, True, ""),
        (gauge(11, 10), OFF, True, "Overall daily cost limit exceeded"),
        (gauge(11, 10, agent_type="research"), ON, False, "Overall daily cost limit of agent type research exceeded"),
        (gauge(11, 10, agent_type="main"), ON, False, ""),
        (gauge(11, 10, model="claude-opus-*"), ON, False, "Overall daily cost limit of model claude-opus-* exceeded"),
        (gauge(11, 10, model="gpt-*"), ON, False, ""),
    ],
)
def test_a_limit_that_is_reached_refuses_what_it_counts(
    shown: Gauge, config: ProjectConfig, bypass: bool, said: str
) -> None:
    project = Project(name="web", config=config)
    found = limit_reached([shown], project, "claude-opus-5-5", "research", bypass=bypass, now=1)
    assert found.startswith(said) if said else not found
    if shown.budget.model:
        assert not limit_reached([shown], project, "", "research", bypass=bypass, now=1)
