"""Ports that a test chooses before somebody listens on them."""

import itertools
import os
import socket

FIRST, COUNT = 10_000, 20_000  # below those that the system gives to whoever asks for any

_next = itertools.count(os.getpid() * 211)  # another start in each process of a test run


def free_port() -> int:
    """A port of this machine that nobody has, nor is given by chance: only who asks for this very one gets it."""
    for number in _next:
        port = FIRST + number % COUNT
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
    raise AssertionError
