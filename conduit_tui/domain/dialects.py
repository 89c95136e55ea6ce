"""The three wire dialects the gateway speaks."""

from enum import StrEnum


class Dialect(StrEnum):
    """A request and answer format. `ANTHROPIC` is the Messages API, the other two are OpenAI's."""

    ANTHROPIC = "anthropic"
    OPENAI_CHAT = "openai-chat"
    OPENAI_RESPONSES = "openai-responses"
