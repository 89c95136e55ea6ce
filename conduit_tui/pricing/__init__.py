"""Usage in, nano-dollars out; pure."""
