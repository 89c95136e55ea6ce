"""Numbers as people write them."""

import re

_GROUPED = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d*)?")


def ungrouped(text: str) -> str:
    """A number without the commas between its thousands; any other comma stays, for `1,5` is a slip and not 15."""
    return text.replace(",", "") if _GROUPED.fullmatch(text) else text
