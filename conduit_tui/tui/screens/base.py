"""What the screens with tabs have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual import events
from textual.app import App, ComposeResult, ScreenStackError

from conduit_tui.tui.actions import Scope, of
from conduit_tui.tui.leaving import LeavesOnce
from conduit_tui.tui.state import AppState
from conduit_tui.tui.widgets.chrome import Banner, Footer, Header, Rule, Tabs

if TYPE_CHECKING:
    from conduit_tui.tui.conduit import Conduit


CHROME = (Header, Tabs, Banner, Rule, Footer)


class ConduitScreen(LeavesOnce[None]):
    """Header, tabs, content, rule, footer. The app tells it of changes only while it is on top."""

    SCOPES: ClassVar[tuple[Scope, ...]] = ()
    TAB: ClassVar[str] = ""
    HELP_TITLE: ClassVar[str] = ""  # where it is not that of the tab
    HELP_TEXT: ClassVar[str] = ""

    @property
    def conduit(self) -> Conduit:
        return cast("Conduit", self.app)

    @property
    def is_whole(self) -> bool:
        """Whether its widgets are there: not before it is mounted, nor while the app ends."""
        return self.is_mounted and bool(self.query(Footer))

    @property
    def unsaved(self) -> str:
        """What would be lost with this screen, in words; empty if nothing."""
        return ""

    def compose(self) -> ComposeResult:
        glyphs = self.conduit.glyphs
        yield Header(self.conduit.now, glyphs)
        yield Tabs(self.TAB, glyphs)
        yield Banner()
        yield from self.compose_content()
        yield Rule(glyphs, widget_id="rule")
        yield Footer(of(*self.SCOPES, Scope.EVERYWHERE))

    def compose_content(self) -> ComposeResult:
        """The widgets between tabs and rule."""
        yield from ()

    @property
    def text(self) -> str:
        """What the screen shows, without header, tabs and footer: to copy, or to read in a pager."""
        from conduit_tui.tui.plain_text import text_of

        return text_of(child for child in self.children if not isinstance(child, CHROME))

    def show_state(self, state: AppState) -> None:
        """The state of daemon or gateway is new, or time has passed."""
        self.query_one(Header).show_state(state)
        self.query_one(Banner).show_state(state)

    def data_changed(self) -> None:
        """There are new rows in the database, or another project was chosen."""

    def on_screen_resume(self) -> None:
        self.show_state(self.conduit.state)
        self.data_changed()

    def on_resize(self, event: events.Resize) -> None:
        self.call_after_refresh(self.show_state, self.conduit.state)


def unsaved_on(app: App[int]) -> list[str]:
    """What would be lost if the app ended now, in words."""
    screens = [screen for stack in app._screen_stacks.values() for screen in stack]
    found = [screen.unsaved for screen in screens if isinstance(screen, ConduitScreen) and screen.is_whole]
    return [each for each in found if each]


def shown_on(app: App[int]) -> ConduitScreen | None:
    """The screen on top; None while a small window covers it, and when the app ends."""
    try:
        screen = app.screen
    except ScreenStackError:
        return None
    return screen if isinstance(screen, ConduitScreen) and screen.is_whole else None
