"""Amounts of money as people write them."""

from decimal import Decimal
from typing import Any

import click

NO_LIMIT = "none"


class Dollars(click.ParamType[Any]):
    """An amount in dollars. How much it may be is the control plane's affair."""

    name = "USD"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Decimal:
        if isinstance(value, Decimal):
            return value
        from conduit_tui.domain.money import read_dollars

        try:
            return read_dollars(str(value))
        except ValueError:
            self.fail(f"{value!r} is not an amount in dollars, such as 12.50", param, ctx)


class Limit(Dollars):
    """An amount in dollars, or `none` for no limit."""

    name = "USD"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return NO_LIMIT if value == NO_LIMIT else super().convert(value, param, ctx)


def nanodollars(dollars: Decimal) -> int:
    """Dollars as nano-dollars; a fraction of one is dropped."""
    from conduit_tui.domain.money import NANO_PER_DOLLAR

    return int(dollars * NANO_PER_DOLLAR)


def exact(nanodollars: int) -> str:
    """Nano-dollars as dollars with all nine decimals."""
    from conduit_tui.domain.money import NANO_PER_DOLLAR

    dollars, rest = divmod(nanodollars, NANO_PER_DOLLAR)
    return f"{dollars}.{rest:09}"
