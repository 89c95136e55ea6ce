"""What a request may be charged beyond its tokens, read from its body."""

import json
from typing import Any

import pytest

from conduit_tui.domain.dialects import Dialect
from conduit_tui.domain.usage import NO_EXTRAS, Extras
from conduit_tui.wire.server_tools import MOST_TURNS, MOST_USES, UNSTATED_USES, Asked, asked

SEARCH = {"type": "web_search_20250305", "name": "web_search"}


def of(dialect: Dialect = Dialect.ANTHROPIC, **members: Any) -> Asked:
    return asked(json.dumps({"model": "m", **members}).encode(), dialect)


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
    assert of(**members)[:2] == (expected, most)


@pytest.mark.parametrize(
    ("members", "turns", "missing"),
    [
        ({"tools": [SEARCH | {"max_uses": 1}]}, MOST_TURNS - 1, ""),  # a use too many is answered with an error
        ({"tools": [SEARCH | {"max_uses": 0}]}, 0, ""),
        ({"tools": [SEARCH]}, MOST_TURNS - 1, "max_uses of web_search"),
        ({"tools": [{"type": "web_fetch_20250910", "name": "web_fetch"}]}, MOST_TURNS - 1, ""),
        ({"tools": [{"type": "code_execution_20250825", "name": "code_execution"}]}, MOST_TURNS - 1, ""),
        ({"tools": [{"type": "mcp_toolset", "mcp_server_name": "x"}]}, MOST_TURNS - 1, ""),
        ({"mcp_servers": [{"type": "url", "url": "https://x", "name": "x"}]}, MOST_TURNS - 1, ""),
        ({"mcp_servers": []}, 0, ""),
        ({"tools": [{"name": "mcp__files__read", "input_schema": {}}]}, 0, ""),
        ({"tools": [{"type": "bash_20250124", "name": "bash"}], "service_tier": "auto"}, 0, ""),
    ],
)
def test_how_often_anthropic_s_model_may_read_results(members: dict[str, Any], turns: int, missing: str) -> None:
    found = of(**members)
    assert (found.turns, found.missing) == (turns, missing)


@pytest.mark.parametrize(
    ("dialect", "members", "turns", "missing"),
    [
        (Dialect.OPENAI_RESPONSES, {"tools": [{"type": "web_search"}], "max_tool_calls": 3}, 3, ""),
        (Dialect.OPENAI_RESPONSES, {"tools": [{"type": "mcp"}]}, UNSTATED_USES, "max_tool_calls for mcp"),
        (
            Dialect.OPENAI_RESPONSES, {"input": [{"tools": [{"type": "web_search"}]}, {"role": "user"}]},
            UNSTATED_USES, "max_tool_calls for web_search",
        ),
        (Dialect.OPENAI_RESPONSES, {"tools": [{"type": "tool_search", "execution": "client"}]}, 0, ""),
        (Dialect.OPENAI_RESPONSES, {"tools": [{"type": "function", "name": "web_search"}], "input": "x"}, 0, ""),
        (Dialect.OPENAI_CHAT, {"web_search_options": {}}, 1, ""),
        (Dialect.OPENAI_CHAT, {"model": "gpt-4o-search-preview"}, 1, ""),
        (Dialect.OPENAI_CHAT, {"tools": [{"type": "function", "function": {"name": "web_search"}}]}, 0, ""),
    ],
)  # fmt: skip
def test_how_often_openai_s_model_may_read_results(
    dialect: Dialect, members: dict[str, Any], turns: int, missing: str
) -> None:
    found = of(dialect, **members)
    assert (found.turns, found.missing) == (turns, missing)


def test_the_most_is_never_less_than_what_is_expected() -> None:
    for uses in (0, 1, 5):
        found = of(tools=[SEARCH | {"max_uses": uses}])
        assert found.most.web_searches >= found.expected.web_searches
