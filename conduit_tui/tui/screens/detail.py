"""The detail of one request, over the list that it was opened from."""

from textual import work
from textual.app import ComposeResult

from conduit_tui.tui.actions import Scope, bindings
from conduit_tui.tui.format import count
from conduit_tui.tui.screens.base import ConduitScreen
from conduit_tui.tui.usage_pages import UsagePages
from conduit_tui.tui.views.usage_row import UsageLine
from conduit_tui.tui.widgets.chrome import Rule
from conduit_tui.tui.widgets.exchange_view import ExchangeView
from conduit_tui.tui.widgets.usage_list import UsageList


class DetailScreen(ConduitScreen):
    """Trace, timings, tokens and cost, headers and error of one attempt; `j` and `k` walk the list behind it."""

    SCOPES = (Scope.DETAIL,)
    TAB = "requests"
    BINDINGS = bindings(*SCOPES)
    HELP_TEXT = (
        "The trace is what each station decided and how long it took. Times begin when the request's first byte came. "
        "Headers are shown as they were kept: credentials masked."
    )

    def __init__(self, pages: UsagePages[UsageLine], behind: UsageList) -> None:
        super().__init__()
        self._pages = pages
        self._behind = behind

    def compose_content(self) -> ComposeResult:
        yield ExchangeView(widget_id="detail")

    @property
    def _view(self) -> ExchangeView:
        return self.query_one(ExchangeView)

    def data_changed(self) -> None:
        self._read()

    @work(group="detail", exclusive=True, exit_on_error=False)
    async def _read(self) -> None:
        at, reader = self._behind.cursor, self.conduit.reader
        if reader is None or at >= len(self._pages):
            return
        id_ = self._pages.id_at(at)
        rows = await reader.usage_rows([id_])
        attempts = await reader.usage_of_exchange(rows[0].row.exchange_id) if rows else []
        captures = await reader.captures_of_exchange(rows[0].row.exchange_id) if rows else []
        self._view.show_exchange(rows[0] if rows else None, attempts, captures)
        self.query_one("#rule", Rule).say(f"{count(at + 1)} of {count(len(self._pages))}")

    def action_step(self, by: int) -> None:
        at = self._behind.cursor + by
        if 0 <= at < len(self._pages):
            self._behind.action_move(by)
            self._read()

    def action_scroll_by(self, by: int) -> None:
        self._view.top += by

    def action_scroll_page(self, by: int) -> None:
        self._view.top += by * max(1, self._view.size.height - 2)

    def action_scroll_edge(self, end: int) -> None:
        self._view.top = self._view.last_top if end > 0 else 0

    def action_section(self) -> None:
        self._view.next_section()

    def action_back(self) -> None:
        self.dismiss()
