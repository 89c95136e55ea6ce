"""What the screens with one list have in common: the keys that move its cursor."""

from typing import ClassVar

from conduit_tui.tui.screens.base import ConduitScreen
from conduit_tui.tui.widgets.lines import PickLines


class ListScreen(ConduitScreen):
    """A screen with one list. `action_move` is what all its keys come to."""

    STEPS: ClassVar[tuple[int, int] | None] = None  # half a page and a page, where they do not follow from the height

    @property
    def _list(self) -> PickLines:
        return self.query_one(PickLines)

    def action_move(self, by: int) -> None:
        self._list.move(by)

    def action_half_page(self, by: int) -> None:
        self.action_move(by * (self.STEPS[0] if self.STEPS else max(1, self._list.size.height // 2)))

    def action_page(self, by: int) -> None:
        self.action_move(by * (self.STEPS[1] if self.STEPS else max(1, self._list.size.height)))

    def action_top(self) -> None:
        self.action_move(-len(self._list.lines))

    def action_bottom(self) -> None:
        self.action_move(len(self._list.lines))
