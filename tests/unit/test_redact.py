"""No credential gets past redaction, whole or in parts, and ordinary text is left as it is."""

import base64
import json

import pytest

from conduit_tui.observe.redact import is_credential_name, keep_secret, mask, redact_headers, redact_text

CANARY = "canaryQ7xT2mVw9ZkP4rB8"
KEY = f"sk-ant-api03-{CANARY}"


def forms(secret: str) -> list[str]:
    """The secret as it may turn up: as it is, reversed, in base64, cut short at either end."""
    return [
        secret,
        secret[::-1],
        base64.b64encode(secret.encode()).decode().rstrip("=")[:-1],
        secret[: len(secret) // 2],
        secret[len(secret) // 2 :],
    ]


def assert_absent(text: str, secret: str = CANARY) -> None:
    assert not [form for form in forms(secret) if form in text], text


@pytest.mark.parametrize(
    "name",
    [
        "Authorization", "x-api-key", "X-Api-Key", "Cookie", "Set-Cookie", "Proxy-Authorization", "x-conduit-token",
        "x-amz-security-token", "x-goog-api-key", "X-Client-Secret", "api_key", "token", "db_password",
    ],
)  # fmt: skip
def test_credential_headers_show_four_characters_at_most(name: str) -> None:
    ((shown_name, shown),) = redact_headers([(name, f"Bearer {KEY}")])
    assert shown_name == name
    assert shown == f"…{KEY[-4:]}"


@pytest.mark.parametrize(
    "name",
    [
        "user-agent",
        "content-type",
        "x-claude-code-session-id",
        "anthropic-version",
        "x-ratelimit-remaining-tokens",
        "x-monkey",
    ],
)
def test_other_headers_stay(name: str) -> None:
    assert not is_credential_name(name)
    assert redact_headers([(name, "claude-cli/2.1.330 (external, sdk-cli)")]) == [
        (name, "claude-cli/2.1.330 (external, sdk-cli)")
    ]


def test_headers_keep_order_and_repetition_and_may_be_bytes() -> None:
    pairs = [(b"Accept", b"*/*"), (b"X-API-KEY", KEY.encode()), (b"Accept", b"text/html"), (b"x-odd", b"caf\xe9")]
    assert redact_headers(pairs) == [
        ("Accept", "*/*"),
        ("X-API-KEY", f"…{KEY[-4:]}"),
        ("Accept", "text/html"),
        ("x-odd", "café"),
    ]


def test_a_key_in_an_innocent_header_is_found() -> None:
    ((_, shown),) = redact_headers([("referer", f"https://example.test/?api_key={KEY}&page=2")])
    assert_absent(shown)
    assert shown.endswith("&page=2")


def test_a_short_credential_leaves_nothing() -> None:
    assert mask("hunter2hunte") == "…"
    assert mask("hunter2hunter") == "…nter"


@pytest.mark.parametrize(
    "text",
    [
        f"upstream said: invalid key {KEY}",
        f"Authorization: Bearer {CANARY}",
        f"authorization = Basic {base64.b64encode(CANARY.encode()).decode()}",
        f"curl -H 'x-api-key: {CANARY}' http://127.0.0.1:4141/v1/messages",
        json.dumps({"headers": {"x-api-key": CANARY, "Authorization": f"Bearer {CANARY}"}}),
        json.dumps(json.dumps({"api_key": CANARY})),
        f"https://user:{CANARY}@example.test/v1",
        f"https://example.test/v1?key=1&access_token={CANARY}&page=2",
        f"ANTHROPIC_API_KEY={CANARY}",
        f"openai.api_key = '{CANARY}'",
        f"OpenAIError(token='{CANARY}', status=401)",
        f'{{"clientSecret": "{CANARY}"}}',
        f"Cookie: session={CANARY}",
        f"PA\u017f\u017fWORD: {CANARY}",  # letters that are s, k and i to whoever ignores case
        f"AP\u0130_\u212aEY={CANARY}",
        f"AIza{CANARY} and gsk_{CANARY} and hf_{CANARY}",
    ],
)
def test_credentials_in_text_are_masked(text: str) -> None:
    shown = redact_text(text)
    assert_absent(shown)
    assert "…" in shown


@pytest.mark.parametrize(
    "text",
    [
        "input_tokens=1200 output_tokens=88 max_tokens: 128000",
        "basic authentication failed, bearer authentication is wanted",
        "http://127.0.0.1:4141/v1/messages?beta=true",
        "the task-force risk-assessment desk-based skill",
        "READY in 412 ms, generation 3",
        "ContextVar token reset",
    ],
)
def test_ordinary_text_is_left_as_it_is(text: str) -> None:
    assert redact_text(text) == text


def test_redaction_is_stable() -> None:
    once = redact_text(f"x-api-key: {KEY}; Bearer {CANARY}; https://u:{CANARY}@h/")
    assert redact_text(once) == once


def test_a_kept_secret_of_no_known_shape_is_masked_everywhere() -> None:
    odd = "plain words nobody would take for a key"
    assert redact_text(odd) == odd
    keep_secret(odd)
    assert redact_text(odd) == "… key"
    shown = redact_text(f"the provider answered: [{odd}] and {base64.b64encode(odd.encode()).decode()}")
    assert_absent(shown, odd)
    assert shown.startswith("the provider answered: […")


def test_long_hostile_text_takes_no_time_to_speak_of() -> None:
    # The per-test alarm is the judge: a quadratic pattern would need minutes for these.
    for unit in ("a", "sk-", "token", "bearer ", "://", "a_", "=", "authorization: basic "):
        redact_text(unit * (1_000_000 // len(unit)))
