"""What asyncio does not say of a client's socket: the kernel is asked."""

import fcntl
import select
import socket
import struct
import sys
import termios
from collections.abc import Iterable
from contextlib import suppress

_RESET = struct.pack("ii", 1, 0)
_LEFT = getattr(select, "POLLRDHUP", 0) | select.POLLHUP | select.POLLERR


def unsent(sock: socket.socket) -> int:
    """Bytes in the kernel that the client's machine has not taken; 0 where it cannot be asked.

    They are what shows a slow reader: they can be megabytes, and more is taken only when a good part of it is free.
    """
    queued = bytearray(4)
    with suppress(AttributeError, OSError):
        fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, queued)
    return int.from_bytes(queued, sys.byteorder)


def end_with_reset(sock: socket.socket) -> None:
    """Have the socket's end look like a broken connection."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)


def left(descriptors: Iterable[int]) -> list[int]:
    """Those whose clients have gone, of sockets that nobody reads from."""
    poll = select.poll()
    for descriptor in descriptors:
        poll.register(descriptor, _LEFT)
    return [descriptor for descriptor, _ in poll.poll(0)]
