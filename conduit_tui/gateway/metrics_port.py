"""`/metrics` on a loopback port of its own, where one is configured; the gateway's port serves the LLM API alone."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable

from conduit_tui.gateway.door import LOOPBACK_NAMES, host_name
from conduit_tui.gateway.http.limits import Limits
from conduit_tui.gateway.http.messages import Answer, Request
from conduit_tui.gateway.http.responder import Responder
from conduit_tui.gateway.http.server import Server
from conduit_tui.observe.exposition import CONTENT_TYPE
from conduit_tui.observe.logs import Logger
from conduit_tui.store.interface import StoreError

ADDRESS = "127.0.0.1"
PATH = b"/metrics"
RETRY_SECONDS = 1.0  # an older gateway has the port until it has drained

log = Logger("gateway")

_LIMITS = Limits(head_bytes=8192, body_bytes=0, connections=16, head_seconds=5.0)


class MetricsPage:
    """Answers GET /metrics and nothing else. `text` makes the page."""

    def __init__(self, text: Callable[[], Awaitable[str]]) -> None:
        self._text = text
        self._tasks: set[asyncio.Task[None]] = set()

    def check_head(self, request: Request) -> Answer | None:
        """No web page may read this, whatever name it gave this machine."""
        if host_name(request.header(b"host") or b"") not in LOOPBACK_NAMES or request.header(b"origin") is not None:
            return _plain(403, "this host name is not served here")
        if request.target.partition(b"?")[0] != PATH:
            return _plain(404, "the metrics are at /metrics")
        if request.method not in (b"GET", b"HEAD"):
            return _plain(405, "this path takes GET, HEAD only")
        return None

    def check_error(self, request: Request | None, status: int, reason: str) -> Answer:
        return _plain(status, reason)

    def handle(self, request: Request, responder: Responder) -> None:
        task = asyncio.get_running_loop().create_task(self._answer(responder))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, responder: Responder) -> None:
        try:
            answer = Answer(200, ((b"content-type", CONTENT_TYPE.encode()),), (await self._text()).encode())
        except StoreError as error:
            answer = _plain(503, str(error))
        except Exception:
            log.exception("the metrics could not be read")
            answer = _plain(500, "the metrics could not be read; the log says why")
        if not responder.gone:
            responder.respond(answer)


async def serve_metrics(text: Callable[[], Awaitable[str]], port: int) -> None:
    """Serve the page on a loopback port until cancelled. A port that is taken is tried again and said once."""
    listener = await _bind(port)
    server = Server(MetricsPage(text), _LIMITS)
    async with _closing(server):
        await server.start(listener)
        log.info("metrics are served", url=f"http://{ADDRESS}:{listener.getsockname()[1]}{PATH.decode()}")
        await asyncio.Event().wait()


async def _bind(port: int) -> socket.socket:
    said = False
    while True:
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setblocking(False)
        try:
            listener.bind((ADDRESS, port))
        except OSError as error:
            listener.close()
            if not said:
                log.warning("the port for metrics is taken, trying again", port=port, error=error.strerror)
                said = True
            await asyncio.sleep(RETRY_SECONDS)
        else:
            return listener


@contextlib.asynccontextmanager
async def _closing(server: Server) -> AsyncIterator[None]:
    try:
        yield
    finally:
        server.abort_all()


def _plain(status: int, text: str) -> Answer:
    return Answer(status, ((b"content-type", b"text/plain; charset=utf-8"),), f"{text}\n".encode())
