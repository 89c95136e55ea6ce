"""The first run: what was found, the ways to begin, the line to paste, and what becomes of it."""

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from scenes import World, flights, live, row, served, shows, status
from terminal import control_centre, text_of
from textual.pilot import Pilot

from conduit_tui.control import access
from conduit_tui.control.discovery import Findings, Server, offers
from conduit_tui.control.local import LocalControl
from conduit_tui.control.plane import ControlPlane, ProviderTest
from conduit_tui.domain.budgets import Budget
from conduit_tui.domain.money import NANO_PER_DOLLAR
from conduit_tui.domain.projects import ProjectConfig
from conduit_tui.domain.providers import KeyKind, Provider
from conduit_tui.tui.profile import PLAIN
from conduit_tui.tui.screens.welcome import is_new

SIZES = [pytest.param((80, 24), id="80x24"), pytest.param((120, 40), id="120x40")]
Before = Callable[[Pilot[int]], Awaitable[None]]

FOUND = Findings(
    claude="/usr/local/bin/claude",
    claude_was_used=True,
    keys=("ANTHROPIC_API_KEY", "OPENROUTER_API_KEY"),
    servers=(Server("ollama", "Ollama", 11434, ("qwen3:8b", "llama3.2")),),
)
MODEL_LINE = "curl http://127.0.0.1:4141/v1/chat/completions"


class Answering(World):
    """A world whose providers list the models that they were found with."""

    @contextlib.asynccontextmanager
    async def open_control(self) -> AsyncIterator[ControlPlane]:
        async def probe(provider: Provider) -> ProviderTest:
            return ProviderTest(ok=True, detail="answers", took_ms=12.0, models=provider.models)

        if self.store is not None:
            yield LocalControl(self.store, self.state_dir, probe=probe)
            return
        async with access.open_control(self.state_dir, probe=probe) as control:
            yield control


def new_world(folder: Path, found: Findings = FOUND) -> World:
    world = Answering(folder / "state", found=found)
    world.state_dir.prepare()
    world.say(told=status(ready_since=None, generation=1, starts=1), seen=live(0))
    return world


@pytest.fixture
def fresh(tmp_path: Path) -> World:
    """A world with a gateway and a database in which there is nothing."""
    world = new_world(tmp_path)

    async def write() -> None:
        await world.fill([])
        await world.close()
        world.store = None

    asyncio.run(write())
    return world


def steps(*keys_and_words: str) -> Before:
    """Press a key, wait for words, and so on."""

    async def before(pilot: Pilot[int]) -> None:
        await shows(pilot, "HOW TO BEGIN", "READY", "127.0.0.1:11434")
        for key, words in zip(keys_and_words[::2], keys_and_words[1::2], strict=True):
            await pilot.press(key)
            await shows(pilot, words)
        await pilot.pause(0.2)

    return before


async def arrived(pilot: Pilot[int]) -> None:
    await steps("c", "waiting for the first request")(pilot)
    pilot.app.sources.live.say(seen=live(0, flights()[-1:]))  # type: ignore[attr-defined]
    await shows(pilot, "The first request is here: claude-opus-5-5")
    await pilot.pause(0.2)


SCREENS: dict[str, Before] = {
    "welcome": steps(),
    "claude": steps("c", "waiting for the first request"),
    "provider": steps("a", MODEL_LINE),
    "arrived": arrived,
}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("screen", SCREENS)
def test_screen(fresh: World, snap_compare: Any, screen: str, size: tuple[int, int]) -> None:
    assert snap_compare(fresh.app(welcome=True), terminal_size=size, run_before=SCREENS[screen])


def test_plain(fresh: World, snap_compare: Any) -> None:
    assert snap_compare(fresh.app(welcome=True, profile=PLAIN), run_before=SCREENS["welcome"])


def test_light(fresh: World, snap_compare: Any) -> None:
    async def before(pilot: Pilot[int]) -> None:
        pilot.app.theme = "conduit-light"
        await SCREENS["claude"](pilot)

    assert snap_compare(fresh.app(welcome=True), run_before=before)


def test_on_a_real_terminal_over_ssh_the_line_reaches_the_users_own_clipboard(fresh: World) -> None:
    environment = {"SSH_TTY": "/dev/pts/9", "PATH": "/usr/bin:/bin"}
    with served(fresh), control_centre(fresh.folder, profile="ssh", **environment) as terminal:
        terminal.read_until(lambda written: b"HOW TO BEGIN" in written)
        terminal.wait_quiet()
        terminal.press("c")
        terminal.read_until(lambda written: "waiting for the first request" in text_of(written))
        terminal.press("y")
        written = terminal.read_until(lambda written: b"]52;c;" in written and b"\x07" in written)
    copied = base64.b64decode(written.partition(b"]52;c;")[2].partition(b"\x07")[0]).decode()
    assert copied.startswith('eval "$(')
    assert copied.endswith(' env --for claude)" && claude')


@pytest.mark.anyio
async def test_nothing_found_still_leads_somewhere(tmp_path: Path) -> None:
    world = new_world(tmp_path, Findings())
    await world.fill([])
    async with world.app(welcome=True).run_test(size=(80, 24), notifications=True) as pilot:
        await shows(pilot, "not: Claude Code, ANTHROPIC_API_KEY, OPENAI_API_KEY, Ollama, llama.cpp", "HOW TO BEGIN")
        await pilot.press("u")
        await shows(pilot, 'eval "$(conduit-tui env)"')
        await pilot.press("escape", "a")
        await shows(pilot, "a new provider", "base URL")
    await world.close()


@pytest.mark.anyio
async def test_the_line_is_copied_and_the_first_request_leads_to_requests(tmp_path: Path) -> None:
    world = new_world(tmp_path)
    await world.fill([])
    app = world.app(welcome=True)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await shows(pilot, "HOW TO BEGIN", "ollama")
        await pilot.press("enter")
        await shows(pilot, 'eval "$(conduit-tui env --for claude)" && claude', "waiting for the first request")
        await pilot.press("y")
        await shows(pilot, "copied")
        assert app.clipboard == 'eval "$(conduit-tui env --for claude)" && claude'
        last = await world.fill([row(1, ago=1_000)])
        world.say(seen=live(last))
        await shows(pilot, "The first request is here")
        await pilot.press("enter")
        await shows(pilot, "1 request", without="The first request is here")
    await world.close()


@pytest.mark.anyio
async def test_what_was_found_becomes_a_provider_in_one_step(tmp_path: Path) -> None:
    world = new_world(tmp_path)
    await world.fill([])
    app = world.app(welcome=True)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await shows(pilot, "Add provider ollama", "Add provider openrouter")
        await pilot.press("a")
        await shows(pilot, "Provider ollama is added", '"model": "qwen3:8b"')
        await pilot.press("escape")
        await shows(pilot, "Add provider openrouter", without="Add provider ollama")
        await pilot.press("a")
        await shows(pilot, "Provider openrouter is added", "conduit-tui token show")
        async with world.open_control() as control:
            own = {provider.name: provider for provider in await control.providers() if not provider.builtin}
    assert own["ollama"].base_url == "http://127.0.0.1:11434/v1"
    assert own["ollama"].claims("llama3.2")
    assert own["openrouter"].key.kind is KeyKind.ENVIRONMENT
    assert own["openrouter"].key.reference == "OPENROUTER_API_KEY"
    await world.close()


@pytest.mark.anyio
async def test_a_provider_that_cannot_be_added_is_said(tmp_path: Path) -> None:
    world = new_world(tmp_path)
    await world.fill([])
    app = world.app(welcome=True)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await shows(pilot, "Add provider ollama")
        async with world.open_control() as control:
            await control.add_provider(offers(FOUND)[0].provider)
        await pilot.press("a")
        await shows(pilot, "ollama was not added", "is taken", "HOW TO BEGIN")
    await world.close()


@pytest.mark.anyio
async def test_it_is_left_with_esc_and_found_in_the_palette(tmp_path: Path) -> None:
    world = new_world(tmp_path)
    await world.fill([])
    async with world.app(welcome=True).run_test(size=(80, 24), notifications=True) as pilot:
        await shows(pilot, "HOW TO BEGIN")
        await pilot.press("c")
        await shows(pilot, "waiting for the first request")
        await pilot.press("escape")
        await shows(pilot, "HOW TO BEGIN")
        await pilot.press("escape")
        await shows(pilot, "No request has come", without="HOW TO BEGIN")
        await pilot.press("3", "colon", *"welcome")
        await shows(pilot, "How to begin")
        await pilot.press("enter")
        await shows(pilot, "HOW TO BEGIN")
    await world.close()


@pytest.mark.anyio
@pytest.mark.parametrize("has", ["request", "provider", "rule", "budget", "no wish"])
async def test_whoever_has_something_is_not_welcomed(tmp_path: Path, has: str) -> None:
    world = new_world(tmp_path)
    await world.fill([row(1, ago=1_000)] if has == "request" else [])
    assert world.store is not None
    async with world.open_control() as control:
        project = await control.project("default")
        if has == "provider":
            await control.add_provider(offers(FOUND)[0].provider)
        elif has == "rule":
            await control.save_config("default", ProjectConfig(enabled=False), project.revision)
        elif has == "budget":
            await control.set_budget(Budget(daily=NANO_PER_DOLLAR))
    reader = await world.open_reader()
    assert await is_new(reader) is (has == "no wish")
    await reader.close()
    async with world.app(welcome=has != "no wish").run_test(size=(80, 24), notifications=True) as pilot:
        await shows(pilot, "READY", "enter open")
        await pilot.pause(0.3)
        await shows(pilot, "enter open", without="HOW TO BEGIN")
    await world.close()
