"""Keys can come faster than a screen goes: only the first one that leaves it counts."""

from textual.await_complete import AwaitComplete
from textual.screen import Screen, ScreenResultType


class LeavesOnce(Screen[ScreenResultType]):
    """A screen that is dismissed once; the keys behind the one that did it would hit the screen below."""

    _has_left = False

    def on_screen_resume(self) -> None:
        self._has_left = False

    def dismiss(self, result: ScreenResultType | None = None) -> AwaitComplete:
        if self._has_left:
            return AwaitComplete()
        self._has_left = True
        if not self.is_mounted:  # the key came before its widgets: they are to find each other first
            self.call_later(self._leave_now, result)
            return AwaitComplete()
        return super().dismiss(result)

    def _leave_now(self, result: ScreenResultType | None) -> None:
        super().dismiss(result)  # not awaited: a screen cannot wait for its own end
