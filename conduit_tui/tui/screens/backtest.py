"""Backtest: what past requests would have cost under these rules."""

import contextlib
from collections.abc import Sequence

from textual import work
from textual.app import ComposeResult
from textual.worker import Worker

from conduit_tui.domain.rules import Rule as RoutingRule
from conduit_tui.routing.backtest_result import BacktestResult
from conduit_tui.tui.actions import Scope, bindings
from conduit_tui.tui.backtest_child import BacktestFailed, Progress
from conduit_tui.tui.ink import BLANK, Ink
from conduit_tui.tui.screens.base import ConduitScreen
from conduit_tui.tui.views import backtest as view
from conduit_tui.tui.widgets.lines import Lines

RANGES = (("1 h", "1h"), ("24 h", "24h"), ("7 d", "7d"), ("30 d", "30d"))
FIRST = 2


class BacktestScreen(ConduitScreen):
    """Tries a rule set on recorded requests, in a process of its own."""

    SCOPES = (Scope.BACKTEST, Scope.LISTS)
    TAB = "rules"
    BINDINGS = bindings(*SCOPES)
    HELP_TEXT = (
        "Every recorded request of the time is decided anew by these rules. Cost then is what was paid; now is what "
        "the same tokens would have cost, prompt caches thrown away counted in. Requests of which it cannot be said "
        "(a text was not captured, say) are counted apart and left as they were."
    )

    def __init__(self, project: str, rules: Sequence[RoutingRule]) -> None:
        super().__init__()
        self._project = project
        self._rules = rules
        self._range = FIRST
        self._progress: Progress | None = None
        self._result: BacktestResult | None = None
        self._failure = ""
        self._worker: Worker[None] | None = None

    def compose_content(self) -> ComposeResult:
        yield Lines(widget_id="backtest-title")
        yield Lines(widget_id="backtest")

    @property
    def lines(self) -> Lines:
        return self.query_one("#backtest", Lines)

    def on_mount(self) -> None:
        self._run()

    def _run(self) -> None:
        self._progress, self._result, self._failure = None, None, ""
        self._worker = self._test()
        self._say()

    @work(group="backtest", exclusive=True, exit_on_error=False)
    async def _test(self) -> None:
        _, since = RANGES[self._range]
        try:
            async with contextlib.aclosing(self.conduit.sources.backtest(self._project, since, self._rules)) as items:
                async for item in items:
                    if isinstance(item, Progress):
                        self._progress = item
                    else:
                        self._result = item
                    self._say()
        except (BacktestFailed, OSError) as error:
            self._failure = str(error)
        self._say()

    @property
    def _is_running(self) -> bool:
        return self._worker is not None and not self._worker.is_finished and self._result is None

    def show_state(self, state: object) -> None:
        super().show_state(self.conduit.state)
        self._say()

    def _say(self) -> None:
        width = self.size.width
        if not width:
            return
        name, _ = RANGES[self._range]
        self.query_one("#backtest-title", Lines).show(
            [view.title(self._project, [each for each, _ in RANGES], self._range, width)]
        )
        if self._failure:
            lines = [BLANK, ((f" {self._failure}", Ink.BAD),), ((" r runs it again", Ink.MUTED),)]
        elif self._result is not None:
            lines = view.result_lines(self._result, name, width, self.conduit.glyphs)
        else:
            lines = view.progress_lines(self._progress, width, self.conduit.glyphs)
        self.lines.show(lines)

    def action_range(self, by: int) -> None:
        chosen = max(0, min(len(RANGES) - 1, self._range + by))
        if chosen != self._range:
            self._range = chosen
            self.lines.top = 0
            self._run()

    def action_again(self) -> None:
        self._run()

    def action_back(self) -> None:
        if self._is_running and self._worker is not None:
            self._worker.cancel()
            self._failure = "cancelled"
            self._say()
        else:
            self.dismiss()

    def on_unmount(self) -> None:
        if self._worker is not None:
            self._worker.cancel()

    def action_move(self, by: int) -> None:
        self.lines.top += by

    def action_half_page(self, by: int) -> None:
        self.lines.top += by * max(1, self.lines.size.height // 2)

    def action_page(self, by: int) -> None:
        self.lines.top += by * max(1, self.lines.size.height - 1)

    def action_top(self) -> None:
        self.lines.top = 0

    def action_bottom(self) -> None:
        self.lines.top = self.lines.last_top
