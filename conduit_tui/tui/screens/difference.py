"""What a file or a safety copy would change, seen before it does."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from textual import work
from textual.app import ComposeResult

from conduit_tui.control.plane import ControlError
from conduit_tui.domain.transfers import Backup, ImportPlan, RestorePlan
from conduit_tui.store.interface import StoreError
from conduit_tui.tui.actions import Scope, bindings
from conduit_tui.tui.clean import clean
from conduit_tui.tui.ink import Ink
from conduit_tui.tui.screens.dialog import Choice, Dialog
from conduit_tui.tui.screens.listing import ListScreen
from conduit_tui.tui.state import AppState
from conduit_tui.tui.views import backups as view
from conduit_tui.tui.widgets.lines import Lines, PickLines

if TYPE_CHECKING:
    from conduit_tui.control.plane import ControlPlane


class DifferenceScreen(ListScreen):
    """Lines of what would change; `a` lets it happen, after a question."""

    SCOPES = (Scope.DIFFERENCE, Scope.LISTS)
    TAB = "backups"
    BINDINGS = bindings(*SCOPES)
    HELP_TEXT = (
        "+ is new, ~ changes, - goes, ! is to be looked at. What would loosen a limit or send a key to another place "
        "happens only where you approve it. A safety copy is made first."
    )
    ASKS = ("", "")

    def __init__(self, what: str) -> None:
        super().__init__()
        self._what = what
        self._plan: ImportPlan | RestorePlan | None = None
        self._approved: set[str] = set()
        self._problem = ""
        self._busy = False

    async def look(self, control: ControlPlane) -> ImportPlan | RestorePlan:
        """Ask for the difference."""
        raise NotImplementedError

    async def act(self, control: ControlPlane) -> str:
        """Let it happen; what is said then."""
        raise NotImplementedError

    def compose_content(self) -> ComposeResult:
        yield Lines(widget_id="difference-title")
        yield PickLines(widget_id="difference")

    @property
    def _list(self) -> PickLines:
        return self.query_one("#difference", PickLines)

    def on_mount(self) -> None:
        self._look()

    @work(group="difference", exclusive=True, exit_on_error=False)
    async def _look(self) -> None:
        try:
            async with self.conduit.sources.open_control() as control:
                self._plan = await self.look(control)
            self._problem = ""
        except (ControlError, StoreError, OSError) as error:
            place = getattr(error, "field", "")
            self._problem = f"{place}: {error}" if place else str(error)
        self.show_state(self.conduit.state)

    def show_state(self, state: AppState) -> None:
        super().show_state(state)
        width = self.size.width
        said = "what it would change" if self._plan else "" if self._problem else "reading and checking it …"
        heading = self.query_one("#difference-title", Lines)
        heading.show([((f" {clean(Path(self._what).name)}", Ink.STRONG), (f"   {said}", Ink.MUTED)), ()])
        if self._problem:
            import textwrap

            lines = textwrap.wrap(clean(self._problem), max(20, width - 4))
            self._list.show_targets([(((f" ✗ {line}" if not n else f"   {line}", Ink.BAD),), None)
                                     for n, line in enumerate(lines)])  # fmt: skip
        elif self._plan is not None:
            self._list.show_targets(view.difference(self._plan, self._approved, width, self.conduit.glyphs))

    def action_approve(self) -> None:
        target = self._list.target
        if isinstance(target, tuple) and target[0] == "question":
            self._approved ^= {target[1]}
            self.show_state(self.conduit.state)
            self._look()

    def on_pick_lines_picked(self, event: PickLines.Picked) -> None:
        self.action_approve()

    @work(group="difference-act", exclusive=True, exit_on_error=False)
    async def action_apply(self) -> None:
        if self._plan is None or self._busy or self._problem:
            return
        if not self._plan.changes:
            self.notify("nothing would be different", markup=False)
            return
        title, yes = self.ASKS
        changes = sum(line.sign in "+~-" for line in self._plan.lines)
        said = [f"{changes} {'line' if changes == 1 else 'lines'} of difference; a safety copy is made first."]
        choices = (Choice("", "n", "no"), Choice("yes", "y", yes))
        if not await self.app.push_screen_wait(Dialog(title, said, choices)):
            return
        self._busy = True
        try:
            async with self.conduit.sources.open_control() as control:
                told = await self.act(control)
        except (ControlError, StoreError, OSError) as error:
            self.notify(clean(str(error)), title="nothing was configured anew", severity="error", markup=False)
        else:
            self.notify(clean(told), markup=False)
            self.dismiss()
        finally:
            self._busy = False

    def action_back(self) -> None:
        self.dismiss()


class RestoreScreen(DifferenceScreen):
    """A safety copy against now."""

    ASKS = ("Bring this copy back?", "bring it back")

    def __init__(self, backup: Backup) -> None:
        super().__init__(backup.name)

    async def look(self, control: ControlPlane) -> RestorePlan:
        return await control.plan_restore(self._what)

    async def act(self, control: ControlPlane) -> str:
        before = await control.restore_backup(self._what)
        return f"restored; what was there is kept as {before.name}"


class ImportScreen(DifferenceScreen):
    """A file against now."""

    ASKS = ("Take this file in?", "take it in")

    def __init__(self, path: str, project: str = "") -> None:
        super().__init__(path)
        self._project = project

    async def look(self, control: ControlPlane) -> ImportPlan:
        return await control.plan_import(self._what, self._project, sorted(self._approved))

    async def act(self, control: ControlPlane) -> str:
        assert isinstance(self._plan, ImportPlan)
        done = await control.import_file(self._what, self._plan.digest, self._project, sorted(self._approved))
        return f"taken in: {done.requests:,} requests; the newest safety copy goes back to before"
