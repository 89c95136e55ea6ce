"""The test of a configuration: everything that was looked at, what failed first, each with what to do."""

from __future__ import annotations

from textual import work
from textual.app import ComposeResult

from conduit_tui.control.configuration_test import PASSED, failed
from conduit_tui.control.plane import ConfigurationCheck, ControlError
from conduit_tui.domain.projects import ProjectConfig
from conduit_tui.store.interface import StoreError
from conduit_tui.tui.actions import Scope, bindings
from conduit_tui.tui.clean import clean
from conduit_tui.tui.ink import BLANK, Ink, Line, spread
from conduit_tui.tui.screens.base import ConduitScreen
from conduit_tui.tui.views.settings import check_lines
from conduit_tui.tui.widgets.lines import Lines


class ConfigurationTestScreen(ConduitScreen):
    """Tests a configuration, saved or not."""

    SCOPES = (Scope.TEST, Scope.LISTS)
    TAB = "settings"
    BINDINGS = bindings(*SCOPES)
    HELP_TEXT = (
        "Rules are compiled, models looked up, providers asked for what is free, and a sample request is decided. "
        "No request is sent to a model. Where clients bring their own keys, only that the provider answers is tested."
    )

    def __init__(self, project: str, config: ProjectConfig, unread: list[ConfigurationCheck], *, saved: bool) -> None:
        """`unread` is what is wrong with a draft before it is a configuration."""
        super().__init__()
        self._project = project
        self._config = config
        self._unread = unread
        self._saved = saved
        self._checks: list[ConfigurationCheck] | None = None

    def compose_content(self) -> ComposeResult:
        yield Lines(widget_id="test-title")
        yield Lines(widget_id="checks")

    def on_mount(self) -> None:
        self._test()

    @property
    def _list(self) -> Lines:
        return self.query_one("#checks", Lines)

    @work(group="configuration-test", exclusive=True, exit_on_error=False)
    async def _test(self) -> None:
        self._checks = None
        self._show("testing; providers are being asked …", Ink.ACCENT)
        try:
            async with self.conduit.sources.open_control() as control:
                found = await control.test_configuration(self._project, self._config)
        except (ControlError, StoreError, OSError) as error:
            self._show(f"not tested: {clean(str(error))}", Ink.BAD)
            return
        self._checks = [*self._unread, *found]
        wrong = failed(self._checks)
        if wrong:
            self._show(f"{self.conduit.glyphs.bad} {len(wrong)} of {len(self._checks)} failed", Ink.BAD)
        else:
            self._show(f"{self.conduit.glyphs.good} {PASSED}", Ink.GOOD)

    def _show(self, said: str, ink: Ink) -> None:
        width = self.app.size.width
        whose = "as it is written, not saved" if not self._saved else "as it is saved"
        left: Line = ((f" test of {self._project}", Ink.STRONG), (f"  {whose}", Ink.MUTED))
        self.query_one("#test-title", Lines).show([spread(left, ((f"{said} ", ink),), width), BLANK])
        if self._checks is not None:
            self._list.show(check_lines(self._checks, width, self.conduit.glyphs))

    def action_again(self) -> None:
        self._test()

    def action_back(self) -> None:
        self.dismiss()

    def action_move(self, by: int) -> None:
        self._list.top += by

    def action_half_page(self, by: int) -> None:
        self.action_move(by * max(1, self._list.size.height // 2))

    def action_page(self, by: int) -> None:
        self.action_move(by * self._list.size.height)

    def action_top(self) -> None:
        self._list.top = 0

    def action_bottom(self) -> None:
        self._list.top = len(self._list.lines)
