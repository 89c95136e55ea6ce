"""Numbers as people write them in an expression, and as they stand in a rule's JSON."""

import math
import re
from decimal import Decimal

from conduit_tui.domain.rules import Value

_NUMBER = re.compile(r"([+-]?\d+(?:_\d+)*(?:\.\d+)?(?:[eE][+-]?\d{1,3})?)([kM]?)", re.ASCII)
_FACTORS = {"": 1, "k": 1_000, "M": 1_000_000}
_LONGEST = 110  # characters
_TOO_LARGE = 10**100


def read_number(value: Value) -> int | float | None:
    """The number that a value is, None if it is none. A number stays what it is; a text may be one, too.

    `5`, `1_000`, `0.25`, `1e6`, `50k` for 50,000, `1.5M` for 1,500,000; at most 100 digits.
    """
    if not isinstance(value, str):
        return value if abs(value) < _TOO_LARGE or isinstance(value, float) else None
    match = _NUMBER.fullmatch(value) if len(value) <= _LONGEST else None
    if match is None:
        return None
    digits, suffix = match[1].replace("_", ""), match[2]
    if digits.lstrip("+-").isdigit():
        whole = int(digits) * _FACTORS[suffix]
        return whole if abs(whole) < _TOO_LARGE else None
    if not suffix:
        number = float(digits)
        return number if math.isfinite(number) else None
    product = Decimal(digits) * _FACTORS[suffix]
    return int(product) if product == product.to_integral_value() else float(product)
