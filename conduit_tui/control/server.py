"""The serving side of a control socket: a table of methods and a table of streams."""

import asyncio
import contextlib
import os
import socket
from collections.abc import Mapping
from pathlib import Path

from pydantic import validate_call

from conduit_tui.control.connection import Connection, Method, Stream
from conduit_tui.control.messages import FRAME_LIMIT, FrameError
from conduit_tui.control.peer import peer_uid
from conduit_tui.control.plane import ControlPlane

CONTROL_METHODS = (
    "projects",
    "project",
    "add_project",
    "rename_project",
    "archive_project",
    "save_rules",
    "save_config",
    "undo",
    "history",
    "restore_revision",
    "bypass",
    "set_bypass",
    "purge",
    "budgets",
    "set_budget",
    "raise_budget",
    "flagged",
    "write_down",
    "price_overrides",
    "set_price",
    "remove_price",
    "providers",
    "add_provider",
    "edit_provider",
    "remove_provider",
    "test_provider",
    "key_endings",
    "test_configuration",
    "begin_run",
    "end_run",
    "report_usage",
    "note_usage",
    "stop_session",
    "resume_session",
    "plan_import",
    "import_file",
    "create_backup",
    "plan_restore",
    "restore_backup",
    "rotate_token",
)

_CLOSE_SECONDS = 2.0
_CONNECTIONS = 64


def control_methods(control: ControlPlane) -> dict[str, Method]:
    """The methods table of a control plane."""
    return {name: getattr(control, name) for name in CONTROL_METHODS}


class ControlServer:
    """Serves one control socket.

    Parameters of methods are validated against their annotations. What a method returns and what a stream yields is a
    pydantic model or anything that JSON can carry. A stream's first item should be the whole state: a watcher that
    reads slowly gets the newest item only. `start` replaces a socket file that lies at the path, so the caller must
    hold the lock that makes it the only server there.
    """

    def __init__(
        self,
        path: Path,
        *,
        role: str,
        methods: Mapping[str, Method],
        streams: Mapping[str, Stream] | None = None,
    ) -> None:
        self._path = path
        self._role = role
        self._methods = {name: validate_call(method) for name, method in methods.items()}
        self._streams = dict(streams or {})
        self._server: asyncio.Server | None = None
        self._inode = 0
        self._connections: set[asyncio.Task[None]] = set()
        self._requests: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Bind and serve. Raises OSError."""
        listener = _bind(self._path)
        self._inode = self._path.lstat().st_ino
        self._server = await asyncio.start_unix_server(self._accept, sock=listener, limit=FRAME_LIMIT)

    async def close(self, seconds: float = _CLOSE_SECONDS) -> None:
        """Stop serving: requests under way have so many seconds to finish, streams end, the file goes if it is ours."""
        if self._server is None:
            return
        with contextlib.suppress(FileNotFoundError):
            if self._path.lstat().st_ino == self._inode:
                self._path.unlink()
        self._server.close()
        if self._requests:
            await asyncio.wait(self._requests, timeout=seconds)
        for task in [*self._connections, *self._requests]:
            task.cancel()
        await asyncio.gather(*self._connections, *self._requests, return_exceptions=True)
        await self._server.wait_closed()
        self._server = None

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(ConnectionError, TimeoutError, FrameError):
                if len(self._connections) <= _CONNECTIONS and _is_ours(writer):
                    await Connection(self._role, self._methods, self._streams, self._requests, reader, writer).serve()
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


def _is_ours(writer: asyncio.StreamWriter) -> bool:
    uid = peer_uid(writer.get_extra_info("socket"))
    return uid is None or uid == os.getuid()


def _bind(path: Path) -> socket.socket:
    """A listening socket at the path, never reachable by others: made under another name, then moved into place."""
    draft = path.with_name(f".{os.getpid()}")
    with contextlib.suppress(FileNotFoundError):
        draft.unlink()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        before = os.umask(0o177)
        try:
            listener.bind(str(draft))
        finally:
            os.umask(before)
        listener.listen(64)
        listener.setblocking(False)
        draft.rename(path)
    except BaseException:
        listener.close()
        raise
    return listener
