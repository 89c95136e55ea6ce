"""The app: wires the feeds to the screens, and the registry's actions to what they do."""

import logging
import traceback
from collections.abc import Callable, Iterable
from time import time
from typing import ClassVar

from textual import events, work
from textual.app import App, SystemCommand
from textual.command import CommandPalette
from textual.screen import Screen
from textual.widgets import Input
from textual.worker import Worker, WorkerState

from conduit_tui.control.plane import ControlError
from conduit_tui.domain.processes import GatewayState
from conduit_tui.store.interface import Reader
from conduit_tui.tui.actions import ACTIONS, Scope, bindings
from conduit_tui.tui.clean import CleanOutput, clean
from conduit_tui.tui.feeds import Feeds
from conduit_tui.tui.format import Now
from conduit_tui.tui.glyphs import ASCII, UNICODE
from conduit_tui.tui.messages import DaemonLost, DaemonStarting, LiveChanged, LiveLost, StatusChanged, StoreOpened
from conduit_tui.tui.profile import LOCAL, Profile
from conduit_tui.tui.screens.base import ConduitScreen
from conduit_tui.tui.screens.overview import OverviewScreen
from conduit_tui.tui.sources import Sources
from conduit_tui.tui.state import AppState, Link
from conduit_tui.tui.theme import DARK, LIGHT, THEMES

log = logging.getLogger(__name__)


def system_clock() -> int:
    """Milliseconds since the epoch."""
    return int(time() * 1_000)


def _requests() -> Screen[None]:
    from conduit_tui.tui.screens.requests import RequestsScreen

    return RequestsScreen()


def _process() -> Screen[None]:
    from conduit_tui.tui.screens.process import ProcessScreen

    return ProcessScreen()


class ConduitApp(App[int]):
    """The control centre. `now` is the clock, so that a test may hold it still."""

    TITLE = "conduit"
    CSS_PATH = "app.tcss"
    BINDINGS = bindings(Scope.EVERYWHERE)
    ENABLE_COMMAND_PALETTE = True
    COMMAND_PALETTE_BINDING = "ctrl+p"
    MODES: ClassVar[dict[str, str | Callable[[], Screen[None]]]] = {
        "overview": OverviewScreen,
        "requests": _requests,
        "process": _process,
    }
    DEFAULT_MODE = "overview"

    def __init__(
        self, sources: Sources, *, profile: Profile = LOCAL, project: str = "", now: Now = system_clock
    ) -> None:
        super().__init__()
        self.sources = sources
        self.profile = profile
        self.now = now
        self.glyphs = ASCII if profile.ascii_only else UNICODE
        self.state = AppState(project=project, link_since=now())
        self._feeds = Feeds(sources, self.post_message, data_repaints=profile.data_repaints)
        self._filters.append(CleanOutput(ascii_only=profile.ascii_only))
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = profile.theme

    @property
    def reader(self) -> Reader | None:
        """The database, once there is one."""
        return self._feeds.reader

    def on_mount(self) -> None:
        self.call_after_refresh(self._listen)
        self.set_interval(self.profile.clock_seconds, self._time_passed)

    def _listen(self) -> None:
        """Begin to listen; after the first paint, which waits for nothing."""
        for feed in (self._feeds.daemon, self._feeds.gateway, self._feeds.store):
            self.run_worker(feed(), group=f"feed-{feed.__name__}", exit_on_error=False)

    async def on_unmount(self) -> None:
        await self._feeds.close()

    # What the feeds tell

    def on_status_changed(self, message: StatusChanged) -> None:
        self._link(Link.ATTACHED)
        self.state.status = message.status
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

    def on_store_opened(self, message: StoreOpened) -> None:
        self._data_changed()

    def _state_changed(self) -> None:
        if isinstance(self.screen, ConduitScreen):
            self.screen.show_state(self.state)

    def _data_changed(self) -> None:
        if isinstance(self.screen, ConduitScreen):
            self.screen.data_changed()

    def _time_passed(self) -> None:
        self._state_changed()

    # What can be done

    def action_show(self, name: str) -> None:
        self.switch_mode(name)

    def show_requests(self, text: str) -> None:
        """Show the requests that match a filter."""
        from conduit_tui.tui.screens.requests import RequestsScreen

        self.switch_mode("requests")
        while not isinstance(self.screen, RequestsScreen):
            self.pop_screen()
        self.screen.call_after_refresh(self.screen.set_filter, text)

    def action_help(self) -> None:
        from conduit_tui.tui.screens.help import HelpScreen

        screen = self.screen
        if isinstance(screen, ConduitScreen):
            self.push_screen(HelpScreen(screen.TAB, screen.HELP_TEXT, screen.SCOPES))

    def action_theme(self) -> None:
        self.theme = LIGHT.name if self.theme == DARK.name else DARK.name

    @work(group="project", exclusive=True, exit_on_error=False)
    async def action_project(self) -> None:
        """Choose the project that the screens look at."""
        from conduit_tui.tui.screens.dialog import Choice, Dialog

        if self.reader is None:
            self.notify("there is no database yet", markup=False)
            return
        totals = await self.reader.usage_totals(since=0, until=2**53, by="project")
        counts = {total.key: total.requests for total in totals}
        known = sorted({project.name for project in await self.reader.projects()} | set(counts))
        choices = [Choice("", "", "all projects")]
        choices += [Choice(name, "", clean(name), f"{counts.get(name, 0):,} requests") for name in known]
        chosen = await self.push_screen_wait(Dialog("Project", (), choices))
        if chosen is not None:
            self.state.project = chosen
            self._state_changed()
            self._data_changed()

    def action_start(self) -> None:
        if self.state.link is Link.ATTACHED:
            if self.state.serving:
                self.notify("the gateway is running", markup=False)
            else:
                self._ask("start")
        elif self.state.link is not Link.STARTING:
            self.run_worker(self._feeds.start_daemon(), group="start", exclusive=True, exit_on_error=False)

    @work(group="dialog", exclusive=True, exit_on_error=False)
    async def action_stop(self) -> None:
        """Drain and stop the gateway."""
        from conduit_tui.tui.screens.dialog import Choice, Dialog

        flying = self.state.live.in_flight_count if self.state.live else 0
        said = (f"{flying} in flight; they may end first." if flying else "Nothing is in flight.",)
        choices = (
            Choice("", "n", "no, keep it running"),
            Choice("drain", "x", "drain, then stop", "30 s at most"),
            Choice("now", "!", "cut and stop now"),
        )
        chosen = await self.push_screen_wait(Dialog("Stop the gateway?", said, choices))
        if chosen:
            self._ask("stop now" if chosen == "now" else "stop")

    @work(group="dialog", exclusive=True, exit_on_error=False)
    async def action_restart(self) -> None:
        """Hand over to a new gateway."""
        from conduit_tui.tui.screens.dialog import Choice, Dialog

        said = ("A new gateway takes the port over; no connection is refused.",)
        choices = (Choice("restart", "r", "restart"), Choice("", "n", "no"))
        if await self.push_screen_wait(Dialog("Restart the gateway?", said, choices)):
            self._ask("restart")

    @work(group="ask", exit_on_error=False)
    async def _ask(self, what: str) -> None:
        """Ask the daemon for something; a refusal is shown in its own words."""
        process = self.sources.process
        try:
            if what == "start":
                await process.start()
            elif what == "restart":
                await process.restart()
            else:
                await process.stop(now=what == "stop now")
        except (ControlError, OSError) as error:
            self.notify(clean(str(error)), title=f"cannot {what}", severity="error", markup=False)

    @work(group="dialog", exclusive=True, exit_on_error=False)
    async def action_leave(self) -> None:
        """Leave: detach, or stop daemon and gateway too."""
        from conduit_tui.tui.screens.dialog import Choice, Dialog

        if self.state.link is not Link.ATTACHED:
            self.exit(0)
            return
        running = self.state.status is not None and self.state.status.state is not GatewayState.STOPPED
        said = ("The gateway goes on serving after you detach." if running else "The daemon stays when you detach.",)
        choices = (
            Choice("detach", "d", "detach", "leave everything running"),
            Choice("stop", "s", "stop", "drain the gateway and end the daemon"),
        )
        chosen = await self.push_screen_wait(Dialog("Leave", said, choices, again="ctrl+c"))
        if chosen == "stop":
            try:
                await self.sources.process.shutdown()
            except (ControlError, OSError) as error:
                self.notify(clean(str(error)), title="cannot stop", severity="error", markup=False)
                return
        if chosen:
            self.exit(0)

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        for action in ACTIONS:
            if action.palette:
                run = action.run.removeprefix("app.")
                yield SystemCommand(action.palette, action.help, lambda run=run: self.call_later(self.run_action, run))

    def on_command_palette_opened(self, event: CommandPalette.Opened) -> None:
        for line in self.screen.query(Input):
            line.cursor_blink = False  # a blinking cursor sends bytes for ever

    # What can go wrong

    def on_resize(self, event: events.Resize) -> None:
        from conduit_tui.tui.screens.too_small import TooSmallScreen, too_small

        shown = isinstance(self.screen, TooSmallScreen)
        small = too_small(*event.size)
        if small and not shown:
            self.push_screen(TooSmallScreen())
        elif shown and not small:
            self.pop_screen()

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        if event.state is WorkerState.ERROR and event.worker.error is not None:
            error = event.worker.error
            log.error("worker %s failed", event.worker.name, exc_info=error)
            self.notify(
                clean(f"{type(error).__name__}: {error}"),
                title=f"{event.worker.name.strip('_')} failed; the rest goes on",
                severity="error",
                markup=False,
            )

    def _fatal_error(self) -> None:
        # Textual's own report would print local variables.
        log.critical("the control centre ended on an error\n%s", traceback.format_exc())
        self._close_messages_no_wait()
