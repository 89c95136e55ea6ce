"""The control centre: a Textual app that shows and edits what the gateway does."""
