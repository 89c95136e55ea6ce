"""What widgets show, as plain text: to copy, to read in a pager."""

from collections.abc import Iterable, Iterator

from textual.widget import Widget

from conduit_tui.tui.clean import clean
from conduit_tui.tui.widgets.lines import Lines


def text_of(widgets: Iterable[Widget]) -> str:
    """One text of them all: whole where a widget is made of lines, else as much as is in sight."""
    return "\n".join(line.rstrip() for widget in widgets for line in _lines(widget)).strip("\n")


def _lines(widget: Widget) -> Iterator[str]:
    if not widget.display:
        return
    if isinstance(widget, Lines):
        for line in widget.lines:
            yield clean("".join(text for text, _ in line))
    elif widget.children:
        for child in widget.children:
            yield from _lines(child)
    else:
        for y in range(widget.size.height):
            yield clean(widget.render_line(y).text)
