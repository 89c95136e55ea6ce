"""The app: wires the feeds to the screens, and the registry's actions to what they do."""

from __future__ import annotations

import asyncio
import gc
import importlib
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, ClassVar

from textual import events, work
from textual.app import SystemCommand
from textual.command import CommandPalette
from textual.screen import Screen
from textual.widgets import Input

from conduit_tui.tui import theming
from conduit_tui.tui.actions import Scope, bindings, current
from conduit_tui.tui.clean import CleanOutput, clean
from conduit_tui.tui.colors import Colors
from conduit_tui.tui.conduit import system_clock
from conduit_tui.tui.copying import Copying
from conduit_tui.tui.faults import Faults
from conduit_tui.tui.format import Now
from conduit_tui.tui.leaving import Arrivals
from conduit_tui.tui.messages import (
    DaemonLost,
    DaemonStarting,
    LiveChanged,
    LiveLost,
    StatusChanged,
    StoreOpened,
    StoreUnreadable,
)
from conduit_tui.tui.modes import LATER
from conduit_tui.tui.navigation import Navigation
from conduit_tui.tui.preferences import DEFAULT, Preferences, trouble
from conduit_tui.tui.profile import LOCAL, Profile
from conduit_tui.tui.screens.base import shown_on
from conduit_tui.tui.screens.overview import OverviewScreen
from conduit_tui.tui.state import Link

if TYPE_CHECKING:
    from conduit_tui.store.interface import Reader
    from conduit_tui.tui.feeds import Feeds
    from conduit_tui.tui.sources import Sources

NOTICE_SECONDS = 20.0


class ConduitApp(Navigation, Copying, Arrivals, Faults):
    """The control centre. `themes` are the user's own; `welcome` greets whoever has nothing here yet."""

    TITLE = "conduit"
    CSS_PATH = "app.tcss"
    BINDINGS = bindings(Scope.EVERYWHERE)
    ENABLE_COMMAND_PALETTE = True
    COMMAND_PALETTE_BINDING = "ctrl+p"
    MODES: ClassVar[dict[str, str | Callable[[], Screen[None]]]] = {"overview": OverviewScreen, **LATER}
    DEFAULT_MODE = "overview"

    def __init__(
        self,
        connect: Callable[[], Sources],
        *,
        profile: Profile = LOCAL,
        project: str = "",
        now: Now = system_clock,
        preferences: Preferences = DEFAULT,
        themes: Mapping[str, Colors] | None = None,
        welcome: bool = False,
    ) -> None:
        super().__init__(connect, profile=profile, project=project, now=now, preferences=preferences)
        self._welcome = welcome
        self._feeds: Feeds | None = None
        self._filters.append(CleanOutput(ascii_only=profile.ascii_only))
        theming.register(self, themes or {})
        self.theme = theming.known(self, self.preferences.theme) or profile.theme

    @property
    def reader(self) -> Reader | None:
        return self._feeds.reader if self._feeds is not None else None

    def on_mount(self) -> None:
        self.call_after_refresh(self._listen)
        self.set_interval(self.profile.clock_seconds, self._state_changed)

    @work(group="listen", exit_on_error=False)
    async def _listen(self) -> None:
        """Begin to listen, after the first paint; what that takes is imported in a thread, so that keys answer."""
        gc.freeze()
        gc.enable()
        feeds = await asyncio.to_thread(self._load)
        self._feeds = feeds
        for feed in (feeds.daemon, feeds.gateway, feeds.store):
            self.run_worker(feed(), name=feed.__name__, group="feeds", exit_on_error=False)
        for notice in await asyncio.to_thread(trouble, self.sources.state_dir, self.preferences):
            self.notify(clean(notice), severity="warning", timeout=NOTICE_SECONDS, markup=False)

    def _load(self) -> Feeds:
        from conduit_tui.tui.feeds import Feeds

        return Feeds(self.sources, self.post_message, data_repaints=self.profile.data_repaints)

    async def on_unmount(self) -> None:
        if self._feeds is not None:
            await self._feeds.close()

    # What the feeds tell

    def on_status_changed(self, message: StatusChanged) -> None:
        served = self.state.serving
        self._link(Link.ATTACHED)
        self.state.status = message.status
        if self.state.serving and not served and self._feeds is not None:
            self.state.live_lost = ""
            self._feeds.try_gateway_now()
        self._state_changed()

    def on_daemon_starting(self, message: DaemonStarting) -> None:
        self._link(Link.STARTING)
        self._state_changed()

    def on_daemon_lost(self, message: DaemonLost) -> None:
        # A start that failed stays on the screen: that nobody answers is only its consequence.
        if message.failed or self.state.link is not Link.FAILED:
            self._link(Link.FAILED if message.failed else Link.LOST, message.reason)
            self._state_changed()

    def _link(self, link: Link, reason: str = "") -> None:
        if self.state.link is not link:
            self.state.link_since = self.now()
        self.state.link, self.state.link_reason = link, reason

    def on_live_changed(self, message: LiveChanged) -> None:
        before, self.state.live = self.state.live, message.live
        self.state.live_lost = ""
        self.state.bypass, self.state.bypass_forced = message.live.bypass, message.live.bypass_forced
        self._state_changed()
        if before is None or before.last_usage_id != message.live.last_usage_id:
            self._data_changed()

    def on_live_lost(self, message: LiveLost) -> None:
        if not self.state.live_lost:
            self.state.live_since = self.now()
        self.state.live_lost = message.reason
        if self.state.live is not None:
            self.state.live = self.state.live.model_copy(update={"in_flight": (), "in_flight_count": 0})
        self._state_changed()
        self.look_at_bypass()

    def on_store_unreadable(self, message: StoreUnreadable) -> None:
        self.state.store_problem = message.reason
        self._state_changed()

    def on_store_opened(self, message: StoreOpened) -> None:
        self.state.store_problem = ""
        self.look_at_bypass()
        self._data_changed()
        if self._welcome:
            self._greet()

    @work(group="welcome", exclusive=True, exit_on_error=False)
    async def _greet(self) -> None:
        """Welcome whoever has nothing here yet and does nothing else already."""
        welcome = await asyncio.to_thread(importlib.import_module, "conduit_tui.tui.screens.welcome")
        if self.reader is not None and await welcome.is_new(self.reader) and isinstance(self.screen, OverviewScreen):
            self.push_screen(welcome.WelcomeScreen())

    @work(group="bypass-read", exclusive=True, exit_on_error=False)
    async def look_at_bypass(self) -> None:
        """Read whether the bypass is on from the database, where no gateway tells it."""
        if self.reader is not None and (self.state.live is None or self.state.live_lost):
            self.state.bypass, self.state.bypass_forced = await self.reader.bypass(), False
            self._state_changed()

    def _state_changed(self) -> None:
        if screen := shown_on(self):
            screen.show_state(self.state)

    def _data_changed(self) -> None:
        if screen := shown_on(self):
            screen.data_changed()

    # What can be done

    def action_theme(self) -> None:
        theming.use_next(self)

    @work(group="dialog", exclusive=True, exit_on_error=False)
    async def action_project(self) -> None:
        from conduit_tui.tui import dialogs

        chosen = await dialogs.choose_project(self)
        if chosen is not None and await self._settled():
            self.state.project = chosen
            self._state_changed()
            self._data_changed()

    async def _settled(self) -> bool:
        """Whether the Settings screen, if there is one, has nothing unsaved, or has been told what to do with it."""
        from conduit_tui.tui.screens.settings import SettingsScreen

        for screen in self._screen_stacks.get("settings", ()):
            if isinstance(screen, SettingsScreen) and not await screen.settle("Another project"):
                return False
        return True

    @work(group="dialog", exclusive=True, exit_on_error=False)
    async def action_bypass(self) -> None:
        from conduit_tui.tui import dialogs

        if await dialogs.bypass(self):
            self.look_at_bypass()

    @work(group="start", exclusive=True, exit_on_error=False)
    async def action_start(self) -> None:
        from conduit_tui.tui import dialogs

        if self.state.link is Link.ATTACHED:
            await dialogs.start(self)
        elif self.state.link is not Link.STARTING and self._feeds is not None:
            await self._feeds.start_daemon()

    @work(group="dialog", exclusive=True, exit_on_error=False)
    async def action_stop(self) -> None:
        from conduit_tui.tui import dialogs

        await dialogs.stop(self)

    @work(group="dialog", exclusive=True, exit_on_error=False)
    async def action_restart(self) -> None:
        from conduit_tui.tui import dialogs

        await dialogs.restart(self)

    @work(group="dialog", exclusive=True, exit_on_error=False)
    async def action_leave(self) -> None:
        from conduit_tui.tui import dialogs

        await dialogs.leave(self)

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        for action in current():
            if action.palette:
                run = action.run.removeprefix("app.")
                yield SystemCommand(action.palette, action.help, lambda run=run: self.call_later(self.run_action, run))
        for name in theming.names(self):
            yield SystemCommand(f"Theme: {name}", "Draw with this theme", lambda name=name: theming.use(self, name))

    def on_command_palette_opened(self, event: CommandPalette.Opened) -> None:
        for line in self.screen.query(Input):
            line.cursor_blink = False  # a blinking cursor sends bytes for ever

    def on_resize(self, event: events.Resize) -> None:
        from conduit_tui.tui.screens.too_small import TooSmallScreen, too_small

        shown = isinstance(self.screen, TooSmallScreen)
        small = too_small(*event.size)
        if small and not shown:
            self.push_screen(TooSmallScreen())
        elif shown and not small:
            self.pop_screen()
