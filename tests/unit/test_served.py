"""Which provider serves a model in a dialect."""

import pytest

from conduit_tui.domain.dialects import Dialect
from conduit_tui.domain.providers import BUILTIN_PROVIDERS, Provider
from conduit_tui.routing.served import fits_in, served_in, serving

ANTHROPIC, CHAT, RESPONSES = Dialect


def provider(name: str, *dialects: Dialect, models: tuple[str, ...] = (), default: bool = False) -> Provider:
    return Provider(name=name, base_url="http://127.0.0.1:9", dialects=dialects, models=models, default=default)


@pytest.mark.parametrize(
    ("model", "dialects"),
    [
        ("claude-opus-5-5", [ANTHROPIC]),
        ("gpt-5.5-mini", [CHAT, RESPONSES]),
        ("o4-mini", [CHAT, RESPONSES]),
        ("ft:gpt-4o:me", [CHAT, RESPONSES]),
        ("qwen3:8b", []),
        ("my-claude", []),
    ],
)
def test_a_built_in_provider_serves_its_makers_models(model: str, dialects: list[Dialect]) -> None:
    assert served_in(BUILTIN_PROVIDERS, model) == dialects


def test_who_claims_a_model_comes_before_the_default_and_that_before_the_built_in() -> None:
    claims = provider("claims", CHAT, models=("gpt-*",))
    default = provider("default", CHAT, default=True)
    known = [default, claims, *BUILTIN_PROVIDERS]
    for model, name in (("gpt-6", "claims"), ("o4-mini", "default"), ("qwen3", "default")):
        found = serving(known, CHAT, model)
        assert found is not None
        assert found.name == name
    assert serving(known, ANTHROPIC, "qwen3") is None
    fits = fits_in(known, RESPONSES)
    assert [fits("gpt-6"), fits("qwen3"), fits("gpt-6")] == [True, False, True]
