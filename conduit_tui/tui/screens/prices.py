"""Prices of one's own: what models cost that the price list does not know, or knows otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import work
from textual.app import ComposeResult

from conduit_tui.control.plane import ControlError
from conduit_tui.store.interface import StoreError
from conduit_tui.tui.actions import Scope, bindings
from conduit_tui.tui.clean import clean
from conduit_tui.tui.format import DAY
from conduit_tui.tui.screens.dialog import Choice, Dialog
from conduit_tui.tui.screens.listing import ListScreen
from conduit_tui.tui.views import prices
from conduit_tui.tui.views.prices import PricesData
from conduit_tui.tui.widgets.lines import PickLines

if TYPE_CHECKING:
    from conduit_tui.domain.prices import PriceOverride

GUESSES_OF_DAYS = 30


class PricesScreen(ListScreen):
    """Own prices and unknown models; enter sets one. With a `model`, its form is opened at once."""

    SCOPES = (Scope.PRICES, Scope.LISTS)
    TAB = "budgets"
    STEPS = (8, 16)
    BINDINGS = bindings(*SCOPES)
    HELP_TEXT = (
        "A price of one's own comes before the price list, a name before a pattern with * and ?. Nothing is free but "
        "what says so. What the cache's rates do not say costs as input."
    )

    def __init__(self, model: str = "") -> None:
        super().__init__()
        self._model = model
        self._data = PricesData()

    def compose_content(self) -> ComposeResult:
        yield PickLines(widget_id="prices")

    @property
    def _list(self) -> PickLines:
        return self.query_one("#prices", PickLines)

    def data_changed(self) -> None:
        self._read()

    @work(group="prices", exclusive=True, exit_on_error=False)
    async def _read(self) -> None:
        reader = self.conduit.reader
        if reader is None:
            return
        now = self.conduit.now()
        guessed = await reader.guessed_prices(since=now - GUESSES_OF_DAYS * DAY, until=now + 1)
        self._data = PricesData(with_unknown(await reader.price_overrides()), guessed)
        self._list.show_targets(prices.lines(self._data, now, self._list.size.width or self.app.size.width))
        if self._model:
            model, self._model = self._model, ""
            self._edit(model, "")

    def _edit(self, model: str, provider: str) -> None:
        from conduit_tui.tui.screens.price_form import PriceForm

        known = next((one for one in self._data.own if (one.model, one.provider) == (model, provider)), None)
        self.app.push_screen(PriceForm(known, model))

    def action_edit(self) -> None:
        if (target := self._list.target) is not None:
            self._edit(*target)

    def on_pick_lines_picked(self, event: PickLines.Picked) -> None:
        self._edit(*event.target)

    def action_new(self) -> None:
        self._edit("", "")

    @work(group="dialog", exclusive=True, exit_on_error=False)
    async def action_delete(self) -> None:
        known = next((one for one in self._data.own if (one.model, one.provider) == self._list.target), None)
        if known is None or not known.updated_at:
            self.notify("only a price of one's own can be removed", markup=False)
            return
        choices = (Choice("remove", "y", "remove it"), Choice("", "n", "no"))
        said = ("The price list counts again, or the unknown-model rate.",)
        if not await self.app.push_screen_wait(Dialog(f"Remove the price of {clean(known.model)}?", said, choices)):
            return
        try:
            async with self.conduit.sources.open_control() as control:
                await control.remove_price(known.model, known.provider)
        except (ControlError, StoreError, OSError) as error:
            self.notify(clean(str(error)), title="not removed", severity="error", markup=False)
        self._read()

    def action_back(self) -> None:
        self.dismiss()


def with_unknown(own: list[PriceOverride]) -> list[PriceOverride]:
    """One's own prices, with the built-in rate of unknown models where none was set."""
    from conduit_tui.domain.prices import UNKNOWN, UNKNOWN_RATE

    return own if any(price.model == UNKNOWN for price in own) else [*own, UNKNOWN_RATE]
