"""`prices`: what models cost, where the price list does not say it or says it otherwise."""

import asyncio
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import click

from conduit_tui.cli.amounts import Dollars, nanodollars
from conduit_tui.cli.control import change, open_reader
from conduit_tui.cli.echo import echo
from conduit_tui.cli.errors import BAD_INPUT, Failure
from conduit_tui.cli.output import Cell, print_csv, print_json, print_table, refuse_both
from conduit_tui.cli.settings import Settings, pass_settings

if TYPE_CHECKING:
    from conduit_tui.domain.prices import PriceOverride

_RATES = ("input", "output", "cache_read", "cache_write_5m", "cache_write_1h")


@click.group()
def prices() -> None:
    """List and set prices of your own; they come before the price list.

    The name `unknown` stands for models whose price nobody knows. Nothing is free unless it is set so.
    """


@prices.command("list")
@click.option("--json", "as_json", is_flag=True, help="JSON, nano-dollars per million tokens.")
@click.option("--csv", "as_csv", is_flag=True, help="Comma-separated values, dollars per million tokens.")
@pass_settings
def list_prices(settings: Settings, *, as_json: bool, as_csv: bool) -> None:
    """List your own prices and the rate of unknown models."""
    refuse_both(as_json=as_json, as_csv=as_csv)
    known = asyncio.run(_known(settings))
    if as_json:
        print_json([price.model_dump() for price in known])
    elif as_csv:
        print_csv(
            ("model", "provider", "free", *(f"{rate}_usd" for rate in _RATES)), [_csv_row(price) for price in known]
        )
    else:
        headers = ("model", "provider", "input", "output", "cache read", "write 5m", "write 1h", "set on")
        print_table(headers, [_row(price) for price in known], right=range(2, 7))


@prices.command("set")
@click.argument("model")
@click.option("--input", "input_rate", type=Dollars(), help="Per million tokens.")
@click.option("--output", "output_rate", type=Dollars(), help="Per million tokens.")
@click.option("--cache-read", type=Dollars(), help="As input if not given.")
@click.option("--cache-write-5m", type=Dollars(), help="As input if not given.")
@click.option("--cache-write-1h", type=Dollars(), help="As input if not given.")
@click.option("--free", is_flag=True, help="It costs nothing, such as a model of your own machine.")
@click.option("--provider", default="", metavar="NAME", help="Only at this provider.")
@pass_settings
def set_price(
    settings: Settings, *, model: str, input_rate: Decimal | None, output_rate: Decimal | None,
    cache_read: Decimal | None, cache_write_5m: Decimal | None, cache_write_1h: Decimal | None, free: bool,
    provider: str,
) -> None:  # fmt: skip
    """Set what MODEL costs, in dollars per million tokens. MODEL is a name or a pattern with * and ?."""
    rates = (input_rate, output_rate, cache_read, cache_write_5m, cache_write_1h)
    given = {name: nanodollars(rate) for name, rate in zip(_RATES, rates, strict=True) if rate is not None}
    if not free and not ("input" in given and "output" in given):
        raise click.UsageError("name --input and --output, or --free")
    for name, rate in given.items():
        if rate < 0:
            raise Failure(f"--{name.replace('_', '-')}: a rate cannot be negative", BAD_INPUT)
    price = _price({"model": model, "provider": provider, "free": free, **given})
    change(settings, lambda control: control.set_price(price))
    echo(f"{model} is free" if free else f"set the price of {model}", err=True)


@prices.command()
@click.argument("model")
@click.option("--provider", default="", metavar="NAME", help="The one that is for this provider only.")
@pass_settings
def rm(settings: Settings, *, model: str, provider: str) -> None:
    """Remove a price of your own; the price list counts again."""
    change(settings, lambda control: control.remove_price(model, provider))
    echo(f"removed the price of {model}", err=True)


async def _known(settings: Settings) -> "list[PriceOverride]":
    from conduit_tui.domain.prices import UNKNOWN, UNKNOWN_RATE

    async with open_reader(settings) as reader:
        own = await reader.price_overrides() if reader else []
    return own if any(price.model == UNKNOWN for price in own) else [*own, UNKNOWN_RATE]


def _price(fields: dict[str, object]) -> "PriceOverride":
    from pydantic import ValidationError

    from conduit_tui.control.validation import bad_input
    from conduit_tui.domain.prices import PriceOverride

    try:
        return PriceOverride.model_validate(fields)
    except ValidationError as error:
        raise bad_input(error) from None


def _row(price: "PriceOverride") -> list[str]:
    rates = ["free", *[""] * 4] if price.free else [_shown(getattr(price, name)) for name in _RATES]
    day = f"{datetime.fromtimestamp(price.updated_at / 1000, UTC):%Y-%m-%d}" if price.updated_at else "built in"
    return [price.model, price.provider or "(all)", *rates, day]


def _csv_row(price: "PriceOverride") -> list[Cell]:
    return [
        price.model,
        price.provider,
        "yes" if price.free else "no",
        *(_shown(getattr(price, name)) for name in _RATES),
    ]


def _shown(rate: int | None) -> str:
    return "" if rate is None else f"{Decimal(rate) / 1_000_000_000:f}"
