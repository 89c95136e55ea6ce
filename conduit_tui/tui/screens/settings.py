"""Screen 6, Settings: what is configured, page by page; nothing holds before it is saved, nothing typed is lost."""

from __future__ import annotations

import asyncio
import contextlib

from pydantic import ValidationError
from textual import events, work
from textual.widget import Widget
from textual.widgets import Input

from conduit_tui.control.plane import ConfigurationCheck, Outcome
from conduit_tui.store.interface import StoreError
from conduit_tui.tui import settings_data
from conduit_tui.tui.actions import Scope, bindings, of
from conduit_tui.tui.clean import clean
from conduit_tui.tui.screens import settings_fields as fields
from conduit_tui.tui.screens.dialog import Choice, Dialog
from conduit_tui.tui.screens.settings_fields import MACHINE, PROVIDERS
from conduit_tui.tui.screens.settings_machine import MachineSettings
from conduit_tui.tui.screens.settings_pages import SettingsPages
from conduit_tui.tui.screens.settings_save import Saved, changed_words, save
from conduit_tui.tui.settings_data import SettingsData
from conduit_tui.tui.settings_draft import NAMES, Checked, SettingsDraft, check, draft_of, merged
from conduit_tui.tui.state import AppState
from conduit_tui.tui.views import settings as view
from conduit_tui.tui.widgets.chrome import Footer
from conduit_tui.tui.widgets.chrome import Rule as Across
from conduit_tui.tui.widgets.fields import Toggle
from conduit_tui.tui.widgets.helped_row import LABEL, HelpedRow
from conduit_tui.tui.widgets.lines import Lines, PickLines
from conduit_tui.tui.widgets.page_bar import PageBar
from conduit_tui.tui.widgets.suggestions import Suggesting

CHECK_PAUSE_SECONDS = 0.3
LOOK_SECONDS = 2.0


class SettingsScreen(SettingsPages):
    """The settings of one project and of this machine."""

    SCOPES = (Scope.SETTINGS, Scope.PROVIDERS, Scope.LISTS)
    TAB = "settings"
    BINDINGS = bindings(*SCOPES)
    HELP_TEXT = (
        "What is typed holds only when it is saved, with ctrl+s, on all pages at once; a page with changes has a mark. "
        "Another screen may be looked at meanwhile: what was typed stays here. ctrl+t tests what is written, before it "
        "is saved. p makes, renames and archives projects; h shows what was changed, and takes it back."
    )

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

    # Saving and leaving

    def action_save(self) -> None:
        if not self.dirty:
            self.notify("nothing was changed", markup=False)
        elif not self._saving.locked():
            self._save_now()

    @work(group="settings-save", exit_on_error=False)
    async def _save_now(self) -> None:
        await self._save()

    async def _save(self) -> bool:
        """Save what was changed on all pages; False where something kept it from that, which is then said."""
        async with self._saving:
            checked = self._check()
            if self._dirty_project and checked.refusals:
                self._go_to(checked.refusals[0].field)
                self._tell(checked.refusals[0].message, "not saved")
                return False
            if self._dirty_project and not await self._save_project(checked):
                return False
            machine = self.query_one(MachineSettings)
            done = not machine.dirty or await machine.save()
            self._saves += 1
        if done:
            self.app.clear_notifications()
            self.notify(f"saved; revision {self._data.project.revision}", markup=False)
            self.query_one(PageBar).focus()
        self._look_now.set()
        self._say()
        return done

    async def _save_project(self, checked: Checked) -> bool:
        saved = await save(self.conduit.sources, self._data, checked)
        if isinstance(saved, Saved):
            self._take(self._data.with_saved(saved.project, saved.budget))
            return True
        if saved.code == "conflict" and saved.field == "base_revision":
            return await self._in_conflict()
        self._tell(saved.message, "not saved")
        return False

    async def _in_conflict(self) -> bool:
        """Somebody else has saved meanwhile: offer to read that, with what was typed here on top. Never saves."""
        if (reader := self.conduit.reader) is None:
            return False
        newest = await settings_data.read(reader, self._data.project.name, self.conduit.now())
        said = ["Since you began, someone else has changed:"]
        said += changed_words(self._data.project.config, newest.project.config)
        choices = (
            Choice("reload", "r", "read it, and keep what I typed on top"),
            Choice("", "n", "no, leave all as it is here"),
        )
        if await self.conduit.push_screen_wait(Dialog("Changed meanwhile; not saved", said, choices)) == "reload":
            theirs = draft_of(newest.project.config, newest.budget)
            self._take(newest, merged(self.draft, self._began, theirs))
            self.notify("read again; ctrl+s saves what you typed", markup=False)
        return False

    def _go_to(self, name: str) -> None:
        page = next((page for page, names in fields.FIELDS.items() if name in names), "")
        if page:
            self.show_page(page)
            self.query_one(f"#{name}").focus()

    def action_cancel(self) -> None:
        self._cancel()

    @work(group="settings-cancel", exclusive=True, exit_on_error=False)
    async def _cancel(self) -> None:
        if await self.settle("Not saved"):
            self.query_one(PageBar).focus()

    async def settle(self, title: str) -> bool:
        """Ask what becomes of what is not saved; whether nothing is left of it."""
        if not self.is_whole or not self.dirty:
            return True
        said = changed_words(self._data.project.config, self._checked().config) or [self.unsaved]
        choices = (
            Choice("", "n", "no, back to the settings"),
            Choice("save", "s", "save"),
            Choice("drop", "d", "drop what was changed"),
        )
        chosen = await self.conduit.push_screen_wait(Dialog(title, said, choices))
        if chosen == "save":
            return await self._save()
        if chosen == "drop":
            await self.query_one(MachineSettings).discard()
            self._take(self._data)
            self._look_now.set()
            self._say()
        return chosen == "drop"

    def on_screen_suspend(self) -> None:
        if self.app.is_running and self.conduit.current_mode != "settings" and self.unsaved:
            self.notify(f"{self.unsaved}: not saved yet; 6 goes back to it", markup=False)

    def on_resize(self, event: events.Resize) -> None:
        super().on_resize(event)
        self.call_after_refresh(self._say)

    # What is opened

    def action_suggest(self) -> None:
        if isinstance(self.focused, Suggesting):
            self.focused.suggest()

    def action_test(self) -> None:
        from conduit_tui.tui.screens.settings_test import ConfigurationTestScreen

        checked = self._check()
        unread = [
            ConfigurationCheck(problem.field.replace("_", " "), Outcome.FAILED, problem.message, "mend it on its page")
            for problem in checked.refusals
            if problem.field in ("rollout", "capture_days", "zone") or "dollars" in problem.message
        ]
        self.app.push_screen(
            ConfigurationTestScreen(self._data.project.name, checked.config, unread, saved=not self._dirty_project)
        )

    def action_history(self) -> None:
        from conduit_tui.tui.screens.settings_history import HistoryScreen

        self.app.push_screen(HistoryScreen(self._data.project.name))
