"""What is held for a request before anybody knows what it costs."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ledgers import price

from conduit_tui.domain.dialects import Dialect
from conduit_tui.domain.limits import Mode
from conduit_tui.domain.usage import Usage
from conduit_tui.ledger.estimate import (
    DOCUMENT_TOKENS,
    FIRST_OUTPUT,
    IMAGE_TOKENS,
    STORED_TOKENS,
    TIGHT_OUTPUT,
    UNSTATED_OUTPUT,
    Demand,
    estimate,
)
from conduit_tui.ledger.output_seen import REMEMBERED_ANSWERS, OutputSeen


def demand(body: object = None, dialect: Dialect = Dialect.ANTHROPIC, max_tokens: int = 0) -> Demand:
    return Demand(json.dumps(body or {"messages": []}).encode(), dialect, max_tokens)


@given(
    text=st.text(max_size=300),
    max_tokens=st.integers(1, 200_000),
    used=st.tuples(*[st.floats(0, 1)] * 4),
    counted=st.integers(0, 2000),
)
def test_strict_covers_whatever_the_request_can_use(
    text: str, max_tokens: int, used: tuple[float, ...], counted: int
) -> None:
    """However the tokens are spread over cache and reasoning; a token of text is at least one byte."""
    asked = demand({"text": text, "cache_control": {"ttl": "1h"}}, max_tokens=max_tokens)
    size = estimate(Mode.STRICT, asked, price)
    tokens = int(len(asked.body) * used[0])
    usage = Usage(
        tokens,
        int(max_tokens * used[1]),
        cache_write_5m_tokens=int(tokens * used[2]),
        reasoning_tokens=int(max_tokens * used[1] * used[3]),
    )
    assert price(usage) <= size.nanodollars
    again = estimate(Mode.STRICT, asked, price, counted=counted, tight=True)
    assert again.nanodollars <= size.nanodollars
    assert again.output_tokens == max_tokens


def test_strict_counts_what_the_body_does_not_show() -> None:
    picture = {"type": "image", "source": {"type": "url", "url": "https://x"}}
    pdf = {"type": "document", "source": {"type": "url", "url": "https://x"}}
    said = {"type": "text", "text": 'not an "image" and not a "document"'}
    plain = demand({"content": [said]})
    assert plain.media_tokens == 0
    assert demand({"content": [picture, pdf, said]}).media_tokens == IMAGE_TOKENS + DOCUMENT_TOKENS
    stored = {"input": "go on", "previous_response_id": "resp_1"}
    assert demand(stored, Dialect.OPENAI_RESPONSES).media_tokens == STORED_TOKENS
    assert estimate(Mode.STRICT, plain, price).output_tokens == UNSTATED_OUTPUT
    assert demand({"n": 3}, Dialect.OPENAI_CHAT, 1000).output_limit == 3000
    assert demand({"n": 3}, Dialect.ANTHROPIC, 1000).output_limit == 1000


@pytest.mark.parametrize(
    ("max_tokens", "usual", "tight", "output"),
    [
        (64_000, 0, False, FIRST_OUTPUT),
        (64_000, 5_000, False, 10_000),
        (7_000, 5_000, False, 7_000),
        (64_000, 100, False, FIRST_OUTPUT),
        (200, 5_000, False, 200),
        (0, 0, False, FIRST_OUTPUT),
        (64_000, 5_000, True, TIGHT_OUTPUT),
        (200, 0, True, 200),
    ],
)
def test_balanced_output(max_tokens: int, usual: int, tight: bool, output: int) -> None:
    asked = demand(max_tokens=max_tokens)
    assert estimate(Mode.BALANCED, asked, price, usual_output=usual, tight=tight).output_tokens == output


def test_balanced_input_is_by_length_or_counted() -> None:
    asked = demand({"text": "x" * 24_000}, max_tokens=1)
    assert estimate(Mode.BALANCED, asked, price).input_tokens == pytest.approx(10_005, abs=1)
    assert estimate(Mode.BALANCED, asked, price, counted=1000).input_tokens == 1100


def test_the_hour_s_cache_is_held_for_where_it_may_be_written() -> None:
    def dear(usage: Usage) -> int:
        return usage.input_tokens + usage.cache_write_1h_tokens

    plain, long = demand(), demand({"cache_control": {"type": "ephemeral", "ttl": "1h"}})
    assert estimate(Mode.BALANCED, plain, dear).nanodollars == estimate(Mode.BALANCED, plain, dear).input_tokens
    assert estimate(Mode.BALANCED, long, dear).nanodollars == 2 * estimate(Mode.BALANCED, long, dear).input_tokens


def test_usual_output_is_the_99th_percentile_of_the_newest_answers() -> None:
    seen = OutputSeen()
    assert seen.usual("m") == 0
    for tokens in range(1, 101):
        seen.add("m", tokens)
    assert seen.usual("m") == 100
    for _ in range(REMEMBERED_ANSWERS):
        seen.add("m", 7)
    assert seen.usual("m") == 7
    assert seen.usual("another") == 0
    for number in range(5000):
        seen.add(f"model-{number}", 1)
    assert len(seen._answers) <= 1024
