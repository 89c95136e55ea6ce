"""The Settings screen page by page, and what it opens, at 80x24 and 120x40."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from rule_scenes import PROJECT, furnish
from scenes import NOW, World, shows
from steps import SIZES, Before
from textual.pilot import Pilot

from conduit_tui.control import access
from conduit_tui.control.local import LocalControl
from conduit_tui.control.plane import ControlPlane, ProviderTest
from conduit_tui.domain.budgets import Budget
from conduit_tui.domain.dialects import Dialect
from conduit_tui.domain.limits import Mode
from conduit_tui.domain.providers import KeyKind, KeySource, Provider
from conduit_tui.tui.profile import PLAIN

DRAWN = {1: "night batch", 4: "127.0.0.1:11434"}  # words of pages whose lists are drawn when they are shown

OWN = (
    Provider(name="openrouter", base_url="https://openrouter.ai/api/v1", dialects=tuple(Dialect)[1:],
             models=("qwen*", "deepseek/*"), default=True),
    Provider(name="ollama", base_url="http://127.0.0.1:11434", dialects=(Dialect.OPENAI_CHAT,),
             key=KeySource(kind=KeyKind.NONE), models=("llama4:70b",)),
    Provider(name="work", base_url="https://llm.example.org/v1", dialects=(Dialect.ANTHROPIC,),
             key=KeySource(kind=KeyKind.ENVIRONMENT, reference="WORK_LLM_KEY"), models=("claude-work-*",)),
)  # fmt: skip


class Fixed(World):
    """A world whose providers answer, but for Ollama, and whose keys lie under a path of one length."""

    @contextlib.asynccontextmanager
    async def open_control(self) -> AsyncIterator[ControlPlane]:
        async def probe(provider: Provider) -> ProviderTest:
            if provider.name == "ollama":
                return ProviderTest(ok=False, detail="cannot be reached: connection refused", took_ms=2.0)
            return ProviderTest(ok=True, detail="answers, and takes the key", took_ms=112.0)

        if self.store is not None:
            yield LocalControl(self.store, self.state_dir, probe=probe)
            return
        async with access.open_control(self.state_dir, probe=probe) as control:
            yield control


def world_of(folder: Path) -> Fixed:
    """A project with rules, limits and providers; the database is there before the app is."""
    world = Fixed(folder)
    world.state_dir.prepare()

    async def fill() -> None:
        await furnish(world)
        async with world.open_control() as control:
            for provider in OWN:
                await control.add_provider(provider, "sk-fake-0123456789-WXYZ" if provider.name == "openrouter" else "")
            project = await control.project(PROJECT)
            changed = project.config.model_copy(update={"default_model": "claude-sonnet-5-5", "rollout": 25})
            await control.save_config(PROJECT, changed, project.revision)
            budget = Budget(project=PROJECT, daily=10 * 10**9, monthly=200 * 10**9, mode=Mode.STRICT)
            await control.set_budget(budget)
        assert world.store is not None
        await world.store.run(
            lambda db: db.execute("UPDATE revisions SET created_at = ? - (20 - id) * 7200000", (NOW,)).fetchall()
        )
        await world.close()
        world.store = None

    asyncio.run(fill())
    return world


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fixed:
    monkeypatch.delenv("WORK_LLM_KEY", raising=False)
    return world_of(tmp_path / "state")


def go(page: int, keys: str, *words: str, typed: str = "") -> Before:
    """Show a page, press keys, type, wait for words."""

    async def before(pilot: Pilot[int]) -> None:
        await shows(pilot, "READY")
        await pilot.press("6")
        await shows(pilot, "revision 7")
        await pilot.press(*["pagedown"] * page)
        await shows(pilot, DRAWN.get(page, ""))
        for key in keys.split():
            await pilot.press(key)
            await pilot.pause(0.05)
        for character in typed:
            await pilot.press(character)
        await shows(pilot, *words)
        await pilot.pause(0.5)

    return before


SCREENS = {
    "general": go(0, "", "claude-sonnet-5-5"),
    "changed": go(0, "tab tab end ctrl+u", "changed, not saved", "claude-opus-5-5", typed="opus"),
    "required": go(0, "tab tab end ctrl+u", "Default model is required when Conduit is enabled"),
    "rules": go(1, "j", "night batch"),
    "limits": go(2, "tab end ctrl+u", "Daily limit cannot exceed monthly limit", typed="500"),
    "features": go(3, "tab space", "●Features"),
    "providers": go(4, "j t", "112 ms", "WXYZ"),
    "provider": go(4, "n", "a new provider"),
    "ask": go(0, "tab tab tab tab end ctrl+u escape", "drop what was changed"),
    "test": go(0, "ctrl+t", "failed", "rule night batch"),
    "history": go(0, "h j", "going back to it would change"),
    "projects": go(0, "p", "n new"),
}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", SCREENS)
def test_dark(world: Fixed, snap_compare: Any, name: str, size: tuple[int, int]) -> None:
    assert snap_compare(world.app(), terminal_size=size, run_before=SCREENS[name])


@pytest.mark.parametrize("name", ["general", "providers"])
def test_light(world: Fixed, snap_compare: Any, name: str) -> None:
    async def before(pilot: Pilot[int]) -> None:
        pilot.app.theme = "conduit-light"
        await SCREENS[name](pilot)

    assert snap_compare(world.app(), run_before=before)


@pytest.mark.parametrize("name", ["required", "providers"])
def test_ascii(world: Fixed, snap_compare: Any, name: str) -> None:
    assert snap_compare(world.app(profile=PLAIN), run_before=SCREENS[name])
