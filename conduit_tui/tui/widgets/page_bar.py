"""The pages of a screen in one line; arrows go from one to the next while it has the focus."""

from collections.abc import Collection, Sequence
from typing import cast

from rich.cells import cell_len
from rich.style import Style
from textual import events
from textual.message import Message

from conduit_tui.tui.glyphs import UNICODE, Glyphs
from conduit_tui.tui.ink import Ink, Part
from conduit_tui.tui.widgets.lines import Lines


class PageBar(Lines, can_focus=True):
    """Which page is shown, and on which something is not saved."""

    DEFAULT_CSS = "PageBar { height: 1; }"

    class Chosen(Message):
        """Another page is to be shown."""

        def __init__(self, page: str) -> None:
            super().__init__()
            self.page = page

    def __init__(self, pages: Sequence[tuple[str, str]], *, widget_id: str) -> None:
        super().__init__(widget_id=widget_id)
        self._pages = pages
        self._marked: frozenset[str] = frozenset()
        self.active = pages[0][0]

    def on_mount(self) -> None:
        self._draw()

    def choose(self, page: str) -> None:
        """Show this page as the active one."""
        self.active = page
        self._draw()

    def step(self, by: int) -> None:
        """Ask for the next page, or the one before; it goes round."""
        names = [name for name, _ in self._pages]
        self.choose(names[(names.index(self.active) + by) % len(names)])
        self.post_message(self.Chosen(self.active))

    def mark(self, pages: Collection[str]) -> None:
        """The pages on which something is not saved."""
        self._marked = frozenset(pages)
        self._draw()

    def _draw(self) -> None:
        glyphs = cast("Glyphs", getattr(self.app, "glyphs", UNICODE))
        parts: list[Part] = []
        for name, title in self._pages:
            here = name == self.active
            ink = Ink.MUTED if not here else Ink.ACCENT if self.has_focus else Ink.STRONG
            if name in self._marked:
                parts.append((glyphs.on, Ink.WARN))
            else:
                parts.append((glyphs.pointer if here else " ", Ink.ACCENT))
            parts.append((f"{title} ", ink))
        self.show([parts])

    def ground(self, at: int) -> Style:
        return self.base

    def on_focus(self, event: events.Focus) -> None:
        self.call_later(self._draw)

    def on_blur(self, event: events.Blur) -> None:
        self.call_later(self._draw)  # it still has the focus while it is told that it loses it

    def on_key(self, event: events.Key) -> None:
        if event.key in ("left", "right"):
            event.stop()
            self.step(1 if event.key == "right" else -1)

    def on_click(self, event: events.Click) -> None:
        right = 0
        for name, title in self._pages:
            right += cell_len(title) + 2
            if event.x < right:
                self.post_message(self.Chosen(name))
                return
