"""Keys come faster than a screen comes and goes: it is there before it goes, goes once, and takes no other along."""

import asyncio
import contextlib

from textual.app import App
from textual.await_complete import AwaitComplete
from textual.screen import Screen, ScreenResultType

_ARRIVAL_SECONDS = 20.0


class Arrivals(App[int]):
    """Does nothing to a screen whose widgets are not there yet: they still look for each other. For `ConduitApp`."""

    async def _check_bindings(self, key: str, priority: bool = False) -> bool:
        await _arrived(self.screen)
        return await super()._check_bindings(key, priority)

    async def _replace_screen(self, screen: Screen[object]) -> Screen[object]:
        await _arrived(screen)
        return await super()._replace_screen(screen)


async def _arrived(screen: Screen[object]) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(screen._mounted_event.wait(), _ARRIVAL_SECONDS)


class LeavesOnce(Screen[ScreenResultType]):
    """A screen that is dismissed once; the keys behind the one that did it would hit the screen below."""

    _has_left = False
    _waits_with: tuple[ScreenResultType | None] | None = None  # the result, while another screen lies over it

    def on_screen_resume(self) -> None:
        if self._waits_with is None:
            self._has_left = False
        else:
            self.call_later(self._leave_now)

    def dismiss(self, result: ScreenResultType | None = None) -> AwaitComplete:
        if self._has_left:
            return AwaitComplete()
        self._has_left = True
        if self.app.screen is not self:  # the one that would go is the one on top
            self._waits_with = (result,)
            return AwaitComplete()
        return super().dismiss(result)

    def _leave_now(self) -> None:
        if self._waits_with is not None and self.app.screen is self:
            (result,), self._waits_with = self._waits_with, None
            super().dismiss(result)  # not awaited: a screen cannot wait for its own end
