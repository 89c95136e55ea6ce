"""The history of a project's configuration: who changed what, how it differs from now, and the way back."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from textual import work
from textual.app import ComposeResult
from textual.containers import Vertical

from conduit_tui.control.changes import described
from conduit_tui.control.plane import ControlError
from conduit_tui.domain.projects import Project
from conduit_tui.domain.revisions import Revision
from conduit_tui.store.interface import StoreError
from conduit_tui.tui import format as words
from conduit_tui.tui.actions import Scope, bindings
from conduit_tui.tui.clean import clean
from conduit_tui.tui.ink import Ink, Line, cut, spread
from conduit_tui.tui.screens.dialog import Choice, Dialog
from conduit_tui.tui.screens.listing import ListScreen
from conduit_tui.tui.widgets.chrome import Rule as Across
from conduit_tui.tui.widgets.lines import Lines, PickLines

MOST = 500
SHOWN_IN_QUESTION = 8


class HistoryScreen(ListScreen):
    """The revisions of a project, newest first; under them what would change by going back to one."""

    SCOPES = (Scope.HISTORY, Scope.LISTS)
    TAB = "settings"
    STEPS = (5, 10)
    BINDINGS = bindings(*SCOPES)
    HELP_TEXT = (
        "Every change of a project's configuration is a revision, rules and limits included. Restoring one makes a new "
        "revision, so that nothing is lost by it; u on the Rules screen takes the newest change back."
    )

    def __init__(self, project: str) -> None:
        super().__init__()
        self._of = project
        self._project: Project | None = None
        self._revisions: Sequence[Revision] = ()

    def compose_content(self) -> ComposeResult:
        yield Lines(widget_id="history-title")
        yield PickLines(widget_id="revisions")
        with Vertical(id="revision-pane"):
            yield Across(self.conduit.glyphs)
            yield Lines(widget_id="revision")

    def data_changed(self) -> None:
        self._read()

    @work(group="history", exclusive=True, exit_on_error=False)
    async def _read(self) -> None:
        if (reader := self.conduit.reader) is None:
            return
        found = {project.name: project for project in await reader.projects()}
        self._project = found.get(self._of)
        self._revisions = await reader.revisions(self._of, MOST)
        self._show()
        self._compare()

    def _show(self) -> None:
        width, now = self.app.size.width, self.conduit.now()
        count = len(self._revisions)
        left: Line = ((f" history of {self._of}", Ink.STRONG),)
        right: Line = ((f"{count} revisions " if count != 1 else "one revision ", Ink.MUTED),)
        self.query_one("#history-title", Lines).show([spread(left, right, width)])
        newest = self._revisions[0].id if self._revisions else 0
        lines: list[tuple[Line, int | None]] = [
            (((f" {'rev':>5}  {'when':<19}  {'':<9}  what changed", Ink.TITLE),), None)
        ]
        for revision in self._revisions:
            more = len(revision.changes) - 1
            told = "; ".join(revision.changes) or "the beginning"
            action = revision.action if revision.restored is None else f"{revision.action} {revision.restored}"
            when = (
                words.instant(revision.at)
                if now - revision.at > words.DAY
                else f"{words.age(max(0, now - revision.at))} ago"
            )
            line = cut(
                (
                    (f" {revision.id:>5}  ", Ink.STRONG if revision.id == newest else Ink.TEXT),
                    (f"{when:<19}  {action:<9}  ", Ink.MUTED),
                    (told, Ink.TEXT),
                    (f"  ({more} more)" if more > 3 else "", Ink.MUTED),
                ),
                width - 1,
            )
            lines.append((line, revision.id))
        self._list.show_targets(lines)

    @work(group="history-compare", exclusive=True, exit_on_error=False)
    async def _compare(self) -> None:
        """Say under the list what going back to the revision under the cursor would change."""
        chosen = self._list.target
        if chosen is None or self._project is None:
            return
        changes = await self._changes(chosen)
        width = self.app.size.width - 4
        revision = next(each for each in self._revisions if each.id == chosen)
        lines: list[Line] = []
        if chosen == self._project.revision:
            lines.append(((" this is how it is now", Ink.MUTED),))
        elif not changes:
            lines.append(((" nothing differs between then and now", Ink.MUTED),))
        else:
            lines.append(((" going back to it would change", Ink.TITLE),))
            lines += [((f"   {line}", Ink.TEXT),) for line in _wrapped(changes, width - 2)]
        if revision.changes:
            lines += [(("", Ink.TEXT),), ((" what was changed then", Ink.TITLE),)]
            lines += [((f"   {line}", Ink.MUTED),) for line in _wrapped(revision.changes, width - 2)]
        self.query_one("#revision", Lines).show(lines)

    async def _changes(self, revision: int) -> Sequence[str]:
        reader = self.conduit.reader
        if reader is None or self._project is None:
            return ()
        try:
            return described(self._project.config, await reader.revision_config(self._of, revision))
        except KeyError:
            return ()

    def action_restore(self) -> None:
        self._restore()

    @work(group="history-restore", exclusive=True, exit_on_error=False)
    async def _restore(self) -> None:
        chosen = self._list.target
        if chosen is None or self._project is None:
            return
        changes = await self._changes(chosen)
        if not changes:
            self.notify("nothing differs between then and now", markup=False)
            return
        said = [clean(line)[:70] for line in changes[:SHOWN_IN_QUESTION]]
        if len(changes) > SHOWN_IN_QUESTION:
            said.append(f"and {len(changes) - SHOWN_IN_QUESTION} more")
        choices = (Choice("", "n", "no, leave it as it is"), Choice("restore", "y", "restore it"))
        if not await self.app.push_screen_wait(Dialog(f"Restore revision {chosen}?", said, choices)):
            return
        try:
            async with self.conduit.sources.open_control() as control:
                saved = await control.restore_revision(self._of, chosen)
        except (ControlError, StoreError, OSError) as error:
            self.notify(clean(str(error)), title="not restored", severity="error", markup=False)
        else:
            self.notify(f"as it was at revision {chosen}; this is revision {saved.revision}", markup=False)
        self._read()

    def on_pick_lines_picked(self) -> None:
        self._restore()

    def action_back(self) -> None:
        self.dismiss()

    def action_move(self, by: int) -> None:
        super().action_move(by)
        self._compare()


def _wrapped(lines: Sequence[str], width: int) -> list[str]:
    return [part for line in lines for part in textwrap.wrap(clean(line), width, break_on_hyphens=False)]
