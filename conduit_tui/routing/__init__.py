"""Facts in, decision out; pure."""
