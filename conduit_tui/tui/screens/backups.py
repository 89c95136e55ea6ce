"""Screen 8, Backups: safety copies are made, looked into and brought back; files go out and come in."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual import work
from textual.app import ComposeResult

from conduit_tui.control.plane import ControlError
from conduit_tui.domain.transfers import Backup
from conduit_tui.store.interface import StoreError
from conduit_tui.tui.actions import Scope, bindings
from conduit_tui.tui.clean import clean
from conduit_tui.tui.ink import BLANK
from conduit_tui.tui.screens.dialog import Choice, Dialog
from conduit_tui.tui.screens.listing import ListScreen
from conduit_tui.tui.state import AppState
from conduit_tui.tui.views import backups as view
from conduit_tui.tui.widgets.chrome import Rule
from conduit_tui.tui.widgets.lines import Lines, PickLines

if TYPE_CHECKING:
    from pathlib import Path

LOOK_SECONDS = 5.0
PROGRESS_SECONDS = 0.25


class BackupsScreen(ListScreen):
    """Safety copies: made, listed, restored; export and import."""

    SCOPES = (Scope.BACKUPS, Scope.LISTS)
    TAB = "backups"
    BINDINGS = bindings(*SCOPES)
    HELP_TEXT = (
        "A copy is the whole database of one instant, checked before it counts. Bringing one back replaces everything "
        "but what today's budgets have spent. An export leaves out keys, captured texts and the audit log. Copies made "
        "by themselves are replaced by newer ones; those made by hand stay until you delete them."
    )

    def __init__(self) -> None:
        super().__init__()
        self._found: Sequence[Backup] | None = None
        self._doing = ""

    def compose_content(self) -> ComposeResult:
        yield Lines(widget_id="backups-title")
        yield Lines(widget_id="backups-head")
        yield PickLines(widget_id="backups")
        yield Rule(self.conduit.glyphs, widget_id="backups-rule")
        yield Lines(widget_id="backup-facts")

    @property
    def _list(self) -> PickLines:
        return self.query_one("#backups", PickLines)

    @property
    def _folder(self) -> Path:
        return self.conduit.sources.state_dir.backups

    @property
    def _chosen(self) -> Backup | None:
        return next((one for one in self._found or () if one.name == self._list.target), None)

    # What comes in

    def on_mount(self) -> None:
        self._watch()

    def data_changed(self) -> None:
        self._read()

    @work(group="backups-watch", exit_on_error=False)
    async def _watch(self) -> None:
        """Others make copies too."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if self.is_current:
                self._read()

    @work(group="backups-read", exclusive=True, exit_on_error=False)
    async def _read(self) -> None:
        self._found = await asyncio.to_thread(_listed, self._folder)
        self.show_state(self.conduit.state)

    def show_state(self, state: AppState) -> None:
        super().show_state(state)
        width = self.size.width
        if not self._list.size.width or self._found is None:
            return
        found = self._found
        self.query_one("#backups-title", Lines).show([view.title(found, self._folder, self._doing, width)])
        self.query_one("#backups-head", Lines).show([view.column_titles(width) if found else BLANK])
        if found:
            self._list.show_targets(view.list_lines(found, self.conduit.now(), width))
        else:
            self._list.show_targets([(line, None) for line in view.empty_lines()])
        self._show_facts()

    def _show_facts(self) -> None:
        chosen = self._chosen
        self.query_one("#backups-rule").display = chosen is not None
        self.query_one("#backup-facts", Lines).show(view.facts(chosen, self.size.width) if chosen else [])

    # What is done

    @work(group="backups-make", exit_on_error=False)
    async def action_make(self) -> None:
        if self._doing:
            return
        progress = self.run_worker(self._tell_progress(), group="backups-progress")
        try:
            async with self.conduit.sources.open_control() as control:
                made = await control.create_backup()
        except (ControlError, StoreError, OSError) as error:
            self._tell(str(error), "no copy made")
        else:
            self.notify(f"{made.name}: {view.contents(made)}", title="copied", markup=False)
            self._read()
        finally:
            progress.cancel()
            self._doing = ""
            self.show_state(self.conduit.state)

    async def _tell_progress(self) -> None:
        """How far the copy is, by what is written of it."""
        from conduit_tui.transfer.backups import written_so_far

        database = self.conduit.sources.state_dir.database
        while True:
            whole = await asyncio.to_thread(lambda: database.stat().st_size if database.exists() else 0)
            written = await asyncio.to_thread(written_so_far, self._folder)
            part = min(99, 100 * written // whole) if whole else 0
            self._doing = f"copying {part} %" if part < 99 else "checking the copy"
            self.show_state(self.conduit.state)
            await asyncio.sleep(PROGRESS_SECONDS)

    def action_look(self) -> None:
        chosen = self._chosen
        if chosen is None:
            return
        from conduit_tui.tui.screens.difference import ImportScreen, RestoreScreen

        if chosen.kind == "database":
            self.app.push_screen(RestoreScreen(chosen))
        else:
            self.app.push_screen(ImportScreen(str(self._folder / chosen.name)))

    def on_pick_lines_picked(self, event: PickLines.Picked) -> None:
        self.action_look()

    def action_export(self) -> None:
        from conduit_tui.tui.screens.transfer_forms import ExportForm

        self.app.push_screen(ExportForm(self.conduit.state.project, self._folder))

    @work(group="backups-import", exclusive=True, exit_on_error=False)
    async def action_import(self) -> None:
        from conduit_tui.tui.screens.difference import ImportScreen
        from conduit_tui.tui.screens.transfer_forms import ImportForm

        form = ImportForm()
        await self.app.push_screen_wait(form)
        if form.path:
            self.app.push_screen(ImportScreen(form.path, self.conduit.state.project))

    @work(group="backups-delete", exclusive=True, exit_on_error=False)
    async def action_delete(self) -> None:
        chosen = self._chosen
        if chosen is None:
            return
        choices = (Choice("", "n", "no, keep it"), Choice("delete", "y", "delete it"))
        said = (chosen.name, view.contents(chosen))
        if not await self.app.push_screen_wait(Dialog("Delete this copy for good?", said, choices)):
            return
        from conduit_tui.transfer.backups import remove
        from conduit_tui.transfer.errors import TransferError

        try:
            await asyncio.to_thread(remove, self._folder, chosen.name)
        except (TransferError, OSError) as error:
            self._tell(str(error), "not deleted")
        self._read()

    def _tell(self, what: str, title: str) -> None:
        self.notify(clean(what), title=title, severity="error", markup=False)

    # Moving

    def action_move(self, by: int) -> None:
        super().action_move(by)
        self._show_facts()


def _listed(folder: Path) -> list[Backup]:
    from conduit_tui.transfer.backups import listed  # not before the first paint

    return listed(folder)
