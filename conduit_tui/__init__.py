"""conduit-tui: a terminal control centre for LLM traffic."""

__version__ = "0.1.0"
