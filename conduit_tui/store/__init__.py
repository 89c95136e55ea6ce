"""The async SQLite store: one writer, many readers."""
