"""What the demo's world is furnished with: projects, models, and things that developers and models say."""

import random
from typing import NamedTuple


class Model(NamedTuple):
    """A simulated model's temper: median seconds to the first byte, output tokens a second."""

    name: str
    first_byte_seconds: float
    tokens_per_second: float


class Scene(NamedTuple):
    """A project and what is being done in it."""

    project: str
    prompts: tuple[str, ...]
    files: tuple[str, ...]


OPUS = Model("claude-opus-5-5", 1.3, 75.0)
SONNET = Model("claude-sonnet-5-5", 0.8, 110.0)
HAIKU = Model("claude-haiku-5-5", 0.4, 190.0)
SOL = Model("gpt-6.1-sol", 1.1, 90.0)
MINI = Model("gpt-5.4-mini", 0.5, 160.0)
ANTHROPIC_MODELS = (OPUS, SONNET, HAIKU)
OPENAI_MODELS = (SOL, MINI)
MODELS = {model.name: model for model in (*ANTHROPIC_MODELS, *OPENAI_MODELS)}

SCENES = (
    Scene(
        "api-server",
        (
            "The /orders endpoint returns 500 when the cart is empty. Find out why and fix it.",
            "Add cursor pagination to GET /invoices, with tests.",
            "p99 of the search handler doubled since Tuesday. Look at what changed.",
            "Replace the hand-written retry loop in the payments client by tenacity.",
        ),
        (
            "app/orders/views.py",
            "app/orders/tests.py",
            "app/search/index.py",
            "app/payments/client.py",
            "pyproject.toml",
        ),
    ),
    Scene(
        "web-shop",
        (
            "Make the product grid keyboard accessible.",
            "The checkout button flickers on slow connections; find the race.",
            "Write a story for the new price tag component.",
            "Migrate the cart store from Redux to signals, one slice at a time.",
        ),
        ("src/cart/store.ts", "src/grid/ProductGrid.tsx", "src/checkout/Button.tsx", "vite.config.ts", "src/money.ts"),
    ),
    Scene(
        "data-pipeline",
        (
            "The nightly load is 40 minutes late. Profile the join in transform_sessions.",
            "Add a dead letter queue for rows that fail validation.",
            "Explain what this SQL does and simplify it.",
            "Backfill the country column for last month, idempotently.",
        ),
        (
            "jobs/transform_sessions.py",
            "jobs/load.sql",
            "jobs/validate.py",
            "dags/nightly.py",
            "tests/test_validate.py",
        ),
    ),
    Scene(
        "docs",
        (
            "Rewrite the quick start so that it works on a fresh laptop.",
            "Translate the error reference into German.",
            "Find pages that still mention the v1 API.",
        ),
        ("docs/quickstart.md", "docs/errors.md", "docs/migration.md", "mkdocs.yml"),
    ),
)

_OPENINGS = (
    "I looked through the code and found the cause.",
    "Done: the change is small and the tests pass.",
    "Here is what happens, step by step.",
    "Before I change anything, let me check who else calls this.",
    "That narrows it down to one function.",
)
_SENTENCES = (
    "The handler assumes that at least one row comes back, which does not hold for a fresh account.",
    "I moved the check in front of the query, so that the early return no longer opens a transaction.",
    "The cache key leaves out the locale, therefore the second visitor sees the first one's page.",
    "Both call sites now go through the same helper, and the old one is gone.",
    "The test reproduces the failure without a network and runs in a few milliseconds.",
    "An index on (account_id, created_at) turns the sequential scan into a range read.",
    "Nothing else in the repository imports the old name; I searched for it.",
    "The type checker is quiet again, and so is the linter.",
    "If you agree, I would remove the feature flag in a follow-up change.",
    "The timeout was shorter than the retry's first delay, so that no retry ever happened.",
)
_THOUGHTS = (
    "The traceback points at the serializer, but the value is already wrong when it gets there.",
    "Two places could set this flag; only one of them runs in production.",
    "A smaller change would do, if the signature may stay as it is.",
    "Let me read the test first, it says what was meant.",
)
_CODE = (
    "    if not cart.lines:\n        return Response({'total': '0.00', 'lines': []})",
    "def page(self, cursor: str | None, size: int = 50) -> Page[Invoice]:",
    "        raise ValidationError({'cursor': 'expired, start again'})",
    "export const total = computed(() => lines.value.reduce((sum, line) => sum + line.price, 0));",
    "    SELECT session_id, min(at) AS began, max(at) AS ended FROM events GROUP BY session_id",
    "    with tracer.span('transform_sessions', rows=len(frame)):",
    "  it('keeps the focus when a filter changes', async () => {",
    "    assert response.json()['next'] is None",
    "- [ ] check that the example still compiles",
)
COMMANDS = ("pytest -q", "git diff --stat", "rg -n 'def page'", "npm test -- --run", "git log -5 --oneline", "ls -la")


def dice_of(*seed: object) -> random.Random:
    """A generator of chance that is the same for the same seed."""
    return random.Random("/".join(map(str, seed)))  # noqa: S311


def answer_text(dice: random.Random, tokens: int) -> str:
    """What a model writes, about so many tokens of it."""
    return dice.choice(_OPENINGS) + _until(dice, _SENTENCES, tokens * 4, " ")


def thinking_text(dice: random.Random, tokens: int) -> str:
    """What a model thinks."""
    return _until(dice, _THOUGHTS, tokens * 4, " ").strip()


def file_text(dice: random.Random, characters: int) -> str:
    """What a tool brings back: numbered lines of code."""
    lines = _until(dice, _CODE, characters, "\n").strip("\n").split("\n")
    return "\n".join(f"{number:6}\t{line}" for number, line in enumerate(lines, 1))


def _until(dice: random.Random, choices: tuple[str, ...], characters: int, joint: str) -> str:
    text = ""
    while len(text) < characters:
        text += joint + dice.choice(choices)
    return text
