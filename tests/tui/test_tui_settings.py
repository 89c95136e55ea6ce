"""The Settings screen by keyboard: fields and their messages, saving, and what is never lost."""

from typing import Any

import pytest
from rule_scenes import PROJECT, furnish
from scenes import World, live, shows, status
from textual import events
from textual.pilot import Pilot

from conduit_tui.domain.budgets import Budget
from conduit_tui.domain.projects import Project, ProjectConfig
from conduit_tui.domain.providers import Provider
from conduit_tui.domain.rules import Rule
from conduit_tui.tui.screens import settings_fields
from conduit_tui.tui.screens.settings import SettingsScreen
from conduit_tui.tui.settings_draft import NAMES, PATHS, SettingsDraft
from conduit_tui.tui.widgets.helped_row import LABEL

pytestmark = pytest.mark.anyio

DEFAULT_MODEL = "Default model is required when Conduit is enabled"


async def stored(world: World, name: str = PROJECT) -> Project:
    assert world.store is not None
    return next(project for project in await world.store.projects() if project.name == name)


PASTED = 12  # characters from which a text is pasted: each key takes its time


async def type_text(pilot: Pilot[int], text: str) -> None:
    if len(text) >= PASTED and text.isprintable() and pilot.app.focused is not None:
        pilot.app.focused.post_message(events.Paste(text))
        await pilot.pause()
        return
    await pilot.press(*({" ": "space", "\t": "tab", "\n": "enter"}.get(each, each) for each in text))


async def type_over(pilot: Pilot[int], text: str) -> None:
    await pilot.press("end", "ctrl+u")
    await type_text(pilot, text)


def shown(label: str, value: str) -> str:
    """How a field with this value looks."""
    return f" {label}".ljust(LABEL) + value


def field(name: str) -> int:
    """How often tab is pressed on the line of pages to come to a field of the page that is shown."""
    page = next(names for names in settings_fields.FIELDS.values() if name in names)
    return page.index(name) + 1


async def at_settings(pilot: Pilot[int], page: str = "General") -> str:
    await shows(pilot, "READY")
    await pilot.press("6")
    await shows(pilot, "revision 2")
    pages = [title for _, title in settings_fields.PAGES]
    await pilot.press(*["pagedown"] * pages.index(page))
    return await shows(pilot, f"▸{page}")


async def to(pilot: Pilot[int], name: str) -> None:
    await pilot.press(*["tab"] * field(name))


@pytest.mark.parametrize(
    ("page", "name", "text", "message", "saves"),
    [
        ("General", "default_model", "", DEFAULT_MODEL, False),
        ("General", "default_model", "mystery", "no provider serves mystery: as requested until one does", True),
        ("General", "fallback", "mystery, gpt-5.2", "no provider serves mystery: passed over", True),
        ("General", "rollout", "150", "a rollout is a whole percentage from 0 to 100", False),
        ("General", "rollout", "0", "0 % leaves every session as requested", True),
        ("General", "capture_days", "0", "days from 1 to 3650", False),
        ("Cost limits", "daily", "-5", "Daily cost limit must be positive", False),
        ("Cost limits", "monthly", "-0.5", "Monthly cost limit must be positive", False),
        ("Cost limits", "daily", "much", "not an amount in dollars: 12.50", False),
        ("Cost limits", "daily", "", "an amount in dollars, or none", False),
        ("Cost limits", "daily", "0", "0 blocks everything; none is no limit", True),
        (
            "Cost limits",
            "zone",
            "Berlin/Europe",
            "no time zone of this name; did you mean 'Europe/Berlin'?",
            False,
        ),
    ],
)
async def test_a_message_stands_under_its_field(
    world: World, page: str, name: str, text: str, message: str, saves: bool
) -> None:
    await furnish(world)
    before = await stored(world)
    async with world.app().run_test(size=(80, 24)) as pilot:
        await at_settings(pilot, page)
        await to(pilot, name)
        await type_over(pilot, text)
        lines = (await shows(pilot, message, "changed, not saved")).splitlines()
        under = next(number for number, line in enumerate(lines) if message[:20] in line)
        label = settings_fields._HELP[name][0]
        assert label in lines[under - 1]
        await pilot.press("ctrl+s")
        if saves:
            await shows(pilot, "revision 3", message)
        else:
            await shows(pilot, message, "changed, not saved")
            assert await stored(world) == before


async def test_a_day_above_its_month_is_said_and_mended(world: World) -> None:
    await furnish(world)
    async with world.app().run_test(size=(80, 24)) as pilot:
        await at_settings(pilot, "Cost limits")
        await pilot.press("tab")
        await type_over(pilot, "20")
        await pilot.press("enter")
        await type_over(pilot, "10")
        await shows(pilot, "Daily limit cannot exceed monthly limit")
        await type_over(pilot, "100")
        await shows(pilot, "●Cost limits", without="cannot exceed")
        await pilot.press("ctrl+s")
        await shows(pilot, "revision 3", without="not saved")
    assert (await stored(world)).config.cost_limits.model_dump() == {"daily": 20.0, "monthly": 100.0}


async def test_the_messages_about_rules_stand_in_the_editor_that_settings_lead_to(world: World) -> None:
    await furnish(world)
    async with world.app().run_test(size=(120, 40)) as pilot:
        await at_settings(pilot, "Routing rules")
        await pilot.press("j", "enter")
        await shows(pilot, "they fire", "decided once per session, for 50 % of sessions")
        await pilot.press("n")
        await shows(pilot, "new rule")
        await pilot.press("ctrl+s")
        await shows(pilot, "All routing rules must have a name and target model")
        await type_text(pilot, "wide")
        await shows(pilot, 'Routing rule "wide" must have at least one condition')


async def test_every_page_is_saved_at_once_and_zero_blocks(world: World) -> None:
    await furnish(world)
    async with world.app().run_test(size=(80, 24), notifications=True) as pilot:
        await at_settings(pilot)
        await pilot.press("ctrl+s")
        await shows(pilot, "nothing was changed")
        await to(pilot, "default_model")
        await type_over(pilot, "claude-s")
        await shows(pilot, "claude-sonnet-5-5")
        await pilot.press("tab")
        await shows(pilot, shown("default model", "claude-sonnet-5-5"))
        await pilot.press("tab", "tab")
        await type_over(pilot, "25%")
        await pilot.press("tab", "space", "tab", "right", "pagedown", "pagedown")
        await shows(pilot, "▸Cost limits", "●General")
        await to(pilot, "daily")
        await type_over(pilot, "0")
        await pilot.press("tab", "tab", "space", "tab")
        await type_over(pilot, "Europe/Berlin")
        await pilot.press("tab", "space", "pagedown")
        await to(pilot, "cost_tracking")
        await pilot.press("space")
        await shows(pilot, "●General", "●Cost limits", "●Features")
        await pilot.press("ctrl+s")
        await shows(pilot, "saved; revision 3", without="●General")
    config = (await stored(world)).config
    assert (config.default_model, config.rollout, config.sticky) == ("claude-sonnet-5-5", 25, "session")
    assert (config.capture, config.cost_limits.daily, config.features.cost_tracking) == ("full", 0, False)
    assert len(config.routing_rules) == 4, "the rules stay"
    assert world.store is not None
    budget = next(each for each in await world.store.budgets() if each.project == PROJECT)
    assert (budget.daily, budget.mode, budget.zone, budget.unpriced) == (0, "strict", "Europe/Berlin", "block")


async def test_esc_asks_only_when_something_was_changed(world: World) -> None:
    await furnish(world)
    async with world.app().run_test(size=(80, 24)) as pilot:
        await at_settings(pilot)
        await to(pilot, "rollout")
        await pilot.press("escape")
        await shows(pilot, "▸General", without="changed, not saved")
        assert pilot.app.focused is not None
        assert pilot.app.focused.id == "pages"
        await to(pilot, "rollout")
        await type_over(pilot, "30")
        await pilot.press("escape")
        await shows(pilot, "Not saved", "rollout: 100 -> 30")
        await pilot.press("escape")
        await shows(pilot, "changed, not saved", "30")
        await pilot.press("escape", "d")
        await shows(pilot, shown("rollout %", "100"), without="changed, not saved")
        await to(pilot, "rollout")
        await type_over(pilot, "40")
        await pilot.press("escape", "s")
        await shows(pilot, "revision 3", without="changed, not saved")
    assert (await stored(world)).config.rollout == 40


async def test_what_was_typed_outlives_other_screens_a_small_window_and_the_gateway(world: World) -> None:
    await furnish(world)
    async with world.app().run_test(size=(80, 24), notifications=True) as pilot:
        await at_settings(pilot)
        await to(pilot, "rollout")
        await type_over(pilot, "30")
        await pilot.press("pageup", "pagedown", "1")
        await shows(pilot, "settings of default: not saved yet;")
        await pilot.press("6")
        await shows(pilot, "changed, not saved", shown("rollout %", "30"))
        await pilot.resize_terminal(50, 12)
        await shows(pilot, "needs 60x16")
        await pilot.resize_terminal(80, 24)
        await shows(pilot, "changed, not saved", shown("rollout %", "30"))
        world.vanish()
        await shows(pilot, "UNREACHABLE", "changed, not saved", shown("rollout %", "30"))
        world.say(told=status(), seen=live(40))
        await shows(pilot, "READY", "changed, not saved", shown("rollout %", "30"))
        await pilot.press("ctrl+s")
        await shows(pilot, "saved; revision 3")


async def test_leaving_and_another_project_ask_first(world: World) -> None:
    await furnish(world)
    async with world.app().run_test(size=(80, 24)) as pilot:
        await at_settings(pilot)
        await to(pilot, "rollout")
        await type_over(pilot, "30")
        await pilot.press("pageup", "pagedown", "q")
        await shows(pilot, "Leave without saving?", "not saved: settings of default")
        await pilot.press("escape")
        await shows(pilot, "changed, not saved")
        await pilot.press("p")
        await shows(pilot, "all projects", "n new   r rename   a archive")
        await pilot.press("j", "enter")
        await shows(pilot, "Another project", "rollout: 100 -> 30")
        await pilot.press("n")
        await shows(pilot, "changed, not saved")
        await pilot.press("2")
        await pilot.press("q")
        await shows(pilot, "Leave without saving?")
        await pilot.press("d")
        await shows(pilot, "detach")
        await pilot.press("d")
        await pilot.pause()
    assert (await stored(world)).config.rollout == 100


async def test_another_ones_change_is_offered_and_what_was_typed_stays(world: World) -> None:
    await furnish(world)
    async with world.app().run_test(size=(80, 24)) as pilot:
        await at_settings(pilot)
        await to(pilot, "rollout")
        await type_over(pilot, "30")
        async with world.open_control() as control:
            project = await control.project(PROJECT)
            other = project.config.model_copy(update={"default_model": "claude-opus-5-5", "rollout": 80})
            await control.save_config(PROJECT, other, project.revision)
        await shows(pilot, "changed by someone else meanwhile")
        await pilot.press("ctrl+s")
        await shows(pilot, "Changed meanwhile; not saved", "defaultModel: as-requested -> claude-opus-5-5")
        await pilot.press("escape")
        await shows(pilot, "as-requested", shown("rollout %", "30"))
        await pilot.press("ctrl+s")
        await shows(pilot, "Changed meanwhile; not saved")
        await pilot.press("r")
        await shows(pilot, "claude-opus-5-5", shown("rollout %", "30"), "changed, not saved")
        await pilot.press("ctrl+s")
        await shows(pilot, "revision 4", without="changed, not saved")
    config = (await stored(world)).config
    assert (config.default_model, config.rollout) == ("claude-opus-5-5", 30)


async def test_another_ones_change_is_simply_shown_where_nothing_was_typed(world: World) -> None:
    await furnish(world)
    async with world.app().run_test(size=(80, 24)) as pilot:
        await at_settings(pilot)
        async with world.open_control() as control:
            project = await control.project(PROJECT)
            await control.save_config(PROJECT, project.config.model_copy(update={"rollout": 7}), project.revision)
        await shows(pilot, shown("rollout %", "7"), "revision 3")


async def test_projects_are_made_renamed_and_put_away(world: World) -> None:
    await furnish(world)
    async with world.app().run_test(size=(80, 24), notifications=True) as pilot:
        await at_settings(pilot)
        await pilot.press("p", "n")
        await shows(pilot, "a new project")
        await type_text(pilot, "Web Shop")
        await shows(pilot, "'web-shop' would do")
        await type_over(pilot, "web-shop")
        await pilot.press("ctrl+s")
        await shows(pilot, "conduit  web-shop", " web-shop ")
        await pilot.press("p")
        await shows(pilot, "enter looks at it")
        await pilot.press("G", "j", "j", "j", "r")
        await shows(pilot, "rename project web-shop")
        await type_over(pilot, "shop")
        await pilot.press("ctrl+s")
        await shows(pilot, "conduit  shop")
        await pilot.press("p", "j", "j", "j", "j", "a")
        await shows(pilot, "Archive project shop?")
        await pilot.press("a")
        await shows(pilot, "conduit  all projects", "shop is archived")
        await pilot.press("p")
        await shows(pilot, "enter looks at it", without="web-shop")
        await pilot.press("j", "a")
        await shows(pilot, "takes the requests")
    assert world.store is not None
    assert [project.name for project in await world.store.projects()] == [PROJECT]


def leaves(model: Any, prefix: str = "") -> set[str]:
    """The dotted camelCase path of every value in a configuration."""
    found = set()
    for key, value in model.model_dump(mode="json", by_alias=True).items():
        if isinstance(value, dict):
            found |= {f"{prefix}{key}.{inner}" for inner in value}
        else:
            found.add(f"{prefix}{key}")
    return found


async def test_every_value_of_a_configuration_has_its_field_and_every_field_its_value(world: World) -> None:
    await furnish(world)
    assert set(PATHS.values()) == leaves(ProjectConfig()) - {"routingRules"}
    budget_fields = set(Budget.model_fields) - {"project", "model", "agent_type", "raised"}  # t on Budgets raises
    assert set(NAMES) == set(PATHS) | budget_fields | {"daily", "monthly"}
    shown = [name for names in settings_fields.FIELDS.values() for name in names]
    assert sorted(shown) == sorted(NAMES)
    async with world.app().run_test(size=(80, 24)) as pilot:
        await at_settings(pilot)
        screen = pilot.app.screen
        assert isinstance(screen, SettingsScreen)
        assert all(len(screen.query(f"#{name}")) == 1 for name in NAMES)
        assert screen.draft == SettingsDraft(default_model="as-requested")


async def test_every_value_of_a_rule_and_of_a_provider_has_its_field(world: World) -> None:
    await furnish(world)
    not_edited = {"id", "created_by", "created_at", "updated_at"}
    of_rule = {
        "name": "name", "description": "description", "enabled": "enabled", "priority": "priority",
        "conditions": "when", "target_model": "use", "sticky": "sticky", "rollout": "rollout", "fallback": "fallback",
    }  # fmt: skip
    of_provider = {
        "name": "name", "base_url": "base-url", "dialects": "speaks-anthropic", "models": "models",
        "default": "default", "key": "key-source",
    }  # fmt: skip
    assert set(of_rule) == set(Rule.model_fields) - not_edited
    assert set(of_provider) == set(Provider.model_fields) - {"builtin"}
    async with world.app().run_test(size=(120, 40)) as pilot:
        await at_settings(pilot, "Providers & keys")
        await pilot.press("n")
        await shows(pilot, "a new provider")
        assert all(pilot.app.screen.query(f"#{widget}") for widget in of_provider.values())
        await pilot.press("escape", "3")
        await shows(pilot, "they fire")
        await pilot.press("e")
        await shows(pilot, "ctrl+s save")
        assert all(pilot.app.screen.query(f"#{widget}") for widget in of_rule.values())
