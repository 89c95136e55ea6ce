"""The form of a price of one's own."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from conduit_tui.domain.money import NANO_PER_DOLLAR
from conduit_tui.tui.amounts import nanodollars, read_dollars
from conduit_tui.tui.screens.form import Form, Problems
from conduit_tui.tui.views.prices import rate
from conduit_tui.tui.widgets.fields import FieldRow, TextInput, Toggle

if TYPE_CHECKING:
    from conduit_tui.domain.prices import PriceOverride

COSTS = ("costs", "is free")
FIELDS = {
    "input": "input $",
    "output": "output $",
    "cache-read": "cache read $",
    "cache-write-5m": "5 min write $",
    "cache-write-1h": "1 h write $",
}
NEEDED = ("input", "output")


class PriceForm(Form):
    """Sets what a model costs, in dollars per million tokens."""

    HELP_TEXT = (
        "Dollars per million tokens. A model is a name or a pattern with * and ?; without a provider it is for all of "
        "them. Only what is said to be free costs nothing."
    )

    def __init__(self, known: PriceOverride | None, model: str = "") -> None:
        name = known.model if known else model
        super().__init__(
            f"price of {name}" if name else "a price of one's own",
            (
                "dollars per million tokens; the cache's rates may stay empty: as input",
                "model      a name, or a pattern with * and ?",
                "           unknown: the rate of every model whose price nobody knows",
                "provider   empty for all of them",
                "free       for models of your own machine; nothing else is free",
            ),
        )
        self._known = known
        self._model = name

    def rows(self) -> Iterable[FieldRow]:
        known = self._known
        yield FieldRow("model", TextInput(self._model, widget_id="model"))
        yield FieldRow("provider", TextInput(known.provider if known else "", widget_id="provider"))
        yield FieldRow("it", Toggle(COSTS, COSTS[known.free if known else False], widget_id="free"))
        for name, label in FIELDS.items():
            value = getattr(known, name.replace("-", "_")) if known and not known.free else None
            yield FieldRow(label, TextInput(rate(value), widget_id=name))

    @property
    def _free(self) -> bool:
        return self.value("free") == COSTS[1]

    def check(self) -> Problems:
        from conduit_tui.domain.prices import UNKNOWN

        model = self.value("model").strip()
        problems: dict[str, str] = {}
        if not model:
            problems["model"] = "a name, or a pattern such as qwen*"
        if self._free:
            if model == UNKNOWN:
                problems["free"] = "unknown models are never free; name those that are"
            problems |= {name: "what is free has no rate" for name in FIELDS if self.value(name).strip()}
            return problems
        for name in FIELDS:
            problem = rate_problem(self.value(name).strip(), needed=name in NEEDED)
            if problem:
                problems[name] = problem
        return problems

    async def submit(self) -> None:
        from conduit_tui.domain.prices import PriceOverride

        given = {name.replace("-", "_"): self.value(name).strip() for name in FIELDS}
        rates = {name: nanodollars(read_dollars(text)) for name, text in given.items() if text}
        price = PriceOverride.model_validate(
            {"model": self.value("model").strip(), "provider": self.value("provider").strip(), "free": self._free}
            | rates
        )
        async with self.conduit.sources.open_control() as control:
            await control.set_price(price)
            known = self._known
            moved = known is not None and (known.model, known.provider) != (price.model, price.provider)
            if known is not None and known.updated_at and moved:
                await control.remove_price(known.model, known.provider)


def rate_problem(text: str, *, needed: bool) -> str:
    """What is wrong with a rate, in words; empty for nothing."""
    from conduit_tui.domain.prices import HIGHEST_RATE

    if not text:
        return "dollars per million tokens, such as 2.50" if needed else ""
    try:
        amount = read_dollars(text)
    except ValueError:
        return "not an amount in dollars: 2.50"
    if amount < 0:
        return "a rate cannot be negative"
    if amount > HIGHEST_RATE // NANO_PER_DOLLAR:
        return f"a rate is at most ${HIGHEST_RATE // NANO_PER_DOLLAR:,}"
    if not (nanodollars(amount) or 0):
        return "nothing is free by its rate; say that it is free" if needed else ""
    return ""
