"""Which provider serves a model, at which target, with which key."""

import os
from pathlib import Path

import pytest

from conduit_tui.domain.dialects import Dialect
from conduit_tui.domain.providers import KeyKind, KeySource, Provider
from conduit_tui.gateway.registry import KeyMissing, Registry, read_key


def provider(name: str, **fields: object) -> Provider:
    defaults: dict[str, object] = {"name": name, "base_url": "http://127.0.0.1:9", "dialects": ("anthropic",)}
    return Provider.model_validate(defaults | fields)


def test_a_claim_wins_over_a_default_and_a_default_over_the_built_in() -> None:
    registry = Registry([provider("claims", models=("local-*",)), provider("fallback", default=True)])
    assert registry.pick(Dialect.ANTHROPIC, "local-7b").name == "claims"  # type: ignore[union-attr]
    assert registry.pick(Dialect.ANTHROPIC, "claude-opus-5-5").name == "fallback"  # type: ignore[union-attr]
    assert registry.pick(Dialect.OPENAI_CHAT, "local-7b").name == "openai"  # type: ignore[union-attr]
    assert Registry([]).pick(Dialect.ANTHROPIC, "anything").name == "anthropic"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("base_url", "path", "query", "expected"),
    [
        ("https://api.anthropic.com", "/v1/messages", "beta=true", b"/v1/messages?beta=true"),
        ("https://api.openai.com/v1", "/v1/chat/completions", "", b"/v1/chat/completions"),
        ("https://host/api/v2/", "/v1/responses", "", b"/api/v2/responses"),
        ("https://host/anthropic", "/v1/messages", "", b"/anthropic/v1/messages"),
        ("https://host/vault", "/v1/messages", "", b"/vault/v1/messages"),
    ],
)
def test_the_target_at_a_provider(base_url: str, path: str, query: str, expected: bytes) -> None:
    upstream = Registry([provider("one", base_url=base_url)]).upstreams[0]
    assert upstream.target(path, query) == expected


def test_named_models_are_those_without_patterns() -> None:
    registry = Registry([provider("one", models=("a", "b-*", "c")), provider("two", models=("c", "d"))])
    assert registry.named_models([Dialect.ANTHROPIC]) == ["a", "c", "d"]
    assert registry.named_models([Dialect.OPENAI_CHAT]) == []


def test_a_key_from_the_environment() -> None:
    source = KeySource(kind=KeyKind.ENVIRONMENT, reference="SOME_KEY")
    assert read_key(provider("one", key=source), {"SOME_KEY": " sk-fake-1\n"}) == b"sk-fake-1"
    with pytest.raises(KeyMissing, match="SOME_KEY is not set"):
        read_key(provider("one", key=source), {})
    with pytest.raises(KeyMissing, match="may not"):
        read_key(provider("one", key=source), {"SOME_KEY": "sk\r\nx: y"})


def test_a_key_file_must_be_private(tmp_path: Path) -> None:
    path = tmp_path / "key"
    source = KeySource(kind=KeyKind.FILE, reference=str(path))
    with pytest.raises(KeyMissing, match="cannot read"):
        read_key(provider("one", key=source), {})
    path.write_text("sk-fake-2\n")
    path.chmod(0o644)
    with pytest.raises(KeyMissing, match="chmod 600"):
        read_key(provider("one", key=source), {})
    path.chmod(0o600)
    assert read_key(provider("one", key=source), {}) == b"sk-fake-2"
    link = tmp_path / "link"
    os.symlink(path, link)
    with pytest.raises(KeyMissing, match="cannot read"):
        read_key(provider("one", key=KeySource(kind=KeyKind.FILE, reference=str(link))), {})


def test_a_missing_key_does_not_hide_the_provider() -> None:
    source = KeySource(kind=KeyKind.ENVIRONMENT, reference="SOME_KEY")
    upstream = Registry([provider("one", key=source, default=True)], {}).pick(Dialect.ANTHROPIC, "m")
    assert upstream is not None
    with pytest.raises(KeyMissing, match="provider one"):
        upstream.credential()
