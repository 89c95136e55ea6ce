"""What a provider answers on the wire, per dialect: exact event sequences and bodies, built from a `Reply`."""

from conduit_tui.demo.dialects import anthropic, openai_chat, openai_responses
from conduit_tui.demo.dialects.reply import Block, Event, Reply, Stop, Text, Thinking, ToolCall, compact, encode

__all__ = [
    "Block",
    "Event",
    "Reply",
    "Stop",
    "Text",
    "Thinking",
    "ToolCall",
    "anthropic",
    "compact",
    "encode",
    "openai_chat",
    "openai_responses",
]
