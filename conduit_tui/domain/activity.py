"""What a model is doing while it answers, and what its answer ended with."""

from enum import StrEnum


class Activity(StrEnum):
    """What an answer that is under way brings at the moment."""

    THINKING = "thinking"
    WRITING = "writing"
    TOOL_USE = "tool use"


# The reasons to stop, in the words of each dialect, after which the client uses a tool and asks again.
CALLS_TOOL = frozenset({"tool_use", "tool_calls", "function_call", "pause_turn"})
