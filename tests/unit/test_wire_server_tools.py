"""What a request may be charged beyond its tokens, read from its body."""

import json
from typing import Any

import pytest

from conduit_tui.domain.usage import NO_EXTRAS, Extras
from conduit_tui.wire.server_tools import MOST_USES, UNSTATED_USES, Asked, asked

SEARCH = {"type": "web_search_20250305", "name": "web_search"}


def of(**members: Any) -> Asked:
    return asked(json.dumps({"model": "m", **members}).encode())


@pytest.mark.parametrize(
    ("members", "expected", "most"),
    [
        ({"tools": [SEARCH]}, Extras(web_searches=1), Extras(web_searches=UNSTATED_USES)),
        ({"tools": [SEARCH | {"max_uses": 3}]}, Extras(web_searches=1), Extras(web_searches=3)),
        ({"tools": [SEARCH | {"max_uses": 0}]}, NO_EXTRAS, NO_EXTRAS),
        ({"tools": [SEARCH | {"max_uses": 10**9}]}, Extras(web_searches=1), Extras(web_searches=MOST_USES)),
        ({"tools": [SEARCH | {"max_uses": -1}]}, Extras(web_searches=1), Extras(web_searches=UNSTATED_USES)),
        ({"tools": [{"type": "file_search"}], "max_tool_calls": 2}, Extras(file_searches=1), Extras(file_searches=2)),
        ({"service_tier": "flex"}, Extras(tier="flex"), Extras(tier="flex")),
        ({"service_tier": "auto"}, NO_EXTRAS, NO_EXTRAS),
        ({"tools": [{"type": "function", "name": "web_search"}]}, NO_EXTRAS, NO_EXTRAS),
        ({"messages": [{"role": "user", "content": '"web_search'}]}, NO_EXTRAS, NO_EXTRAS),
        ({"tools": "none", "service_tier": "flex"}, NO_EXTRAS, NO_EXTRAS),
    ],
)
def test_what_is_asked_for(members: dict[str, Any], expected: Extras, most: Extras) -> None:
    assert of(**members) == Asked(expected, most)


def test_the_most_is_never_less_than_what_is_expected() -> None:
    for uses in (0, 1, 5):
        found = of(tools=[SEARCH | {"max_uses": uses}])
        assert found.most.web_searches >= found.expected.web_searches
