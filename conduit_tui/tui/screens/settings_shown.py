"""What the Settings screen shows: what is stored, what was typed on top of it, and what is wrong with that."""

from __future__ import annotations

import asyncio
import contextlib

from pydantic import ValidationError
from textual import events, work
from textual.widget import Widget
from textual.widgets import Input

from conduit_tui.store.interface import StoreError
from conduit_tui.tui import settings_data
from conduit_tui.tui.actions import Scope, of
from conduit_tui.tui.clean import clean
from conduit_tui.tui.screens import settings_fields as fields
from conduit_tui.tui.screens.settings_fields import MACHINE, PROVIDERS
from conduit_tui.tui.screens.settings_machine import MachineSettings
from conduit_tui.tui.screens.settings_pages import SettingsPages
from conduit_tui.tui.settings_data import SettingsData
from conduit_tui.tui.settings_draft import NAMES, Checked, SettingsDraft, check, draft_of
from conduit_tui.tui.state import AppState
from conduit_tui.tui.views import settings as view
from conduit_tui.tui.widgets.chrome import Footer
from conduit_tui.tui.widgets.chrome import Rule as Across
from conduit_tui.tui.widgets.fields import Toggle
from conduit_tui.tui.widgets.helped_row import LABEL, HelpedRow
from conduit_tui.tui.widgets.lines import Lines, PickLines
from conduit_tui.tui.widgets.page_bar import PageBar

CHECK_PAUSE_SECONDS = 0.3
LOOK_SECONDS = 2.0


class SettingsShown(SettingsPages):
    """The pages with what is in them."""

    def __init__(self) -> None:
        super().__init__()
        self._read_once = False
        self._stale = False  # what is stored is newer than what the draft began with
        self._saving = asyncio.Lock()
        self._look_now = asyncio.Event()
        self._saves = 0  # what was read before one is older than it
        self._fields: dict[str, Widget] = {}
        self._last: Checked | None = None

    def on_mount(self) -> None:
        self._fields = {name: self.query_one(f"#{name}") for name in NAMES}
        self._watch()

    # What comes in

    def data_changed(self) -> None:
        self._look_now.set()

    @work(group="settings-read", exclusive=True, exit_on_error=False)
    async def _watch(self) -> None:
        """Read the settings again and again while this screen is on top."""
        while True:
            self._look_now.clear()
            if self.is_current and not self._saving.locked():
                await self._look()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._look_now.wait(), LOOK_SECONDS)

    async def _look(self) -> None:
        if (reader := self.conduit.reader) is None:
            return
        name = self._data.project.name if self._dirty_project else self.conduit.state.project
        saves = self._saves
        try:
            data = await settings_data.read(reader, name, self.conduit.now())
        except (StoreError, ValidationError) as error:
            self._tell(str(error).splitlines()[0], "settings")
            return
        if self._saving.locked() or saves != self._saves:
            return
        if self._dirty_project:
            self._stale = (data.project, data.budget) != (self._data.project, self._data.budget)
            self.providers.show(data.rules.providers)
        elif not self._read_once or data != self._data:
            self._take(data)
        self._say()
        self._show_lists()

    def _take(self, data: SettingsData, draft: SettingsDraft | None = None) -> None:
        """Show what is stored; with `draft`, what was typed stays on top of it."""
        self._data, self._stale, self._read_once = data, False, True
        self._began = draft_of(data.project.config, data.budget)
        shown = draft or self._began
        for name, field in self._fields.items():
            if fields.text_of(field) != getattr(shown, name):
                fields.write(field, getattr(shown, name))
        self.providers.show(data.rules.providers)
        self._check()

    def show_state(self, state: AppState) -> None:
        super().show_state(state)
        self._say()
        self._show_lists()

    def page_shown(self) -> None:
        self._say()
        self._show_lists()

    # What is said

    @property
    def draft(self) -> SettingsDraft:
        """What stands in the fields."""
        return SettingsDraft(**{name: fields.text_of(field) for name, field in self._fields.items()})

    @property
    def _dirty_project(self) -> bool:
        return self._read_once and self.draft != self._began

    @property
    def dirty(self) -> bool:
        """Whether anything is not saved."""
        return self._dirty_project or self.query_one(MachineSettings).dirty

    @property
    def unsaved(self) -> str:
        if not self.is_whole or not self.dirty:
            return ""
        return f"settings of {self._data.project.name}" if self._dirty_project else "settings of this machine"

    def _checked(self) -> Checked:
        return check(self.draft, self._data.project.config, self._data.budget, self._data.rules.served)

    @work(group="settings-check", exclusive=True, exit_on_error=False)
    async def _check_soon(self) -> None:
        await asyncio.sleep(CHECK_PAUSE_SECONDS)
        self._check()

    def _check(self) -> Checked:
        """Say beside each field what is wrong with it."""
        checked = self._last = self._checked()
        for row in self.query(HelpedRow):
            row.say(checked.of(row.field_id))
        self._say_of_focused(checked)
        return checked

    def _say_of_focused(self, checked: Checked) -> None:
        """What is wrong with the field that is being written, in full where there is no room for it under the field."""
        problem = checked.of((self.focused.id or "") if self.focused else "")
        long = problem is not None and len(problem.message) > self.size.width - LABEL
        self.query_one("#rule", Across).say(problem.message if problem is not None and long else "")

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        if self._last is not None:
            self._say_of_focused(self._last)
        self._show_keys(dirty=self.dirty)

    def _say(self) -> None:
        width, glyphs = self.size.width, self.conduit.glyphs
        if not width or not self.is_whole:
            return
        dirty = self.dirty
        line = view.title(
            self._data, self.conduit.state.project, dirty=dirty, stale=self._stale, width=width, glyphs=glyphs
        )
        self.query_one("#settings-title", Lines).show([line])
        draft, began = self.draft, self._began
        marked = {
            page
            for page, names in fields.FIELDS.items()
            if any(getattr(draft, name) != getattr(began, name) for name in names)
        }
        marked |= {MACHINE} if self.query_one(MachineSettings).dirty else set()
        self.query_one(PageBar).mark(marked if self._read_once else ())
        self._show_keys(dirty=dirty)

    def _show_lists(self) -> None:
        width, glyphs = self.size.width, self.conduit.glyphs
        if width and self.is_whole:
            self.query_one("#rules-in-short", PickLines).show_targets(view.rule_lines(self._data.rules, width, glyphs))
            self.providers.draw()

    def _show_keys(self, *, dirty: bool) -> None:
        here = of(Scope.PROVIDERS) if self.page == PROVIDERS else []
        settings = [each for each in of(Scope.SETTINGS) if dirty or each.run not in ("save", "cancel")]
        actions = [*here, *(each for each in settings if each.run != "app.focus_next"), *of(Scope.EVERYWHERE)]
        if isinstance(self.focused, Input):  # there a letter is a letter
            actions = [each for each in of(Scope.SETTINGS) if len(each.keys[0]) > 1 and (dirty or each.run != "save")]
        self.query_one(Footer).show_actions(actions)

    def _tell(self, what: str, title: str) -> None:
        self.notify(clean(what), title=title, severity="error", markup=False)

    # What is typed

    def on_input_changed(self, event: Input.Changed) -> None:
        self._edited()

    def on_toggle_changed(self, event: Toggle.Changed) -> None:
        self._edited()

    def on_machine_settings_changed(self, event: MachineSettings.Changed) -> None:
        self._say()

    def _edited(self) -> None:
        self._say()
        self._check_soon()

    def on_resize(self, event: events.Resize) -> None:
        super().on_resize(event)
        self.call_after_refresh(self._say)
