"""What the tools that run at the provider cost by the use, on top of their tokens; pure."""

from decimal import Decimal
from typing import Any, NamedTuple

from conduit_tui.domain.money import to_nanodollars
from conduit_tui.domain.usage import Extras

# In nano-dollars by the use, where the price list has no fee: the dearest that OpenAI or Anthropic publish for such a
# tool (November 2026). A search of the older kind costs $25 per thousand, an hour of code $0.05, a large image $0.25.
STATED_WEB_SEARCH = 25_000_000
STATED_FILE_SEARCH = 2_500_000
STATED_CODE_SESSION = 50_000_000
STATED_IMAGE = 250_000_000


class Fees(NamedTuple):
    """Nano-dollars for one use of each tool; None where the price list says nothing."""

    web_search: int | None = None
    file_search: int | None = None
    code_session: int | None = None
    image: int | None = None

    def charge(self, extras: Extras) -> tuple[int, bool]:
        """What the uses cost together, and whether a stated fee stands in for one that is not listed."""
        total, stated = 0, False
        for uses, listed, otherwise in (
            (extras.web_searches, self.web_search, STATED_WEB_SEARCH),
            (extras.file_searches, self.file_search, STATED_FILE_SEARCH),
            (extras.code_sessions, self.code_session, STATED_CODE_SESSION),
            (extras.images, self.image, STATED_IMAGE),
        ):
            if uses > 0:
                total += uses * (otherwise if listed is None else listed)
                stated |= listed is None
        return total, stated


NOT_LISTED = Fees()


def listed(model_price: Any) -> Fees:
    """The fees of a model as genai-prices lists them, which is by the thousand."""
    return Fees(
        web_search=_each(model_price.web_searches_kcount),
        file_search=_each(model_price.storage_searches_kcount),
        code_session=_each(model_price.code_executions_kcount),
    )


def _each(by_the_thousand: object) -> int | None:
    if isinstance(by_the_thousand, Decimal) and by_the_thousand > 0:
        return to_nanodollars(by_the_thousand / 1000)
    return None
