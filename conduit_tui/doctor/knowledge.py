"""What the gateway knows without a network: prices and token ranks."""

import time
from collections.abc import Iterator

from conduit_tui.doctor.check import Check, fail, ok, warn
from conduit_tui.pricing.catalog import Catalog
from conduit_tui.routing import tokens

STALE_DAYS = 120


def knowledge() -> Iterator[Check]:
    yield prices(Catalog(), int(time.time() * 1000))
    yield token_ranks()


def prices(catalog: Catalog, now: int) -> Check:
    days = catalog.days_old(now)
    if catalog.problem:
        return fail(
            "prices", f"the list cannot be read ({catalog.problem})",
            "`pip install --upgrade genai-prices`; until then models cost the unknown-model rate",
        )  # fmt: skip
    if days > STALE_DAYS:
        return warn(
            "prices", f"the newest price is {days} days old",
            "`pip install --upgrade genai-prices`; `conduit-tui prices set` for single models",
        )  # fmt: skip
    return ok("prices", f"the newest price is {days} days old")


def token_ranks() -> Check:
    try:
        tokens.load()
    except (OSError, ValueError) as error:
        return fail("token ranks", str(error), "install conduit-tui again; counts are estimated until then")
    return ok("token ranks", "o200k, whole")
