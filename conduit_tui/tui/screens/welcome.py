"""Welcome: the first minute. What is here already, three ways to begin, and the line that does it."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from textual import work
from textual.app import ComposeResult, SuspendNotSupported

from conduit_tui.control.discovery import Findings, Offer, offers, trial
from conduit_tui.control.plane import ControlError
from conduit_tui.domain.projects import ProjectConfig
from conduit_tui.domain.providers import KeyKind
from conduit_tui.store.interface import StoreError
from conduit_tui.tui.actions import Scope, bindings
from conduit_tui.tui.clean import clean
from conduit_tui.tui.screens.base import ConduitScreen
from conduit_tui.tui.state import AppState
from conduit_tui.tui.views.welcome import Step, first_lines, step_lines
from conduit_tui.tui.widgets.lines import PickLines

if TYPE_CHECKING:
    from conduit_tui.store.interface import Reader


async def is_new(reader: Reader) -> bool:
    """Whether no request has come yet and nothing is configured."""
    if await reader.last_usage_id() or await reader.providers() or await reader.budgets():
        return False
    return all(project.config == ProjectConfig() for project in await reader.projects())


class WelcomeScreen(ConduitScreen):
    """Leads to the first request; left with esc, and found again in the palette."""

    SCOPES = (Scope.WELCOME,)
    TAB = "overview"
    BINDINGS = bindings(*SCOPES)
    HELP_TITLE = "welcome"
    HELP_TEXT = (
        "What is found stays here: of keys only whether they are set, and servers are asked on 127.0.0.1 alone. The "
        "palette (:) opens this screen again under Welcome."
    )

    def __init__(self) -> None:
        super().__init__()
        self._findings: Findings | None = None
        self._offers: list[Offer] = []
        self._added: list[str] = []
        self._step: Step | None = None
        self._before: int | None = None  # the newest request when this screen opened
        self._arrived: str | None = None

    def compose_content(self) -> ComposeResult:
        yield PickLines(widget_id="welcome")

    def on_mount(self) -> None:
        self.action_look()

    @property
    def _list(self) -> PickLines:
        return self.query_one("#welcome", PickLines)

    @property
    def text(self) -> str:
        """The line to paste, once there is one: `y` copies that and no more."""
        return self._step.line if self._step is not None else super().text

    def show_state(self, state: AppState) -> None:
        super().show_state(state)
        self._watch(state)
        self._draw()

    def _watch(self, state: AppState) -> None:
        """Notice the first request as it begins, or once it is written down."""
        if state.live is None or self._arrived is not None:
            return
        if self._before is None:
            self._before = state.live.last_usage_id
        if state.live.in_flight:
            self._arrived = state.live.in_flight[-1].requested_model
        elif state.live.last_usage_id > self._before:
            self._arrived = ""

    def _draw(self) -> None:
        width, glyphs = self._list.size.width, self.conduit.glyphs
        if not width:
            return
        if self._step is None:
            lines = first_lines(self._findings, self._offers, self._added, width, glyphs)
        else:
            lines = step_lines(self._step, self.conduit.state, self._arrived, width, glyphs)
        self._list.show_targets(lines)

    @work(group="discover", exclusive=True, exit_on_error=False)
    async def action_look(self) -> None:
        """Look for what is on this machine."""
        self._findings = await self.conduit.sources.discover()
        self._offers = offers(self._findings)
        self._draw()

    # The ways to begin

    def action_move(self, by: int) -> None:
        self._list.move(by)

    def action_open(self) -> None:
        self._list.choose()

    def on_pick_lines_picked(self, event: PickLines.Picked) -> None:
        self.action_begin(event.target)

    def action_begin(self, way: str) -> None:
        """Go one of the ways; its name is that of its line."""
        left = [offer for offer in self._offers if offer.provider.name not in self._added]
        if way == "requests":
            self.dismiss()
            self.conduit.action_show("requests")
        elif way in ("claude", "other"):
            self._show(self._client_step(way))
        elif way == "demo":
            self._watch_demo()
        elif way.startswith("offer "):
            self._add(next(offer for offer in left if offer.provider.name == way.removeprefix("offer ")))
        elif way == "provider" and left:
            self._add(left[0])
        else:
            self._open_form()

    def _show(self, step: Step | None) -> None:
        self._step = step
        self._draw()

    def _client_step(self, way: str) -> Step:
        program = (self._findings or Findings()).program
        if way == "claude":
            return Step(
                "Use my Claude Code as it is",
                ("Paste this into another terminal, where you work. Nothing in ~/.claude is changed.",),
                f'eval "$({program} env --for claude)" && claude',
                "Then ask it anything. In shells that you open later, the same line again, or in your shell's profile.",
            )
        return Step(
            "Use any other client or SDK",
            ("Paste this into the shell that runs it: base URLs for the Anthropic and the OpenAI SDKs and what reads "
             "the same variables.",),
            f'eval "$({program} env)"',
            "Clients with a setting of their own: env --for claude, codex, opencode, aider or llm.",
        )  # fmt: skip

    @work(group="provider-form", exclusive=True, exit_on_error=False)
    async def _add(self, offer: Offer) -> None:
        """Add what was found, ask it for its models, and show how to try it."""
        name = offer.provider.name
        try:
            async with self.conduit.sources.open_control() as control:
                await control.add_provider(offer.provider)
                test = await control.test_provider(name)
        except (ControlError, StoreError, OSError) as error:
            self.notify(clean(str(error)), title=f"{name} was not added", severity="error", markup=False)
            return
        self._added.append(name)
        claimed = [model for model in test.models if offer.provider.claims(model)]
        model = offer.model if offer.model in claimed or not claimed else claimed[0]
        url = self.conduit.state.url or "http://127.0.0.1:4141"
        answers = "It answers." if test.ok else f"Asked for its models, it did not answer as it should: {test.detail}."
        said = (f"{offer.provider.base_url}, for requests that name {', '.join(offer.provider.models[:3])}. {answers}",)
        free = "; one that insists on a key takes any word" if offer.provider.key.kind is KeyKind.NONE else ""
        self._show(
            Step(
                f"Provider {name} is added", said, trial(self._findings or Findings(), url, offer.provider, model),
                f"Your own clients ask for models by these names{free}. Settings (6) changes {name} or takes it away.",
            )
        )  # fmt: skip

    @work(group="provider-form", exclusive=True, exit_on_error=False)
    async def _open_form(self) -> None:
        from conduit_tui.tui.screens.settings_provider_form import ProviderForm

        form = ProviderForm(None)
        await self.app.push_screen_wait(form)
        if form.saved is not None:
            self._added.append(form.saved)
            self._show(self._client_step("other")._replace(title=f"Provider {form.saved} is added"))

    def _watch_demo(self) -> None:
        try:
            with self.app.suspend():  # descriptor 2 is the log's here, and screens are drawn on the terminal's
                demo = subprocess.run([sys.executable, "-m", "conduit_tui", "demo"], stderr=sys.__stderr__, check=False)
        except (SuspendNotSupported, OSError) as error:
            self.notify(clean(str(error)), title="no demo", severity="warning", markup=False)
            return
        if demo.returncode:
            self.notify(f"it ended with exit code {demo.returncode}", title="demo", severity="warning", markup=False)

    def action_back(self) -> None:
        if self._step is not None:
            self._show(None)
        else:
            self.dismiss()
