"""Settings by keyboard: providers and their keys, the test of a draft, and the history with its way back."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from rule_scenes import PROJECT, furnish
from scenes import World, screen_text, shows
from test_tui_settings import at_settings, stored, to, type_over, type_text
from textual.pilot import Pilot

from conduit_tui.control.local import LocalControl
from conduit_tui.control.plane import ControlPlane, ProviderTest
from conduit_tui.domain.providers import KeyKind, Provider
from conduit_tui.tui.screens.settings_fields import PAGES
from tests.waiting import until

pytestmark = pytest.mark.anyio

KEY = "sk-fake-0123456789-abcdef-WXYZ"


class Reaching(World):
    """A world in which providers answer, but for those in `down`."""

    down: tuple[str, ...] = ()

    @contextlib.asynccontextmanager
    async def open_control(self) -> AsyncIterator[ControlPlane]:
        async def probe(provider: Provider) -> ProviderTest:
            self.asked.append(f"probe {provider.name}")
            if provider.name in self.down:
                return ProviderTest(ok=False, detail="cannot be reached: connection refused", took_ms=2.0)
            return ProviderTest(ok=True, detail="answers, and takes the key", took_ms=12.0)

        assert self.store is not None
        yield LocalControl(self.store, self.state_dir, probe=probe)


@pytest.fixture
async def reaching(tmp_path: Path) -> AsyncIterator[Reaching]:
    made = Reaching(tmp_path / "state")
    made.state_dir.prepare()
    await furnish(made)
    yield made
    await made.close()


async def providers(world: World) -> dict[str, Provider]:
    assert world.store is not None
    return {provider.name: provider for provider in await world.store.providers()}


async def add_router(pilot: Pilot[int]) -> None:
    """Add a provider with a typed key, from the page of providers."""
    await pilot.press("n")
    await shows(pilot, "a new provider")
    await type_text(pilot, "router")
    await pilot.press("tab")
    await type_over(pilot, "https://router.example/v1")
    await pilot.press("tab", "tab", "tab", "tab")
    await type_text(pilot, "qwen*, gpt-5.2")
    await pilot.press("tab", "tab", "left")
    await shows(pilot, "typed here, kept in a private file")
    await pilot.press("tab")
    await type_text(pilot, KEY)
    assert KEY[:6] not in screen_text(pilot.app)  # type: ignore[arg-type]
    await pilot.press("ctrl+s")
    await shows(pilot, "Providers & keys", "router.example/v1")


async def test_a_provider_is_added_with_a_typed_key_that_is_never_shown(reaching: Reaching) -> None:
    async with reaching.app().run_test(size=(80, 24)) as pilot:
        await at_settings(pilot, "Providers & keys")
        await shows(pilot, "So far every client brings its own key")
        await add_router(pilot)
        text = await shows(pilot, "file …WXYZ", "qwen*, gpt-5.2", without="So far")
        assert "abcdef" not in text
        await pilot.press("t")
        await shows(pilot, "answers, and takes the key", "12 ms")
        router = (await providers(reaching))["router"]
        assert router.key.reference == str(reaching.state_dir.keys / "router")
        assert await asyncio.to_thread((reaching.state_dir.keys / "router").read_text) == f"{KEY}\n"

        await pilot.press("r")
        await shows(pilot, "a new key for router", "it goes to https://router.example and nowhere else")
        await type_text(pilot, "sk-fake-9876543210-other-LAST")
        await pilot.press("ctrl+s")
        await shows(pilot, "file …LAST")
        await pilot.press("D")
        await shows(pilot, "Remove provider router?")
        await pilot.press("D")
        await shows(pilot, "So far every client brings its own key")
    assert await providers(reaching) == {}
    assert list(reaching.state_dir.keys.iterdir()) == []
    assert "probe router" in reaching.asked
    assert "probe anthropic" not in reaching.asked


async def test_a_key_does_not_follow_to_another_place_unasked(reaching: Reaching) -> None:
    async with reaching.app().run_test(size=(80, 24)) as pilot:
        await at_settings(pilot, "Providers & keys")
        await add_router(pilot)
        await pilot.press("e")
        await shows(pilot, "edit provider router", "typed here, kept in a private file", "stays as it is")
        await type_over(pilot, "https://evil.example")
        await pilot.press("ctrl+s")
        await shows(pilot, "Send the key of router to https://evil.example?", "went to https://router.example")
        await pilot.press("escape")
        await shows(pilot, "the key stays where it is")
        assert (await providers(reaching))["router"].base_url == "https://router.example/v1"
        await pilot.press("ctrl+s", "y")
        await shows(pilot, "▸Providers & keys", "evil.example")
        assert (await providers(reaching))["router"].key.kind is KeyKind.FILE


async def test_what_is_wrong_with_a_provider_stands_beside_its_field(reaching: Reaching) -> None:
    async with reaching.app().run_test(size=(120, 40)) as pilot:
        await at_settings(pilot, "Providers & keys")
        await pilot.press("n")
        await shows(pilot, "a name of small letters")
        await type_text(pilot, "Rou ter")
        await shows(pilot, "ter' would do")
        await type_over(pilot, "anthropic")
        await pilot.press("tab")
        await type_over(pilot, "ftp://x")
        await shows(pilot, "base URL must be http(s)://host[:port][/path]")
        await type_over(pilot, "https://x.example")
        await pilot.press("tab", "tab", "space")
        await shows(pilot, "say what it speaks: one dialect at least")
        await pilot.press("space", "tab", "tab", "tab", "tab", "space")
        await shows(pilot, "the variable's name, such as OPENROUTER_API_KEY")
        await pilot.press("tab")
        await type_text(pilot, "X_KEY")
        await pilot.press("ctrl+s")
        await shows(pilot, "is built in; 'anthropic-2' is free")
        await pilot.press("escape")
        await shows(pilot, "Leave without saving?")
        await pilot.press("d")
        await shows(pilot, "▸Providers & keys")
    assert await providers(reaching) == {}


async def test_built_in_providers_stay(reaching: Reaching) -> None:
    async with reaching.app().run_test(size=(80, 24), notifications=True) as pilot:
        await at_settings(pilot, "Providers & keys")
        await shows(pilot, "clients' own", "anthropic   built in")
        for key in ("e", "r", "D"):
            await pilot.press(key)
            await shows(pilot, "anthropic is built in")


async def test_the_draft_on_the_screen_is_tested_and_not_saved(reaching: Reaching) -> None:
    before = await stored(reaching)
    async with reaching.app().run_test(size=(120, 40)) as pilot:
        await at_settings(pilot)
        await pilot.press("ctrl+t")
        text = await shows(pilot, "✓ Configuration test passed", "as it is saved", "✓ rules: 4 compile, 3 on")
        assert "only that it can be reached was tested" in " ".join(text.split())
        await pilot.press("escape")
        await to(pilot, "default_model")
        await type_over(pilot, "")
        await pilot.press("pagedown", "pagedown")
        await to(pilot, "daily")
        await type_over(pilot, "much")
        await pilot.press("ctrl+t")
        text = await shows(pilot, "2 of", "as it is written, not saved", "daily: not an amount in dollars")
        default = text.index("✗ default model: Default model is required when Conduit is enabled")
        assert default < text.index("✓ rules"), "what failed stands first"
        await pilot.press("escape")
        await shows(pilot, "changed, not saved")
    assert await stored(reaching) == before
    assert {each for each in reaching.asked if each.startswith("probe")} == {"probe anthropic", "probe openai"}


async def test_a_configuration_that_works_passes(reaching: Reaching) -> None:
    async with reaching.open_control() as control:
        project = await control.project(PROJECT)
        await control.save_rules(PROJECT, [], project.revision)
    async with reaching.app().run_test(size=(80, 24)) as pilot:
        await shows(pilot, "READY")
        await pilot.press("6")
        await shows(pilot, "revision 3")
        await to(pilot, "default_model")
        await type_over(pilot, "claude-sonnet-5-5")
        await pilot.press("ctrl+t")
        await shows(pilot, "✓ Configuration test passed")
        await pilot.press("G", "g", "escape")
        await shows(pilot, "changed, not saved")


async def test_a_provider_that_is_down_fails_the_test_and_says_what_to_do(reaching: Reaching) -> None:
    reaching.down = ("anthropic",)
    async with reaching.app().run_test(size=(120, 40)) as pilot:
        await at_settings(pilot)
        await pilot.press("colon")
        await type_text(pilot, "test the conf\n")
        await shows(pilot, "provider anthropic: cannot be reached", "conduit-tui providers test anthropic")
        reaching.down = ()
        await pilot.press("r")
        await shows(pilot, without="cannot be reached")


async def test_the_history_says_what_changed_and_goes_back_when_told_to(reaching: Reaching) -> None:
    async with reaching.open_control() as control:
        project = await control.project(PROJECT)
        changed = project.config.model_copy(update={"default_model": "claude-opus-5-5", "rollout": 20})
        await control.save_config(PROJECT, changed, project.revision)
    async with reaching.app().run_test(size=(80, 24)) as pilot:
        await shows(pilot, "READY")
        await pilot.press("6")
        await shows(pilot, "revision 3")
        await pilot.press("h")
        await shows(pilot, "history of default", "3 revisions", "defaultModel: as-requested -> claude-opus-5-5",
                    "this is how it is now")  # fmt: skip
        await pilot.press("j")
        await shows(pilot, "going back to it would change", "rollout: 20 -> 100")
        await pilot.press("r")
        await shows(pilot, "Restore revision 2?", "rollout: 20 -> 100")
        await pilot.press("escape")
        await pilot.press("enter", "y")
        await shows(pilot, "4 revisions", "restored 2")
        await pilot.press("escape")
        await shows(pilot, "as-requested", "revision 4")
    assert (await stored(reaching)).config.rollout == 100


async def test_the_history_is_reached_from_the_rules_too(reaching: Reaching) -> None:
    async with reaching.app().run_test(size=(80, 24)) as pilot:
        await shows(pilot, "READY")
        await pilot.press("3")
        await shows(pilot, "they fire")
        await pilot.press("space", "h")
        await shows(pilot, "history of default", "disabled rule 'explore'")
        await pilot.press("j", "enter", "y")
        await shows(pilot, "restored 2")
        await pilot.press("escape")
        await shows(pilot, "3 of 4 on")


async def test_the_machines_settings_are_saved_with_the_rest(reaching: Reaching) -> None:
    async with reaching.app().run_test(size=(80, 24)) as pilot:
        await at_settings(pilot, "This machine")
        await shows(pilot, "memory_limit_mb")
        await pilot.press("tab", "tab")
        await type_over(pilot, "4242")
        await shows(pilot, "●This machine", "changed, not saved")
        await pilot.press("ctrl+s")
        await shows(pilot, without="changed, not saved")

        async def written() -> bool:
            file = reaching.state_dir.config
            return await asyncio.to_thread(file.exists) and "port = 4242" in await asyncio.to_thread(file.read_text)

        await until(written)
        assert len(PAGES) == 6


async def test_the_palette_leads_to_providers_and_their_keys(busy: World) -> None:
    async with busy.app().run_test() as pilot:
        await shows(pilot, "SESSIONS")
        await pilot.press("colon")
        await shows(pilot, "Search for commands")
        await pilot.press(*"providers")
        await shows(pilot, "Providers & keys", "with which key")
        await pilot.press("enter")
        await shows(pilot, "▸Providers & keys", "api.anthropic.com", "r key")
