"""A list of lines that takes the focus: the keys of lists move in it, enter chooses."""

from typing import ClassVar

from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.widget import Widget

from conduit_tui.tui.actions import Scope, bindings
from conduit_tui.tui.ink import Ink
from conduit_tui.tui.widgets.lines import PickLines

WHEEL_ROWS = 3


class PickList(PickLines, can_focus=True):
    """Its cursor shows while it, or something beside it, has the focus. Keys of the Settings screen stay with that."""

    DEFAULT_CSS = "PickList { height: 1fr; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        each
        for each in bindings(Scope.SETTINGS, Scope.LISTS)
        if isinstance(each, Binding) and (each.id or "").startswith(f"{Scope.LISTS}.")
    ]

    def ground(self, at: int) -> Style:
        near = isinstance(self.parent, Widget) and self.parent.has_focus_within
        return self.palette[Ink.CURSOR] if at == self.cursor and near else self.base

    def on_focus(self, event: events.Focus) -> None:
        self.refresh()

    def on_blur(self, event: events.Blur) -> None:
        self.refresh()

    def on_key(self, event: events.Key) -> None:
        if event.key == "enter":
            event.stop()
            self.choose()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self.move(WHEEL_ROWS)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self.move(-WHEEL_ROWS)

    def action_move(self, by: int) -> None:
        self.move(by)

    def action_half_page(self, by: int) -> None:
        self.move(by * max(1, self.size.height // 2))

    def action_page(self, by: int) -> None:
        self.move(by * max(1, self.size.height - 1))

    def action_top(self) -> None:
        self.move(-len(self.lines))

    def action_bottom(self) -> None:
        self.move(len(self.lines))
