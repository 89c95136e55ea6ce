"""The listening socket: the daemon binds it once, every gateway inherits it."""

import errno
import socket

from conduit_tui.supervisor.policy import EXIT_CONFIGURATION, EXIT_PERMISSION

BACKLOG = 4096


class ListenError(Exception):
    """The address cannot be listened on; `exit_code` is what the daemon exits with."""

    def __init__(self, message: str, exit_code: int, *, taken: bool = False) -> None:
        super().__init__(message)
        self.exit_code = exit_code
        self.taken = taken


def bind(address: str, port: int) -> socket.socket:
    """Listen on an IPv4 or IPv6 address or a name; port 0 takes a free one. Raises ListenError."""
    try:
        family, kind, protocol, _, where = socket.getaddrinfo(
            address, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (socket.gaierror, UnicodeError) as error:
        reason = error.strerror if isinstance(error, socket.gaierror) else "not a name"
        raise ListenError(
            f"no address {address!r} ({reason}); choose another with --listen", EXIT_CONFIGURATION
        ) from None
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, where[0] != "::")
        listener.bind(where)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise _explained(error, address, port) from None
    # the flag lies in the open file description, which daemon and gateways share
    listener.setblocking(False)
    return listener


def url_of(listener: socket.socket, *, tls: bool) -> str:
    """What clients on this machine put before the path."""
    host, port = local_address(listener)
    return f"{'https' if tls else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"


def local_address(listener: socket.socket) -> tuple[str, int]:
    """Host and port under which this machine reaches the listener."""
    host, port = listener.getsockname()[:2]
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host), port  # noqa: S104


def is_loopback(listener: socket.socket) -> bool:
    """Whether only this machine can reach it."""
    host: str = listener.getsockname()[0]
    return host == "::1" or host.startswith("127.")


def _explained(error: OSError, address: str, port: int) -> ListenError:
    if error.errno == errno.EADDRINUSE:
        return ListenError(
            f"port {port} is taken by {_owner(port)}; choose another with --port", EXIT_CONFIGURATION, taken=True
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        return ListenError(f"port {port} is not open to this user; choose one above 1023 with --port", EXIT_PERMISSION)
    if error.errno == errno.EADDRNOTAVAIL:
        return ListenError(
            f"{address} is not an address of this machine; choose another with --listen", EXIT_CONFIGURATION
        )
    return ListenError(f"cannot listen on {address} port {port}: {error.strerror}", EXIT_CONFIGURATION)


def _owner(port: int) -> str:
    import psutil

    try:
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port and connection.pid:
                return f"PID {connection.pid} ({psutil.Process(connection.pid).name()})"
    except psutil.Error:
        pass
    return "a program that this user cannot see"
