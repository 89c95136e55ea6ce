"""The pages of the Settings screen, and how one moves among them."""

from __future__ import annotations

from collections.abc import Callable

from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.widgets import ContentSwitcher

from conduit_tui.tui.screens import settings_fields as fields
from conduit_tui.tui.screens.base import ConduitScreen
from conduit_tui.tui.screens.settings_fields import FEATURES, GENERAL, LIMITS, MACHINE, PAGES, PROVIDERS, RULES
from conduit_tui.tui.screens.settings_machine import MachineSettings
from conduit_tui.tui.screens.settings_providers import ProvidersPage
from conduit_tui.tui.settings_data import SettingsData
from conduit_tui.tui.settings_draft import SettingsDraft, draft_of
from conduit_tui.tui.widgets.lines import Lines, PickLines
from conduit_tui.tui.widgets.page_bar import PageBar
from conduit_tui.tui.widgets.suggestions import Suggestions


class SettingsPages(ConduitScreen):
    """The pages, one of which is shown."""

    def __init__(self) -> None:
        super().__init__()
        self._data = SettingsData()
        self._began: SettingsDraft = draft_of(self._data.project.config, self._data.budget)

    def compose_content(self) -> ComposeResult:
        yield Lines(widget_id="settings-title")
        yield PageBar(PAGES, widget_id="pages")
        yield Lines([()])
        with ContentSwitcher(initial=GENERAL, id="page"):
            for page in (GENERAL, LIMITS, FEATURES):
                with VerticalScroll(id=page, can_focus=False):
                    yield from fields.rows(page, self._began, self._models)
            with Vertical(id=RULES):
                yield PickLines(widget_id="rules-in-short")
            yield ProvidersPage(widget_id=PROVIDERS)
            yield MachineSettings(widget_id=MACHINE)
        yield Suggestions(widget_id="suggestions")

    def _models(self) -> list[str]:
        return list(dict.fromkeys([*self._data.models, *self.providers.listed]))

    @property
    def page(self) -> str:
        """Which page is shown."""
        return self.query_one(PageBar).active

    @property
    def providers(self) -> ProvidersPage:
        return self.query_one(ProvidersPage)

    def page_shown(self) -> None:
        """Another page is on the screen now."""

    # Pages and lists

    def on_page_bar_chosen(self, event: PageBar.Chosen) -> None:
        self.show_page(event.page)

    def show_page(self, page: str) -> None:
        """Show a page; the focus goes back to the line of pages, so that no key is typed into what is hidden."""
        self.query_one(ContentSwitcher).current = page
        bar = self.query_one(PageBar)
        bar.choose(page)
        bar.focus()
        if page == PROVIDERS:
            self.providers.read_endings()
        self.call_after_refresh(self.page_shown)

    def action_show_page(self, page: str) -> None:
        self.show_page(page)

    def action_page_step(self, by: int) -> None:
        self.query_one(PageBar).step(by)

    def action_open(self) -> None:
        if self.page == RULES:
            target = self.query_one("#rules-in-short", PickLines).target
            self.conduit.show_rule(self._data.project.name, target[1] if target else "")
        elif self.page == PROVIDERS:
            self.providers.edit()
        else:
            self.focus_next()

    def on_pick_lines_picked(self, event: PickLines.Picked) -> None:
        if not isinstance(event.control, Suggestions):
            self.action_open()

    def action_move(self, by: int) -> None:
        if self.page == RULES:
            self.query_one("#rules-in-short", PickLines).move(by)
        elif self.page == PROVIDERS:
            self.providers.move(by)
        elif by > 0:
            self.focus_next()
        else:
            self.focus_previous()

    def action_half_page(self, by: int) -> None:
        self._many(by * 8)

    def action_page(self, by: int) -> None:
        self._many(by * 8)

    def action_top(self) -> None:
        self._many(-1_000)

    def action_bottom(self) -> None:
        self._many(1_000)

    def _many(self, by: int) -> None:
        if self.page in (RULES, PROVIDERS):
            self.action_move(by)

    def action_provider(self, what: str) -> None:
        if self.page == PROVIDERS:
            page = self.providers
            acts: dict[str, Callable[[], object]] = {
                "add": page.add,
                "edit": page.edit,
                "test": page.test,
                "key": page.rotate,
                "remove": page.take_away,
            }
            acts[what]()
