"""Reconcile: the ledger beside Claude Code's own transcripts."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from textual import events, work
from textual.app import ComposeResult
from textual.containers import Vertical

from conduit_tui.store.interface import StoreError
from conduit_tui.tui.actions import Scope, bindings
from conduit_tui.tui.clean import clean
from conduit_tui.tui.format import DAY
from conduit_tui.tui.ink import Ink
from conduit_tui.tui.screens.listing import ListScreen
from conduit_tui.tui.state import AppState
from conduit_tui.tui.widgets.chrome import Rule
from conduit_tui.tui.widgets.lines import Lines, PickLines

if TYPE_CHECKING:
    from conduit_tui.reconcile.account import Reconciliation

RANGES = (("24 h", DAY), ("7 d", 7 * DAY), ("30 d", 30 * DAY), ("all", 0))
SMALL_PANE, LARGE_PANE = 8, 14  # rows
LARGE_FROM = 34  # rows of the screen


class ReconcileScreen(ListScreen):
    """Session by session: tokens and dollars of both accounts, by how much they differ, and why."""

    SCOPES = (Scope.RECONCILE, Scope.LISTS)
    TAB = "requests"
    BINDINGS = bindings(*SCOPES)
    HELP_TEXT = (
        "Transcripts are read where Claude Code writes them ($CLAUDE_CONFIG_DIR or ~/.claude) and never changed. "
        "The drift is by how much the ledger differs from the transcript. Unseen answers did not come "
        "through the gateway; extra are requests that transcripts do not hold: titles, and answers that were cut and "
        "asked for again."
    )

    def __init__(self) -> None:
        super().__init__()
        self._range = 1
        self._found: Reconciliation | None = None
        self._problem = ""
        self._reading = False

    def compose_content(self) -> ComposeResult:
        yield Lines(widget_id="reconcile-title")
        yield PickLines(widget_id="reconciled")
        with Vertical(id="session-pane"):
            yield Rule(self.conduit.glyphs)
            yield Lines(widget_id="session-detail")

    @property
    def _list(self) -> PickLines:
        return self.query_one("#reconciled", PickLines)

    def on_mount(self) -> None:
        self._compare()

    # What comes in

    @work(group="reconcile", exclusive=True, exit_on_error=False)
    async def _compare(self) -> None:
        from conduit_tui.reconcile.compare import reconcile
        from conduit_tui.reconcile.transcripts import projects_folder

        self._reading, self._problem = True, ""
        self._show()
        _, span = RANGES[self._range]
        folder = projects_folder(os.environ)
        try:
            since = max(0, self.conduit.now() - span) if span else 0
            self._found = await reconcile(self.conduit.reader, folder, since=since)
        except (FileNotFoundError, NotADirectoryError):
            self._found = None
            self._problem = f"There are no transcripts at {clean(str(folder))}."
        except (StoreError, OSError) as error:
            self._found, self._problem = None, clean(str(error))
        self._reading = False
        self._show()

    def show_state(self, state: AppState) -> None:
        super().show_state(state)
        self._show_pane()

    def on_resize(self, event: events.Resize) -> None:
        super().on_resize(event)
        self.query_one("#session-pane").styles.height = LARGE_PANE if event.size.height >= LARGE_FROM else SMALL_PANE
        self.call_after_refresh(self._show)

    def _show(self) -> None:
        from conduit_tui.tui.views import reconcile as view

        width = self._list.size.width
        if not width:
            return
        name, _ = RANGES[self._range]
        title = view.title_lines("everything" if name == "all" else f"last {name}", self._found, reading=self._reading)
        found = self._found
        if found is not None and found.sessions:
            title = [*title, *view.head_lines(found, width)]
        self.query_one("#reconcile-title", Lines).show(title)
        if found is not None and found.sessions:
            self._list.show_targets(view.lines(found, width))
        else:
            self._list.show_targets([(((text, Ink.MUTED),), None) for text in self._empty()])
        self._show_pane()

    def _empty(self) -> list[str]:
        if self._reading:
            return []
        if self._problem:
            return [
                f" {self._problem}",
                " Claude Code keeps them in ~/.claude/projects, or under $CLAUDE_CONFIG_DIR;",
                " `conduit-tui reconcile --path DIR` reads them from elsewhere.",
            ]
        return [
            " Neither the ledger nor a transcript has a session of Claude Code in this time.",
            " ] looks further back.",
        ]

    def _show_pane(self) -> None:
        from conduit_tui.tui.views import reconcile as view

        chosen = self._list.target
        found = self._found
        one = next((one for one in found.sessions if one.session == chosen), None) if found else None
        self.query_one("#session-pane").display = one is not None
        self.query_one("#session-detail", Lines).show([] if one is None else view.pane_lines(one, self.conduit.now()))

    # What is asked

    def action_open(self) -> None:
        if self._list.target:
            self.conduit.show_requests(f"session:{self._list.target}")

    def on_pick_lines_picked(self) -> None:
        self.action_open()

    def action_range(self, by: int) -> None:
        self._range = max(0, min(len(RANGES) - 1, self._range + by))
        self._compare()

    def action_again(self) -> None:
        self._compare()

    def action_back(self) -> None:
        self.dismiss()

    def action_move(self, by: int) -> None:
        super().action_move(by)
        self._show_pane()
