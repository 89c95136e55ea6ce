"""How much and how long: every bound of the HTTP rooms in one place."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes are bytes, times are seconds. The defaults suit agents that send bodies of some hundred kilobytes."""

    head_bytes: int = 65_536  # request line and headers, also of an answer from upstream
    header_count: int = 256
    target_bytes: int = 8_192
    body_bytes: int = 32 * 1024 * 1024
    head_seconds: float = 15.0  # from the first byte of a head (or from accept) to its end
    body_seconds: float = 60.0  # from the end of the head to the end of the body
    idle_seconds: float = 75.0  # a kept-alive client connection between two requests
    write_seconds: float = 60.0  # a client that takes nothing of its answer
    pipelined: int = 16  # requests that wait behind the one being answered
    connections: int = 4096  # client connections, further ones are answered 503
    connect_seconds: float = 10.0  # name, TCP, proxy and TLS together
    upstream_idle_seconds: float = 600.0  # no byte from upstream while a call runs
    upstream_keep_alive_seconds: float = 50.0  # an idle pooled connection
