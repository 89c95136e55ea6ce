"""Providers and their keys: the page of the Settings screen, and the forms behind it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from textual import work
from textual.app import ComposeResult
from textual.containers import Vertical

from conduit_tui.control.plane import ControlError, ProviderTest
from conduit_tui.domain.providers import BUILTIN_PROVIDERS, Provider
from conduit_tui.store.interface import StoreError
from conduit_tui.tui.clean import clean
from conduit_tui.tui.screens.dialog import Choice, Dialog
from conduit_tui.tui.views import providers as view
from conduit_tui.tui.widgets.chrome import Rule as Across
from conduit_tui.tui.widgets.lines import Lines, PickLines

if TYPE_CHECKING:
    from conduit_tui.tui.conduit import Conduit


class ProvidersPage(Vertical):
    """The providers, the one under the cursor in full, and what is done with it."""

    DEFAULT_CSS = """
    ProvidersPage > #providers { height: 1fr; }
    ProvidersPage > #provider { height: 6; }
    """

    def __init__(self, *, widget_id: str) -> None:
        super().__init__(id=widget_id)
        self._providers: Sequence[Provider] = BUILTIN_PROVIDERS
        self._endings: dict[str, str | None] = {}
        self._tests: dict[str, ProviderTest | None] = {}

    @property
    def conduit(self) -> Conduit:
        return cast("Conduit", self.app)

    @property
    def rows(self) -> PickLines:
        return self.query_one("#providers", PickLines)

    def compose(self) -> ComposeResult:
        yield PickLines(widget_id="providers")
        yield Across(self.conduit.glyphs)
        yield Lines(widget_id="provider")

    @property
    def listed(self) -> list[str]:
        """The models that tested providers have named."""
        return [model for test in self._tests.values() if test is not None for model in test.models]

    def show(self, providers: Sequence[Provider]) -> None:
        """The providers as they are stored now."""
        if list(providers) != list(self._providers):
            self._providers = providers
            self.read_endings()
        self.draw()

    def draw(self) -> None:
        """Show what is known."""
        width, glyphs = self.size.width, self.conduit.glyphs
        if not width:
            return
        lines = view.provider_lines(self._providers, self._endings, self._tests, width, glyphs)
        if all(provider.builtin for provider in self._providers):
            lines += [(line, None) for line in view.empty_words()]
        self.rows.show_targets(lines)
        self._draw_detail()

    def _draw_detail(self) -> None:
        provider, kept_in = self.chosen, self.conduit.sources.state_dir.keys
        known = (self._endings, self._tests, self.conduit.glyphs, kept_in)
        lines = view.provider_detail(provider, *known) if provider else []
        self.query_one("#provider", Lines).show(lines)

    @property
    def chosen(self) -> Provider | None:
        """The provider under the cursor."""
        return next((each for each in self._providers if each.name == self.rows.target), None)

    def move(self, by: int) -> None:
        """Move the cursor."""
        self.rows.move(by)
        self._draw_detail()

    @work(group="key-endings", exclusive=True, exit_on_error=False)
    async def read_endings(self) -> None:
        """Ask how the keys end; without an answer the list says nothing of them."""
        try:
            async with self.conduit.sources.open_control() as control:
                self._endings = await control.key_endings()
        except (ControlError, StoreError, OSError):
            return
        self.draw()

    # What is done

    def add(self) -> None:
        """Ask for a new provider."""
        from conduit_tui.tui.screens.settings_provider_form import ProviderForm

        self._open(ProviderForm(None))

    def edit(self) -> None:
        """Change the provider under the cursor."""
        if (provider := self._own("changed")) is not None:
            from conduit_tui.tui.screens.settings_provider_form import ProviderForm

            self._open(ProviderForm(provider))

    def rotate(self) -> None:
        """Ask for another key."""
        if (provider := self._own("given a key")) is not None:
            from conduit_tui.tui.screens.settings_provider_form import KeyForm

            self._open(KeyForm(provider))

    @work(group="provider-form", exclusive=True, exit_on_error=False)
    async def _open(self, form: object) -> None:
        from conduit_tui.tui.screens.settings_provider_form import KeyForm, ProviderForm

        assert isinstance(form, ProviderForm | KeyForm)
        await self.conduit.push_screen_wait(form)
        if form.saved is not None:
            self._tests.pop(form.saved, None)
            await self._read()
            self.rows.point(form.saved)
            self.read_endings()
            self.draw()

    @work(group="provider-test", exit_on_error=False)
    async def test(self) -> None:
        """Ask the provider under the cursor for its models."""
        provider = self.chosen
        if provider is None or (provider.name in self._tests and self._tests[provider.name] is None):
            return
        self._tests[provider.name] = None
        self.draw()
        try:
            async with self.conduit.sources.open_control() as control:
                self._tests[provider.name] = await control.test_provider(provider.name)
        except (ControlError, StoreError, OSError) as error:
            self._tests[provider.name] = ProviderTest(ok=False, detail=clean(str(error)), took_ms=0.0)
        self.draw()

    @work(group="provider-form", exclusive=True, exit_on_error=False)
    async def take_away(self) -> None:
        """Remove the provider under the cursor, if that is meant."""
        provider = self._own("removed")
        if provider is None:
            return
        said = (f"Requests no longer go to {clean(provider.base_url)}.", "A key that is kept here is deleted with it.")
        choices = (Choice("", "n", "no, keep it"), Choice("remove", "D", "remove it"))
        if not await self.conduit.push_screen_wait(Dialog(f"Remove provider {provider.name}?", said, choices)):
            return
        try:
            async with self.conduit.sources.open_control() as control:
                await control.remove_provider(provider.name)
        except (ControlError, StoreError, OSError) as error:
            self.notify(clean(str(error)), title="not removed", severity="error", markup=False)
        await self._read()

    def _own(self, what: str) -> Provider | None:
        provider = self.chosen
        if provider is not None and provider.builtin:
            self.notify(f"{provider.name} is built in and cannot be {what}; n adds one of your own", markup=False)
            return None
        return provider

    async def _read(self) -> None:
        if (reader := self.conduit.reader) is not None:
            self._providers = (*await reader.providers(), *BUILTIN_PROVIDERS)
            self.draw()
