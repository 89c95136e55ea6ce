"""What is shown when there is no room for anything else."""

from textual import events
from textual.app import ComposeResult
from textual.screen import ModalScreen

from conduit_tui.tui.ink import Ink, plain
from conduit_tui.tui.widgets.lines import Lines

COLUMNS, ROWS = 60, 16


def too_small(width: int, height: int) -> bool:
    """Whether the screens would not fit."""
    return width < COLUMNS or height < ROWS


class TooSmallScreen(ModalScreen[None]):
    """Says what is needed and what there is. The app takes it away when there is room again."""

    def compose(self) -> ComposeResult:
        yield Lines([plain(" conduit")], widget_id="too-small")

    def on_resize(self, event: events.Resize) -> None:
        width, height = event.size
        lines = self.query_one("#too-small", Lines)
        text = f"needs {COLUMNS}x{ROWS}, is {width}x{height}"
        lines.styles.width = min(width, len(text))
        lines.show([((text, Ink.TEXT),)])
