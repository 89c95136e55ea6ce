"""What the screens with a filter line have in common: typing filters at once, enter keeps it, esc clears it."""

from typing import ClassVar

from textual import on
from textual.widgets import Input

from conduit_tui.tui.actions import Scope, of
from conduit_tui.tui.ink import Ink, Line
from conduit_tui.tui.screens.base import ConduitScreen
from conduit_tui.tui.widgets.chrome import Footer
from conduit_tui.tui.widgets.filter_bar import FilterBar, FilterInput


class FilteredScreen(ConduitScreen):
    """A screen over which a `FilterBar` stands; `filter_text` is what it says."""

    TYPING_PAUSE_SECONDS: ClassVar[float] = 0.12

    def __init__(self) -> None:
        super().__init__()
        self.filter_text = ""
        self.filter_error = ""  # what is wrong with it; such a filter is not kept

    @property
    def bar(self) -> FilterBar:
        return self.query_one(FilterBar)

    @property
    def filter_words(self) -> Line:
        """What the bar says while nobody types."""
        if not self.filter_text:
            return ((" / ", Ink.MUTED), ("to filter", Ink.MUTED))
        return ((" / ", Ink.ACCENT), (self.filter_text, Ink.STRONG))

    @property
    def clear_label(self) -> str:
        """What clearing the filter is called in the footer."""
        return "clear"

    def filter_changed(self, pause: float = 0.0) -> None:
        """Show what matches now, after a pause (seconds) while somebody types."""
        raise NotImplementedError

    def say_filter(self) -> None:
        """Say in the bar what is filtered, and how much matches."""
        raise NotImplementedError

    def focus_content(self) -> None:
        """Give the focus to what is filtered."""
        self.set_focus(None)

    def action_filter(self) -> None:
        self.bar.edit(self.filter_text)
        self.query_one(Footer).show_actions(of(Scope.FILTER))
        self.say_filter()

    def action_clear(self) -> None:
        if self.filter_text:
            self._leave("")

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        if self.bar.editing and event.value != self.filter_text:
            self.filter_text = event.value
            self.filter_changed(self.TYPING_PAUSE_SECONDS)

    @on(FilterInput.Kept)
    def _kept(self) -> None:
        if not self.filter_error:
            self._leave(self.filter_text)

    @on(FilterInput.Cleared)
    def _cleared(self) -> None:
        self._leave("")

    def show_keys(self) -> None:
        """Say in the footer which keys matter now: that esc clears the filter, while there is one."""
        actions = of(*self.SCOPES, Scope.EVERYWHERE)
        clears = [one._replace(label=self.clear_label) for one in actions if one.run == "clear" and self.filter_text]
        self.query_one(Footer).show_actions([*clears, *(one for one in actions if one.run != "clear")])

    def _leave(self, text: str) -> None:
        changed, self.filter_text = text != self.filter_text, text
        self.bar.leave()
        self.show_keys()
        self.focus_content()
        if changed:
            self.filter_changed()
        self.say_filter()
