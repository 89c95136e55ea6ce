"""Widgets made of lines: they repaint only the lines that changed."""

from collections.abc import Sequence
from typing import Any

from rich.style import Style
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from conduit_tui.tui.ink import BLANK, Ink, Line, Palette, draw
from conduit_tui.tui.theme import known_palette


class Lines(Widget):
    """Lines of text, one cell high each, cut at the right edge. `top` is the first line shown."""

    DEFAULT_CSS = "Lines { height: auto; }"

    top = reactive(0)

    def __init__(self, lines: Sequence[Line] = (), *, widget_id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=widget_id, classes=classes)
        self._lines: Sequence[Line] = list(lines)
        self._base = ("", Style())

    @property
    def palette(self) -> Palette:
        return known_palette(self.app.theme)

    @property
    def lines(self) -> Sequence[Line]:
        return self._lines

    def show(self, lines: Sequence[Line]) -> None:
        """Replace the lines; those that stay the same are not painted again."""
        old, self._lines = self._lines, list(lines)
        if not self.is_mounted:
            return
        if len(old) != len(self._lines):
            if self.styles.is_auto_height:
                self.refresh(layout=True)
                return
            self.top = min(self.top, self.last_top)
        for y in range(self.size.height):
            at = y + self.top
            before = old[at] if at < len(old) else None
            after = self._lines[at] if at < len(self._lines) else None
            if before != after:
                self.refresh_row(y)

    def refresh_row(self, y: int) -> None:
        """Paint one row of the widget again."""
        self.refresh(Region(0, y, self.size.width, 1))

    @property
    def last_top(self) -> int:
        """The greatest value that `top` may have."""
        return max(0, len(self._lines) - self.size.height)

    def validate_top(self, top: int) -> int:
        return max(0, min(top, self.last_top))

    def ground(self, at: int) -> Style:
        """What lies under the line with this number."""
        return self.base

    @property
    def base(self) -> Style:
        """The widget's own ground; looked up once per theme, because it means a walk up the tree."""
        if self._base[0] != self.app.theme:
            self._base = (self.app.theme, Style(bgcolor=self.background_colors[1].rich_color))
        return self._base[1]

    def render_line(self, y: int) -> Strip:
        at = y + self.top
        line = self._lines[at] if at < len(self._lines) else BLANK
        return draw(line, self.size.width, self.palette, self.ground(at))

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(self._lines)

    def get_content_width(self, container: Size, viewport: Size) -> int:
        return container.width

    @property
    def text(self) -> str:
        """What is shown, as text."""
        return "\n".join(self.render_line(y).text.rstrip() for y in range(self.size.height))


class PickLines(Lines):
    """Lines of which some have a target; a cursor walks from target to target."""

    class Picked(Message):
        """The line under the cursor was chosen."""

        def __init__(self, target: Any) -> None:
            super().__init__()
            self.target = target

    cursor = reactive(-1, repaint=False)

    def __init__(self, *, widget_id: str | None = None) -> None:
        super().__init__(widget_id=widget_id)
        self._targets: list[Any] = []

    def show_targets(self, lines: Sequence[tuple[Line, Any]]) -> None:
        """Replace lines and targets; the cursor stays on its target, wherever that has gone."""
        here = self.target
        self._targets = [target for _, target in lines]
        self.show([line for line, _ in lines])
        if here is not None and here in self._targets:
            self.cursor = self._targets.index(here)
        elif not 0 <= self.cursor < len(self._targets) or self._targets[self.cursor] is None:
            self.cursor = next((at for at, target in enumerate(self._targets) if target is not None), -1)

    @property
    def target(self) -> Any:
        """What the cursor is on, or None."""
        return self._targets[self.cursor] if 0 <= self.cursor < len(self._targets) else None

    def point(self, target: Any) -> None:
        """Put the cursor on a target, if there is one like it."""
        if target in self._targets:
            self.cursor = self._targets.index(target)

    def move(self, by: int) -> None:
        """Move the cursor by so many targets; it stops at the ends."""
        places = [at for at, target in enumerate(self._targets) if target is not None]
        if not places:
            return
        here = places.index(self.cursor) if self.cursor in places else 0
        self.cursor = places[max(0, min(len(places) - 1, here + by))]

    def choose(self) -> None:
        """Tell what the cursor is on."""
        if self.target is not None:
            self.post_message(self.Picked(self.target))

    def watch_cursor(self, old: int, new: int) -> None:
        if new >= 0:
            if new < self.top:
                self.top = 0 if new < self.size.height else new
            elif new >= self.top + self.size.height > 0:
                self.top = new - self.size.height + 1
        for at in (old, new):
            if 0 <= at - self.top < self.size.height:
                self.refresh_row(at - self.top)

    def ground(self, at: int) -> Style:
        return self.palette[Ink.CURSOR] if at == self.cursor else self.base

    def on_click(self, event: Any) -> None:
        at = event.y + self.top
        if 0 <= at < len(self._targets) and self._targets[at] is not None:
            if self.cursor == at:
                self.choose()
            self.cursor = at
