"""Settings as they are typed: read, refused with their words, and merged with what others saved."""

from typing import Any

import pytest

from conduit_tui.domain.budgets import Budget
from conduit_tui.domain.limits import Mode, Unpriced
from conduit_tui.domain.projects import CaptureMode, GatewayDown, ProjectConfig
from conduit_tui.tui.settings_draft import Checked, SettingsDraft, check, draft_of, merged

CONFIG = ProjectConfig.model_validate(
    {
        "defaultModel": "opus",
        "routingRules": [{"id": "r1", "name": "a", "theirs": 1}],
        "costLimits": {"daily": 0.1, "monthly": None, "theirs": 2},
        "features": {"usageAnalytics": False},
        "fallback": ["sonnet", "haiku"],
        "rollout": 30,
        "sticky": "session",
        "capture": "full",
        "captureDays": 3,
        "gatewayDown": "direct",
        "theirs": {"kept": True},
    }
)
BUDGET = Budget(project="p", daily=10**8, mode=Mode.STRICT, zone="Europe/Berlin", unpriced=Unpriced.BLOCK)
SERVED = {"opus", "sonnet", "haiku"}


def read(draft: SettingsDraft) -> Checked:
    return check(draft, CONFIG, BUDGET, SERVED.__contains__)


def changed(**fields: str) -> Checked:
    return read(SettingsDraft(**{**draft_of(CONFIG, BUDGET).__dict__, **fields}))


def test_what_is_not_edited_comes_back_as_it_was_others_keys_too() -> None:
    checked = read(draft_of(CONFIG, BUDGET))
    assert checked.problems == []
    assert checked.config.model_dump(by_alias=True) == CONFIG.model_dump(by_alias=True)
    assert checked.budget == BUDGET


def test_every_field_is_read() -> None:
    config = changed(
        enabled="off", default_model=" haiku ", fallback="opus,, sonnet", rollout=" 5 % ", sticky="for each request",
        capture="none", capture_days="90", gateway_down="refuse", daily="$1,000", monthly="2000.50", mode="balanced",
        zone="UTC", unpriced="charge", auto_routing="off", cost_tracking="off", usage_analytics="on",
    )  # fmt: skip
    assert config.problems == []
    read_config = config.config
    assert not read_config.enabled
    assert (read_config.default_model, read_config.fallback, read_config.rollout) == ("haiku", ("opus", "sonnet"), 5)
    assert (read_config.sticky, read_config.capture, read_config.capture_days) == ("request", CaptureMode.NONE, 90)
    assert read_config.gateway_down is GatewayDown.REFUSE
    assert (read_config.cost_limits.daily, read_config.cost_limits.monthly) == (1000.0, 2000.5)
    assert read_config.features.model_dump() == {
        "auto_routing": False, "cost_tracking": False, "usage_analytics": True,
    }  # fmt: skip
    assert config.budget == Budget(project="p", daily=10**12, monthly=2_000_500_000_000)


@pytest.mark.parametrize(
    ("fields", "field", "message", "warning"),
    [
        ({"default_model": " "}, "default_model", "Default model is required when Conduit is enabled", False),
        ({"daily": "-1"}, "daily", "Daily cost limit must be positive", False),
        ({"monthly": "-0.01"}, "monthly", "Monthly cost limit must be positive", False),
        ({"daily": "5", "monthly": "4"}, "daily", "Daily limit cannot exceed monthly limit", False),
        ({"daily": "0"}, "daily", "0 blocks everything; none is no limit", True),
        ({"daily": ""}, "daily", "an amount in dollars, or none", False),
        ({"rollout": "5.5"}, "rollout", "a rollout is a whole percentage from 0 to 100", False),
        ({"rollout": "²"}, "rollout", "a rollout is a whole percentage from 0 to 100", False),
        ({"rollout": "0"}, "rollout", "0 % leaves every session as requested", True),
        ({"capture_days": "3651"}, "capture_days", "days from 1 to 3650", False),
        ({"default_model": "gpt"}, "default_model", "no provider serves gpt: as requested until one does", True),
        ({"fallback": "gpt, opus, x"}, "fallback", "no provider serves gpt, x: passed over", True),
        ({"zone": "Qxzv"}, "zone", "no time zone of this name; such as Europe/Berlin", False),
    ],
)
def test_what_is_wrong_is_said_of_its_field(fields: dict[str, str], field: str, message: str, warning: Any) -> None:
    checked = changed(**fields)
    problem = checked.of(field)
    assert problem is not None
    assert (problem.message, problem.warning) == (message, warning)
    assert [each.field for each in checked.problems] == [field]
    assert bool(checked.refusals) is not warning


def test_no_default_model_is_needed_where_the_project_is_disabled() -> None:
    assert changed(enabled="off", default_model="").refusals == []


def test_what_cannot_be_read_leaves_the_rest_to_be_tested() -> None:
    checked = changed(daily="much", rollout="half", default_model="haiku")
    assert {problem.field for problem in checked.refusals} == {"daily", "rollout"}
    assert (checked.config.default_model, checked.config.rollout, checked.config.cost_limits.daily) == (
        "haiku",
        30,
        0.1,
    )


def test_what_was_typed_goes_on_top_of_what_others_saved() -> None:
    began = draft_of(CONFIG, BUDGET)
    mine = SettingsDraft(**{**began.__dict__, "rollout": "50", "daily": "7"})
    theirs = SettingsDraft(**{**began.__dict__, "rollout": "80", "default_model": "haiku"})
    both = merged(mine, began, theirs)
    assert (both.rollout, both.daily, both.default_model) == ("50", "7", "haiku")
