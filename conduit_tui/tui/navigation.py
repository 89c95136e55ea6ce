"""Where one can go: to a tab, a view of it, or one thing in it. Screens are imported when they are shown."""

from collections.abc import Callable
from functools import partial

from conduit_tui.tui.actions import Scope
from conduit_tui.tui.conduit import Conduit
from conduit_tui.tui.screens.base import ConduitScreen


class Navigation(Conduit):
    """What the app does to show something else. A mixin of `ConduitApp`."""

    def action_show(self, name: str) -> None:
        from conduit_tui.tui.screens.requests import RequestsScreen

        for screen in self._screen_stacks.get("requests", ()):
            if isinstance(screen, RequestsScreen):
                screen.stay()
        self.switch_mode(name)

    def show_requests(self, text: str) -> None:
        from conduit_tui.tui.screens.requests import RequestsScreen

        back = self._way_back()
        self.switch_mode("requests")
        while not isinstance(self.screen, RequestsScreen):
            self.pop_screen()
        self.screen.call_after_refresh(self.screen.set_filter, text, back)

    def _way_back(self) -> Callable[[], object]:
        """What leads from the requests back to the screen that is shown now."""
        from conduit_tui.tui.screens.reconcile import ReconcileScreen

        if self.current_mode != "requests":
            return partial(self.switch_mode, self.current_mode)
        return self.action_reconcile if isinstance(self.screen, ReconcileScreen) else self.action_sessions

    def action_sessions(self) -> None:
        from conduit_tui.tui.screens.requests import RequestsScreen
        from conduit_tui.tui.screens.sessions import SessionsScreen

        self.switch_mode("requests")
        while not isinstance(self.screen, RequestsScreen | SessionsScreen):
            self.pop_screen()
        if isinstance(self.screen, RequestsScreen):
            self.push_screen(SessionsScreen())

    def action_reconcile(self) -> None:
        """Compare the ledger with Claude Code's transcripts, over the sessions."""
        from conduit_tui.tui.screens.reconcile import ReconcileScreen

        self.action_sessions()
        self.push_screen(ReconcileScreen())

    def action_prices(self, model: str = "") -> None:
        from conduit_tui.tui.screens.prices import PricesScreen

        self.switch_mode("budgets")
        if not isinstance(self.screen, PricesScreen):
            self.push_screen(PricesScreen(model))

    def show_rule(self, project: str, rule_id: str) -> None:
        from conduit_tui.tui.screens.rules import RulesScreen

        self.switch_mode("rules")
        while not isinstance(self.screen, RulesScreen):
            if isinstance(self.screen, ConduitScreen) and self.screen.unsaved:
                self.notify("this is not saved yet; leave it first", markup=False)
                return
            self.pop_screen()
        self.screen.call_after_refresh(self.screen.go_to, project, rule_id)

    def action_welcome(self) -> None:
        """Show how to begin, over the Overview."""
        from conduit_tui.tui.screens.welcome import WelcomeScreen

        self.switch_mode("overview")
        if not isinstance(self.screen, WelcomeScreen):
            self.push_screen(WelcomeScreen())

    def action_settings(self, what: str) -> None:
        """Show the Settings screen and run one of its actions: a test, the history, a page."""
        from conduit_tui.tui.screens.settings import SettingsScreen

        self.switch_mode("settings")
        screen = next(screen for screen in self.screen_stack if isinstance(screen, SettingsScreen))
        self.call_after_refresh(screen.run_action, what)

    def action_help(self) -> None:
        from conduit_tui.tui.screens.help import HelpScreen

        screen = self.screen
        if isinstance(screen, ConduitScreen):
            typed: tuple[Scope, ...] = getattr(self.focused, "SCOPES", ())
            self.push_screen(HelpScreen(screen.HELP_TITLE or screen.TAB, screen.HELP_TEXT, (*typed, *screen.SCOPES)))
