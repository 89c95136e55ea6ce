"""Screen 6, Settings: nothing holds before it is saved, nothing that is typed is lost."""

from __future__ import annotations

from textual import work

from conduit_tui.control.plane import ConfigurationCheck, Outcome
from conduit_tui.tui import settings_data
from conduit_tui.tui.actions import Scope, bindings
from conduit_tui.tui.screens import settings_fields as fields
from conduit_tui.tui.screens.dialog import Choice, Dialog
from conduit_tui.tui.screens.settings_machine import MachineSettings
from conduit_tui.tui.screens.settings_save import Saved, changed_words, save
from conduit_tui.tui.screens.settings_shown import SettingsShown
from conduit_tui.tui.settings_draft import Checked, draft_of, merged
from conduit_tui.tui.widgets.page_bar import PageBar
from conduit_tui.tui.widgets.suggestions import Suggesting


class SettingsScreen(SettingsShown):
    """The settings of one project and of this machine."""

    SCOPES = (Scope.SETTINGS, Scope.PROVIDERS, Scope.LISTS)
    TAB = "settings"
    BINDINGS = bindings(*SCOPES)
    HELP_TEXT = (
        "What is typed holds only when it is saved, with ctrl+s, on all pages at once; a page with changes has a mark. "
        "Another screen may be looked at meanwhile: what was typed stays here. ctrl+t tests what is written, before it "
        "is saved. p makes, renames and archives projects; h shows what was changed, and takes it back."
    )

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
