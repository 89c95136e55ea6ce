"""Answers connections with a fixed 503 while no gateway serves, so that clients do not hang in the queue."""

import asyncio
import contextlib
import json
import socket

from conduit_tui.domain.processes import GatewayState
from conduit_tui.supervisor.policy import Policy
from conduit_tui.supervisor.states import SERVING

_CONNECTIONS = 512
_ACCEPTS = 64  # in one turn of the loop

# One body that both families of clients understand.
_BODY = json.dumps(
    {
        "type": "error",
        "error": {
            "type": "overloaded_error",
            "message": "conduit-tui: the gateway is not running; `conduit-tui status` says why",
            "param": None,
            "code": "gateway_not_running",
        },
    }
).encode()
ANSWER = (
    b"HTTP/1.1 503 Service Unavailable\r\n"
    b"Content-Type: application/json\r\n"
    b"Content-Length: %d\r\n"
    b"Retry-After: 5\r\n"
    b"Connection: close\r\n"
    b"\r\n" % len(_BODY)
) + _BODY


class Answerer:
    """Accepts from the listener between `start` and `stop` only; `follow` calls them as the gateway's state asks for.

    It reads off what a client sends for up to a second, so that the answer is not lost in a reset. Under TLS it
    cannot answer and closes the connection.
    """

    def __init__(self, listener: socket.socket, policy: Policy, *, tls: bool = False) -> None:
        self._listener = listener
        self._policy = policy
        self._tls = tls
        self._patience: asyncio.TimerHandle | None = None
        self._answers: set[asyncio.Task[None]] = set()
        self.answering = False

    def follow(self, state: GatewayState) -> None:
        """Answer at once where no gateway will come soon, after a few seconds where one is awaited, else never."""
        if state in SERVING:
            self.stop()
        elif state in (GatewayState.STOPPED, GatewayState.COOLDOWN, GatewayState.FAILED):
            self.start()
        elif self._patience is None:
            self._patience = asyncio.get_running_loop().call_later(self._policy.unserved_seconds, self.start)

    def start(self) -> None:
        """Begin to accept."""
        if not self.answering:
            self.answering = True
            asyncio.get_running_loop().add_reader(self._listener, self._accept)

    def stop(self) -> None:
        """Leave the queue to the gateway; answers under way are finished."""
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
        if self.answering:
            self.answering = False
            asyncio.get_running_loop().remove_reader(self._listener)

    async def close(self) -> None:
        """Stop, and finish the answers under way; each has a second."""
        self.stop()
        await asyncio.gather(*self._answers, return_exceptions=True)

    def _accept(self) -> None:
        for _ in range(_ACCEPTS):
            try:
                connection, _peer = self._listener.accept()
            except OSError:
                return  # nobody waits, or no descriptor is left
            if self._tls or len(self._answers) >= _CONNECTIONS:
                connection.close()
                continue
            connection.setblocking(False)
            task = asyncio.create_task(self._answer(connection))
            self._answers.add(task)
            task.add_done_callback(self._answers.discard)

    async def _answer(self, connection: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        with connection, contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(self._policy.answer_read_seconds):
                await loop.sock_recv(connection, 65_536)
                await loop.sock_sendall(connection, ANSWER)
                connection.shutdown(socket.SHUT_WR)
                while await loop.sock_recv(connection, 65_536):
                    pass
