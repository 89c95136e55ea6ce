"""Targets and routes."""

import pytest

from conduit_tui.domain.dialects import Dialect
from conduit_tui.gateway.routes import Kind, OddTarget, dialect_of, find_route, split_target


@pytest.mark.parametrize(
    ("raw", "path", "query", "project", "run"),
    [
        (b"/v1/messages", "/v1/messages", "", "", ""),
        (b"/v1/messages?beta=true", "/v1/messages", "beta=true", "", ""),
        (b"/p/docs/v1/messages?beta=true", "/v1/messages", "beta=true", "docs", ""),
        (b"/p/docs", "/", "", "docs", ""),
        (b"/p/docs/", "/", "", "docs", ""),
        (b"/r/0123abcd/v1/responses", "/v1/responses", "", "", "0123abcd"),
        (b"/r/0123abcd", "/", "", "", "0123abcd"),
        (b"/?a=%2e%2e//", "/", "a=%2e%2e//", "", ""),
    ],
)
def test_a_target_is_taken_apart(raw: bytes, path: str, query: str, project: str, run: str) -> None:
    assert split_target(raw) == (path, query, project, run)


@pytest.mark.parametrize(
    "raw",
    [
        b"v1/messages",
        b"//v1/messages",
        b"/v1//messages",
        b"/v1/./messages",
        b"/v1/../health",
        b"/v1/messages/..",
        b"/v1/messages/.",
        b"/%2e%2e/v1/messages",
        b"/v1/%6dessages",
        b"/p//v1/messages",
        b"/r//v1/messages",
        b"*",
        b"",
    ],
)
def test_odd_targets_are_refused(raw: bytes) -> None:
    with pytest.raises(OddTarget):
        split_target(raw)


def test_routes_are_found_by_their_whole_path() -> None:
    assert find_route("/v1/messages") is not None
    assert find_route("/v1/messages/") is None
    assert find_route("/v1/Messages") is None
    assert find_route("/v1/models/claude-opus-5-5").kind is Kind.MODELS  # type: ignore[union-attr]
    assert find_route("/v1/models/") is None


def test_the_dialect_of_a_target_gives_errors_their_shape() -> None:
    assert dialect_of(b"/p/x/v1/messages?beta=true") is Dialect.ANTHROPIC
    assert dialect_of(b"/v1/responses") is Dialect.OPENAI_RESPONSES
    assert dialect_of(b"/nowhere") is None
    assert dialect_of(b"//v1/messages") is None
