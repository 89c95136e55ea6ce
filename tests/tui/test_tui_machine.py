"""The page of the machine's settings: every key of config.toml can be edited there, and nothing else is."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from scenes import World, shows
from steps import SIZES
from textual.app import ComposeResult
from textual.pilot import Pilot

from conduit_tui.config.file import load
from conduit_tui.config.model import FREE_TABLES, SETTINGS, BoxConfig
from conduit_tui.config.text import from_text
from conduit_tui.tui.actions import ACTIONS, Scope, bindings
from conduit_tui.tui.screens.base import ConduitScreen
from conduit_tui.tui.screens.settings_keys import KeysPane
from conduit_tui.tui.screens.settings_machine import MachineSettings
from conduit_tui.tui.widgets.pick_list import PickList
from conduit_tui.tui.widgets.setting_row import SettingRow

pytestmark = pytest.mark.anyio

OTHER = {
    "gateway.port": "5151", "gateway.listen": "::1", "gateway.allow_hosts": "a.test, b.test",
    "gateway.tls_cert": "/c.pem", "gateway.tls_key": "~/k.pem", "gateway.insecure_listen": "on",
    "gateway.max_body_bytes": "2048", "gateway.ping_seconds": "15", "gateway.upstream_idle_seconds": "300",
    "gateway.memory_limit_mb": "256", "supervision.drain_seconds": "12.5",
    "store.durability": "power-loss", "retention.usage_days": "30", "retention.event_days": "31", "backup.keep": "3",
    "backup.every_hours": "6", "screen.theme": "light", "screen.profile": "ssh", "screen.on_detach": "keep",
    "screen.mouse": "off", "metrics.port": "9464", "telemetry.otlp_endpoint": "http://127.0.0.1:4317",
    "telemetry.sentry_dsn_env": "SENTRY_DSN",
}  # fmt: skip


class Page(ConduitScreen):
    """The widget alone, on a screen."""

    TAB = "settings"
    SCOPES = (Scope.FORM,)
    BINDINGS = bindings(*SCOPES)

    def compose_content(self) -> ComposeResult:
        yield MachineSettings()


@asynccontextmanager
async def page(world: World, size: tuple[int, int] = (80, 24)) -> AsyncIterator[tuple[Pilot[int], MachineSettings]]:
    app = world.app()
    async with app.run_test(size=size) as pilot:
        await app.push_screen(Page())
        await shows(pilot, "config.toml", "Keys", "Themes")
        yield pilot, app.screen.query_one(MachineSettings)


def config_text(world: World, text: str) -> Path:
    path = world.state_dir.config
    path.write_text(text)
    path.chmod(0o600)
    return path


async def part(pilot: Pilot[int], rights: int) -> None:
    """Go to the keys (1) or the themes (2)."""
    pilot.app.screen.query_one("#machine-parts").focus()
    await pilot.pause()
    for _ in range(rights):
        await pilot.press("right")
    await pilot.press("tab")
    await pilot.pause()


def test_the_settings_are_all_keys_of_all_tables() -> None:
    assert {setting.table for setting in SETTINGS.values()} | set(FREE_TABLES) == set(BoxConfig.model_fields)
    assert set(OTHER) == set(SETTINGS), "a setting that this page's test does not know"
    for setting in SETTINGS.values():
        assert setting.description, setting.key
        assert setting.effect, setting.key
        numeric = isinstance(setting.default, int | float) and not isinstance(setting.default, bool)
        assert bool(setting.bounds) is numeric, setting.key
        assert from_text(setting, OTHER[setting.key]) != setting.default


async def test_every_setting_is_edited_here_and_every_field_here_is_a_setting(world: World) -> None:
    async with page(world) as (pilot, machine):
        rows = {row.setting.key: row for row in machine.query(SettingRow)}
        assert set(rows) == set(SETTINGS)
        for key, text in OTHER.items():
            rows[key].text = text
        await pilot.pause()
        machine._edited()
        assert machine.problems == {}
        assert machine.dirty
        assert await machine.save()
        await pilot.pause()
        assert not machine.dirty
        assert pilot.app.theme == "conduit-light", "a theme takes effect at once"
        await shows(pilot, "saved: port, listen, insecure_listen takes effect when the daemon is")
    config = load(world.state_dir)
    assert {key: setting.value(config) for key, setting in SETTINGS.items()} == {
        key: from_text(setting, OTHER[key]) for key, setting in SETTINGS.items()
    }


async def test_every_action_is_in_the_list_of_keys(world: World) -> None:
    async with page(world) as (pilot, machine):
        await part(pilot, 1)
        targets = [target for target in machine.query_one(KeysPane).query_one(PickList)._targets if target]
        assert [action.id for action in targets] == [action.id for action in ACTIONS]


async def test_a_value_is_typed_checked_and_saved(world: World) -> None:
    path = config_text(world, "# my machine\n[gateway]\nport = 5000 # mine\n")
    async with page(world) as (pilot, machine):
        await part(pilot, 0)
        assert pilot.app.focused is not None
        assert pilot.app.focused.id == "gateway-port"
        await shows(pilot, "TCP port of the gateway", "default 4141; 0 to 65,535; environment CONDUIT_PORT")
        await pilot.press("end", "9", "9")
        await shows(pilot, "✗ must be 0 to 65,535, not", "takes effect when the daemon is started anew")
        assert machine.dirty
        assert not await machine.save()
        await pilot.pause()
        assert [notice.title for notice in pilot.app._notifications] == ["not saved"]
        assert path.read_text() == "# my machine\n[gateway]\nport = 5000 # mine\n"
        await pilot.press("backspace", "backspace", "backspace", "1")
        assert await machine.save()
        assert path.read_text() == "# my machine\n[gateway]\nport = 5001 # mine\n"
        for _ in range(4):
            await pilot.press("backspace")
        assert await machine.save()
        assert path.read_text() == "# my machine\n[gateway]\n", "emptied: back to the default"
        await shows(pilot, "4141")


async def test_what_was_typed_can_be_dropped(world: World) -> None:
    async with page(world) as (pilot, machine):
        await part(pilot, 0)
        await pilot.press("end", "x")
        assert machine.dirty
        await machine.discard()
        await pilot.pause()
        assert not machine.dirty
        assert machine.problems == {}
        assert machine.query(SettingRow).first().text == "4141"
    assert not world.state_dir.config.exists()


async def test_keys_are_edited_by_action_and_conflicts_named(world: World) -> None:
    path = config_text(world, '[keys]\n"requests.follow" = "F"\n')
    async with page(world, (120, 40)) as (pilot, machine):
        await part(pilot, 1)
        await pilot.press("g", *["j"] * [action.id for action in ACTIONS].index("requests.open"), "enter")
        await shows(pilot, "keys of requests.open")
        await pilot.press(*["backspace"] * 5, "slash")
        await shows(pilot, "'/' is the key of 'requests.filter' there")
        assert not await machine.save()
        await pilot.press("backspace", *"o ctrl+o", "enter")
        assert isinstance(pilot.app.focused, PickList)
        assert await machine.save()
        await shows(pilot, "o ctrl+o")
    assert load(world.state_dir).keys == {"requests.follow": "F", "requests.open": "o ctrl+o"}
    assert path.read_text().startswith('[keys]\n"requests.follow" = "F"\n')


async def test_a_theme_is_taken_from_the_list(world: World) -> None:
    world.state_dir.themes.mkdir()
    (world.state_dir.themes / "evening.toml").write_text('[colors]\naccent = "#ffb86c"\n')
    (world.state_dir.themes / "broken.toml").write_text("[colors]\naccent = 1\n")
    async with page(world, (120, 40)) as (pilot, machine):
        await part(pilot, 2)
        await shows(pilot, "evening", "your own", "broken.toml:2:1: colors.accent: must be")
        await pilot.press("G", "enter")
        assert await machine.save()
        assert pilot.app.theme == "conduit-evening"
    assert load(world.state_dir).screen.theme == "evening"


async def test_what_the_environment_says_is_shown_beside_the_files_value(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONDUIT_PORT", "7777")
    config_text(world, "[gateway]\nport = 5000\n")
    async with page(world) as (pilot, _machine):
        await shows(pilot, "environment says 7777", "5000", "default")


async def test_a_file_that_is_wrong_is_told_of_and_left_alone(world: World) -> None:
    path = config_text(world, "[gateway]\nprot = 1\n")
    app = world.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await app.push_screen(Page())
        await shows(pilot, "config.toml:2:1: gateway.prot: there is no such", "Mend the file")
        machine = app.screen.query_one(MachineSettings)
        assert not machine.dirty
        assert await machine.save()
    assert path.read_text() == "[gateway]\nprot = 1\n"


async def test_what_was_typed_is_kept_when_it_cannot_be_written(world: World) -> None:
    async with page(world) as (pilot, machine):
        await part(pilot, 0)
        await pilot.press("end", "1")
        config_text(world, "[gateway]\nprot = 1\n")
        assert not await machine.save()
        assert machine.dirty
        assert machine.query(SettingRow).first().text == "41411"


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("shown", ["values", "keys", "themes"])
def test_snapshot(tmp_path: Path, snap_compare: Any, shown: str, size: tuple[int, int]) -> None:
    world = World(tmp_path / "state")
    world.state_dir.prepare()
    config_text(world, '[gateway]\nport = 5000\n[keys]\n"requests.follow" = "F"\n')
    app = world.app()

    async def before(pilot: Pilot[int]) -> None:
        await app.push_screen(Page())
        await shows(pilot, "config.toml", "Keys", "Themes", "READY")
        await part(pilot, ("values", "keys", "themes").index(shown))
        if shown == "values":
            await pilot.press("end", "9", "9")
        await pilot.pause(0.2)

    assert snap_compare(app, terminal_size=size, run_before=before)
