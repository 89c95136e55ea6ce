"""The HTTP data plane: accept, door, identify, decide, forward, relay, record."""
