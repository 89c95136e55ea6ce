"""A chart: drawn once for its figures, its size and its theme, and only rows that changed are painted again."""

from collections.abc import Callable, Hashable, Sequence

from textual.geometry import Region
from textual.strip import Strip

from conduit_tui.tui.widgets.lines import Lines

Draw = Callable[[int, int], Sequence[Strip]]
"""Draws a chart of so many columns and rows."""


class Chart(Lines):
    """Shows what a function draws; `version` says which figures it draws."""

    DEFAULT_CSS = "Chart { height: 1fr; }"

    def __init__(self, *, widget_id: str | None = None) -> None:
        super().__init__(widget_id=widget_id)
        self._draw: Draw = lambda width, height: ()
        self._version: Hashable = None
        self._drawn: tuple[Hashable, int, int, str] | None = None
        self._strips: Sequence[Strip] = ()

    def show_drawing(self, version: Hashable, draw: Draw) -> None:
        """Show other figures, if the version is another."""
        self._version, self._draw = version, draw
        before = self._strips
        if not self.size.width:
            return
        self._update()
        for y in range(self.size.height):
            if _row(before, y) != _row(self._strips, y):
                self.refresh(Region(0, y, self.size.width, 1))

    def _update(self) -> None:
        wanted = (self._version, self.size.width, self.size.height, self.app.theme)
        if self._drawn != wanted:
            self._drawn = wanted
            self._strips = self._draw(self.size.width, self.size.height)

    def render_line(self, y: int) -> Strip:
        self._update()
        return _row(self._strips, y).adjust_cell_length(self.size.width, self.base)


def _row(strips: Sequence[Strip], y: int) -> Strip:
    return strips[y] if y < len(strips) else Strip.blank(0)
