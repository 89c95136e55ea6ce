"""The meter for an answer, and what to assume when the provider said nothing."""

from conduit_tui.domain.dialects import Dialect
from conduit_tui.domain.usage import Usage
from conduit_tui.wire import content_coding
from conduit_tui.wire.anthropic import AnthropicMeter
from conduit_tui.wire.metering import Meter
from conduit_tui.wire.openai_chat import OpenAIChatMeter
from conduit_tui.wire.openai_responses import OpenAIResponsesMeter

__all__ = ["Meter", "estimate", "meter_for"]

# Measured on today's Claude models with mixed code and English; older and OpenAI's models take fewer tokens.
BODY_BYTES_PER_TOKEN = 2.6
OUTPUT_CHARACTERS_PER_TOKEN = 4

_METERS: dict[Dialect, type[Meter]] = {
    Dialect.ANTHROPIC: AnthropicMeter,
    Dialect.OPENAI_CHAT: OpenAIChatMeter,
    Dialect.OPENAI_RESPONSES: OpenAIResponsesMeter,
}


def meter_for(dialect: Dialect, content_type: str, content_encoding: str = "") -> Meter:
    """A meter for an answer with these headers.

    An answer in a content coding that cannot be decoded here leaves the meter empty, and `malformed` False.
    """
    stream = content_type.strip().lower().startswith("text/event-stream")
    coding = content_encoding.strip().lower()
    if coding in content_coding.SUPPORTED:
        return _METERS[dialect](stream=stream, inflater=content_coding.Inflater())
    return _METERS[dialect](stream=stream, readable=coding in ("", "identity"))


def estimate(peek_body_bytes: int, output_characters: int) -> Usage:
    """The usage to assume for a request body of so many bytes and an answer of so many characters.

    Both are rounded up. The input is bytes / 2.6, more than most models need; the output is characters / 4.
    """
    return Usage(
        input_tokens=int(-(-peek_body_bytes // BODY_BYTES_PER_TOKEN)),
        output_tokens=-(-output_characters // OUTPUT_CHARACTERS_PER_TOKEN),
    )
