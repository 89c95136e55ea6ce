"""What is decided before an agent starts: limits that keep it from that, and the model that the rules choose."""

import pytest

from conduit_tui.domain.budgets import Budget, Gauge
from conduit_tui.domain.limits import Period, Window
from conduit_tui.domain.money import NANO_PER_DOLLAR
from conduit_tui.domain.projects import Features, Project, ProjectConfig
from conduit_tui.domain.providers import BUILTIN_PROVIDERS
from conduit_tui.domain.rules import Rule
from conduit_tui.launch.agents import agent_of
from conduit_tui.launch.before import choose_model, limit_reached, new_run_id, rules_of
from conduit_tui.routing.expression import parse

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


RULES = {
    "long": 'message matches "(?i)architecture" and not flags contains "fast"',
    "fast": 'flags contains "--fast"',
    "typed": 'agentType = "research"',
    "asked": 'model = "opus" and message contains "really"',
    "many": "tokenCount > 40",
    "unknown": 'not requestClass = "subagent"',
    "unserved": 'message contains "gpt"',
}


def chosen(*arguments: str, program: str = "claude", agent_type: str = "", session: str = "", **config: object) -> str:
    """The arguments after the rules were asked, as one text."""
    rules = [
        Rule(id=name, name=name, conditions=parse(when), target_model=f"claude-{name}", priority=100 - number)
        if name != "unserved"
        else Rule(id=name, name=name, conditions=parse(when), target_model="gpt-5", priority=1)
        for number, (name, when) in enumerate(RULES.items())
    ]
    stored = tuple(rule.model_dump(mode="json", by_alias=True) for rule in rules)
    project = Project(name="web", config=ProjectConfig.model_validate({"routing_rules": stored, **config}))
    agent = agent_of(program)
    choice = choose_model(
        agent,
        arguments,
        project=project,
        rules=rules_of(project, session, bypass=False),
        providers=BUILTIN_PROVIDERS,
        message=agent.command_line.message(arguments),
        agent_type=agent_type,
        session=session,
        run_id=new_run_id(),
    )
    return choice.note or " ".join(choice.arguments)


def test_rules_see_the_command_line() -> None:
    assert chosen("-p", "the Architecture") == "--model claude-long -p the Architecture"
    assert chosen("-p", "--output-format", "json", "architecture").startswith("--model claude-long ")
    assert chosen("-p", "x", "--model", "opus", "--fast") == "-p x --model claude-fast --fast"
    assert chosen("--model=opus", "--fast", "-p", "architecture") == "--model=claude-fast --fast -p architecture"
    assert chosen("-p", "x", agent_type="research") == "--model claude-typed -p x"
    assert chosen("--model", "opus", "-p", "really") == "--model claude-asked -p really"
    assert chosen("-p", "word " * 60).startswith("--model claude-many")
    assert chosen() == ""


def test_what_only_a_request_can_tell_is_left_to_the_gateway() -> None:
    assert chosen("-p", "short") == "-p short"
    assert chosen("-p", "gpt") == "-p gpt"  # Claude Code cannot reach it


def test_routing_that_is_off_or_rolled_out_changes_nothing() -> None:
    given = ("-p", "architecture")
    for off in ({"enabled": False}, {"features": {"autoRouting": False}}, {"rollout": 50}):
        assert chosen(*given, **off) == "-p architecture"
    outcomes = {chosen(*given, session=f"s{number}", rollout=50) for number in range(50)}
    assert len(outcomes) == 2


def test_an_option_that_is_not_known_is_not_invented() -> None:
    assert chosen("--fast", program="mine").startswith('rule "fast"')
    assert chosen("--fast", "--model", "x", program="mine") == "--fast --model claude-fast"
