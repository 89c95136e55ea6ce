"""Who is at the other end of a Unix socket."""

import socket
import struct


def peer_uid(connection: socket.socket) -> int | None:
    """The user id of the connected process; None where the system does not tell."""
    if hasattr(socket, "SO_PEERCRED"):
        _pid, uid, _gid = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        return int(uid)
    if hasattr(socket, "LOCAL_PEERCRED"):
        # struct xucred { u_int version; uid_t uid; short ngroups; gid_t groups[16]; } at level SOL_LOCAL
        credentials = connection.getsockopt(0, socket.LOCAL_PEERCRED, 76)
        return int(struct.unpack_from("2I", credentials)[1])
    return None
