"""Money is an integer of nano-dollars everywhere below the screen."""

from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

from conduit_tui.domain.numbers import ungrouped

NANO_PER_DOLLAR = 1_000_000_000


def to_nanodollars(dollars: Decimal) -> int:
    """Dollars as nano-dollars, rounded half up."""
    return int((dollars * NANO_PER_DOLLAR).to_integral_value(rounding=ROUND_HALF_UP))


def read_dollars(text: str) -> Decimal:
    """Dollars as people write them: `12.50`, `$1,250`. Raises ValueError for what is no amount; `1,5` is none."""
    try:
        amount = Decimal(ungrouped(text.strip().replace("$", "", 1)))
    except InvalidOperation:
        raise ValueError(f"{text!r} is not an amount in dollars") from None
    if not amount.is_finite():
        raise ValueError(f"{text!r} is not an amount in dollars")
    return amount


def format_dollars(nanodollars: int) -> str:
    """An amount for people: cents from one dollar up, a tenth of a cent below, `<$0.001` for less than that."""
    amount = abs(nanodollars)
    sign = "-" if nanodollars < 0 else ""
    if amount == 0:
        return "$0.00"
    if amount < NANO_PER_DOLLAR // 1000:
        return f"{sign}<$0.001"
    if amount < NANO_PER_DOLLAR:
        return f"{sign}${amount / NANO_PER_DOLLAR:.3f}"
    return f"{sign}${amount / NANO_PER_DOLLAR:,.2f}"
