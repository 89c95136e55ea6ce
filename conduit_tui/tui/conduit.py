"""The app as its screens see it. They know this and not `ConduitApp`, which knows the screens."""

from __future__ import annotations

from collections.abc import Callable
from time import time
from typing import TYPE_CHECKING

from textual.app import App

from conduit_tui.tui.format import Now
from conduit_tui.tui.glyphs import ASCII, UNICODE
from conduit_tui.tui.preferences import DEFAULT, Preferences
from conduit_tui.tui.profile import LOCAL, Profile
from conduit_tui.tui.state import AppState

if TYPE_CHECKING:
    from conduit_tui.store.interface import Reader
    from conduit_tui.tui.sources import Sources


def system_clock() -> int:
    """Milliseconds since the epoch."""
    return int(time() * 1_000)


class Conduit(App[int]):
    """What it is attached to, how it is drawn, where one can go. `connect` is called once; `now` is the clock."""

    def __init__(
        self,
        connect: Callable[[], Sources],
        *,
        profile: Profile = LOCAL,
        project: str = "",
        now: Now = system_clock,
        preferences: Preferences = DEFAULT,
    ) -> None:
        super().__init__()
        self.profile = profile
        self.preferences = preferences
        self.now = now
        self.glyphs = ASCII if profile.ascii_only else UNICODE
        self.state = AppState(project=project, link_since=now())
        self._connect = connect
        self._sources: Sources | None = None

    @property
    def sources(self) -> Sources:
        """What the app is attached to."""
        if self._sources is None:
            self._sources = self._connect()
        return self._sources

    # What follows is filled in by ConduitApp. No ABC: Textual's apps have a metaclass of their own.

    @property
    def reader(self) -> Reader | None:
        """The database, once there is one."""
        raise NotImplementedError

    def action_start(self) -> object:
        """Start the gateway, and the daemon where none runs."""
        raise NotImplementedError

    def action_show(self, name: str) -> None:
        """Show a tab."""
        raise NotImplementedError

    def action_sessions(self) -> None:
        """Show the sessions, a view of the requests."""
        raise NotImplementedError

    def action_prices(self, model: str = "") -> None:
        """Show the prices of one's own; set that of a model, if one is named."""
        raise NotImplementedError

    def show_requests(self, text: str) -> None:
        """Show the requests that match a filter."""
        raise NotImplementedError

    def show_rule(self, project: str, rule_id: str) -> None:
        """Show a rule of a project."""
        raise NotImplementedError
