"""The `conduit-tui` command: one module per family of verbs, rooms imported only when a verb runs."""
