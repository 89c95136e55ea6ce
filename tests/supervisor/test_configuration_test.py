"""The test of a configuration: what passes, what fails and what is then to be done; nobody else is asked."""

import inspect
from collections.abc import AsyncIterator
from typing import Any

import pytest

from conduit_tui.control.configuration_test import failed
from conduit_tui.control.local import LocalControl
from conduit_tui.control.plane import ConfigurationCheck, ControlError, ControlPlane, Outcome, ProviderTest
from conduit_tui.control.server import CONTROL_METHODS
from conduit_tui.domain.budgets import Budget
from conduit_tui.domain.dialects import Dialect
from conduit_tui.domain.limits import Unpriced
from conduit_tui.domain.projects import ProjectConfig
from conduit_tui.domain.providers import Provider
from conduit_tui.domain.rules import Rule
from conduit_tui.paths import StateDir
from conduit_tui.routing.expression import parse
from conduit_tui.store.sqlite import SqliteStore
from tests.controls import reached

pytestmark = pytest.mark.anyio

HAIKU = "claude-haiku-5-5"


class Asked(list[str]):
    """Who was asked; `down` are those who do not answer, `deaf` those who do not take the key."""

    down: tuple[str, ...] = ()
    deaf: tuple[str, ...] = ()

    async def __call__(self, provider: Provider) -> ProviderTest:
        self.append(provider.base_url)
        if provider.name in self.down:
            return ProviderTest(False, "cannot be reached: connection refused", 1.0)
        if provider.name in self.deaf:
            return ProviderTest(False, "answers 401: it does not take this key", 2.0)
        return ProviderTest(True, "answers", 3.0)


@pytest.fixture
def asked() -> Asked:
    return Asked()


@pytest.fixture(params=["local", "remote"])
async def control(request: pytest.FixtureRequest, state_dir: StateDir, asked: Asked) -> AsyncIterator[ControlPlane]:
    store = await SqliteStore.open(state_dir.database)
    async with reached(request.param, LocalControl(store, state_dir, probe=asked), state_dir) as control:
        yield control
    await store.close()


def stored(name: str, when: str, use: str = HAIKU, **more: Any) -> dict[str, Any]:
    rule = Rule(id=f"id-{name}", name=name, conditions=parse(when), target_model=use, **more)
    return rule.model_dump(mode="json", by_alias=True)


def config(**fields: Any) -> ProjectConfig:
    return ProjectConfig.model_validate(fields)


def of(checks: list[ConfigurationCheck], subject: str) -> list[ConfigurationCheck]:
    return [check for check in checks if check.subject == subject]


async def test_what_is_stored_passes_and_says_how_it_acts(control: ControlPlane, asked: Asked) -> None:
    rules = [Rule.model_validate(stored("explore", 'agentType = "Explore"'))]
    project = await control.project("default")
    project = await control.save_rules("default", rules, project.revision)
    await control.save_config(
        "default",
        project.config.model_copy(update={"default_model": "claude-sonnet-5-5"}),
        project.revision,
    )
    checks = await control.test_configuration("default")
    assert failed(checks) == []
    assert of(checks, "rules")[0].said == "1 compile, 1 on"
    assert of(checks, "rule explore")[0].said.startswith(f"{HAIKU}: anthropic by anthropic")
    reached = of(checks, "provider anthropic")[0].said
    assert "only that it can be reached was tested: clients bring their own keys" in reached
    assert asked == ["https://api.anthropic.com"], "openai serves none of these models, so it is not asked"
    sample = of(checks, "sample request")[0].said
    assert sample == (
        "a short question for claude-sonnet-5-5 (anthropic) goes to claude-sonnet-5-5 at anthropic "
        "(default: no rule matched: default model)"
    )
    assert of(checks, "prices")[0].outcome is Outcome.PASSED


async def test_a_draft_is_tested_and_nothing_is_stored(control: ControlPlane) -> None:
    before = await control.project("default")
    draft = config(
        enabled=True,
        defaultModel="",
        routingRules=[
            stored("empty", "hour > 3") | {"conditions": {"type": "AND", "rules": []}},
            stored("", "hour > 3"),
            stored("lost", "hour > 3", "mystery-1"),
            stored("off", "hour > 3", "mystery-2", enabled=False),
            {"name": "shapeless", "priority": "high"},
        ],
        costLimits={"daily": 20, "monthly": 10},
        rollout=40,
    )
    checks = await control.test_configuration("default", draft)
    wrong = {(check.subject, check.said, check.field) for check in failed(checks)}
    assert ("rule shapeless", "a priority is an integer", "routingRules.4.priority") in wrong
    assert ("default model", "Default model is required when Conduit is enabled", "defaultModel") in wrong
    assert ("rule lost", "no provider serves mystery-1", "routingRules.2.targetModel") in wrong
    assert ("budget", "Daily limit cannot exceed monthly limit", "costLimits.daily") in wrong
    assert all(check.remedy for check in failed(checks)), "each says what to do"
    (off,) = of(checks, "rule off")
    assert off.outcome is Outcome.NOTE
    assert of(checks, "routing")[0].said == "routing acts on 40 % of the sessions, the others get what they ask for"
    assert await control.project("default") == before

    whole = draft.model_copy(update={"routing_rules": draft.routing_rules[:3]})
    wrong = {(check.subject, check.said) for check in failed(await control.test_configuration("default", whole))}
    assert ("rule empty", 'Routing rule "empty" must have at least one condition') in wrong
    assert ("rule ", "All routing rules must have a name and target model") in wrong


async def test_providers_that_do_not_answer_or_do_not_take_the_key(control: ControlPlane, asked: Asked) -> None:
    for name, key in (("far", "sk-fake-0123456789"), ("strict", "sk-fake-0123456789")):
        await control.add_provider(
            Provider(name=name, base_url=f"https://{name}.example", dialects=(Dialect.OPENAI_CHAT,), models=(name,)),
            key,
        )
    asked.down, asked.deaf = ("far",), ("strict",)
    checks = await control.test_configuration("default")
    far, strict = of(checks, "provider far")[0], of(checks, "provider strict")[0]
    assert far.said == "cannot be reached: connection refused"
    assert "https://far.example" in far.remedy
    assert strict.remedy == "give it another key: `conduit-tui providers key strict`"
    assert sorted(asked) == ["https://far.example", "https://strict.example"], "nobody but who is configured"
    assert of(checks, "sample request")[0].said.startswith("a short question for far (openai-chat) goes to far at far")


async def test_prices_budget_and_bypass(control: ControlPlane) -> None:
    await control.add_provider(
        Provider(name="local", base_url="http://127.0.0.1:9", dialects=(Dialect.OPENAI_CHAT,), models=("qwen9",))
    )
    draft = config(defaultModel="qwen9", costLimits={"daily": 0, "monthly": None}, features={"costTracking": False})
    await control.set_bypass(True)
    checks = await control.test_configuration("default", draft)
    assert of(checks, "prices")[0].outcome is Outcome.NOTE
    notes = [check.said for check in checks if check.outcome is Outcome.NOTE]
    assert "the daily limit is 0 and blocks everything" in notes
    assert "cost tracking is off, so the project's limits do not hold" in notes
    assert "the bypass is on: no rule acts and no project limit holds" in notes
    await control.set_budget(Budget(project="default", daily=10**9, unpriced=Unpriced.BLOCK))
    (price,) = of(await control.test_configuration("default", draft), "prices")
    assert (price.outcome, price.said) == (Outcome.FAILED, "no price is known for qwen9: the budget refuses it")


async def test_a_project_that_is_not_there(control: ControlPlane) -> None:
    with pytest.raises(ControlError, match="there is no project 'defalt'"):
        await control.test_configuration("defalt")


@pytest.mark.fault
async def test_a_draft_cannot_send_anybody_anywhere(control: ControlPlane, asked: Asked) -> None:
    draft = config(
        defaultModel="https://evil.example/v1",
        fallback=["http://169.254.169.254/latest"],
        baseUrl="https://evil.example",
        providers=[{"name": "anthropic", "base_url": "https://evil.example"}],
        routingRules=[stored("go", "hour > 3", "https://evil.example") | {"command": ["touch", "/tmp/x"]}],
    )
    checks = await control.test_configuration("default", draft)
    assert set(asked) <= {provider.base_url for provider in await control.providers()}
    assert "no provider serves https://evil.example" in {check.said for check in failed(checks)}


@pytest.mark.fault
def test_what_can_be_tested_is_named_never_given() -> None:
    testing = [name for name in CONTROL_METHODS if name.startswith("test_")]
    assert testing == ["test_provider", "test_configuration"]
    for name in testing:
        parameters = inspect.signature(getattr(LocalControl, name)).parameters.values()
        assert {parameter.annotation for parameter in parameters if parameter.name != "self"} <= {
            str,
            ProjectConfig | None,
        }
