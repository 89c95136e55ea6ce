"""The fake provider as tests use it: start it, script it, ask what came."""

import asyncio
import base64
import contextlib
import http.client
import json
import subprocess
import sys
import time
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.waiting import PATIENCE_SECONDS

PROGRAM = Path(__file__).with_name("fake_provider.py")


class Recorded:
    """A request as it reached the provider, and what became of it. Times are `time.monotonic` seconds."""

    number: int
    connection: int
    method: str
    target: str
    headers: list[tuple[str, str]]
    script: str
    received_at: float
    body_at: float
    first_byte_at: float
    finished_at: float
    client_left_at: float
    outcome: str
    status: int
    wire_bytes: int
    answer_bytes: int
    answer_sha256: str
    body_bytes: int
    body_sha256: str

    def __init__(self, provider: "FakeProvider", facts: dict[str, Any]) -> None:
        self.__dict__.update(facts)
        self._provider = provider
        self.head = base64.b64decode(facts["head"])
        self.headers = [(name, value) for name, value in facts["headers"]]

    @cached_property
    def body(self) -> bytes:
        """The body's bytes, fetched when first asked for; a reset of the provider forgets them."""
        return self._provider.ask("GET", f"/_body/{self.number}")

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    def header(self, name: str) -> str | None:
        """The first value of a header."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


class FakeProvider:
    """A running fake provider; use it as a context manager. See fake_answers.py for what a script may say."""

    def __init__(self, *, cert: Path | None = None, key: Path | None = None) -> None:
        self._options = ["--cert", str(cert), "--key", str(key)] if cert and key else []
        self._tls = bool(self._options)

    def __enter__(self) -> Self:
        self._child = subprocess.Popen(
            [sys.executable, str(PROGRAM), *self._options], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self._child.stdout is not None
        line = self._child.stdout.readline()
        if not line:
            self._close()
            raise RuntimeError("the fake provider did not start")
        self.port: int = json.loads(line)["port"]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def _close(self) -> None:
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._child.stdin.close()
        self._child.stdout.close()
        try:
            self._child.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()

    @property
    def url(self) -> str:
        """The origin, without a path."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The process, to stop or to kill it."""
        return self._child.pid

    def script(self, name: str, *answers: dict[str, Any], select: str = "count") -> dict[str, str]:
        """Store a script; returns the header that a request names it by. Raises ValueError for unknown keys."""
        reply = json.loads(
            self.ask("POST", "/_script", {"name": name, "answers": list(answers or ({},)), "select": select})
        )
        if "error" in reply:
            raise ValueError(reply["error"])
        return {"x-fake-script": name}

    def hurry(self, name: str) -> None:
        """Let the answers of a script come without gaps and stalls from now on: those under way end at once."""
        self.ask("POST", "/_hurry", {"name": name})

    def requests(self, script: str = "") -> list[Recorded]:
        """The requests that came so far, in order; of one script if it is named."""
        found = json.loads(self.ask("GET", f"/_requests?script={script}" if script else "/_requests"))
        return [Recorded(self, facts) for facts in found]

    def state(self) -> dict[str, int]:
        """`open` and `accepted` connections, `active` requests and their `peak`, `malformed` messages."""
        counts: dict[str, int] = json.loads(self.ask("GET", "/_state"))
        return counts

    def reset(self) -> None:
        """Forget scripts and requests."""
        self.ask("POST", "/_reset")

    def wait_for(
        self,
        condition: Callable[[list[Recorded]], object],
        *,
        script: str = "",
        seconds: float = PATIENCE_SECONDS,
    ) -> list[Recorded]:
        """The requests as soon as they meet the condition. Raises AssertionError when that takes too long."""
        deadline = time.monotonic() + seconds
        while not condition(found := self.requests(script)):
            assert time.monotonic() < deadline, f"waited {seconds} s; requests: {[vars(r) for r in found][:5]}"
            time.sleep(0.01)
        return found

    async def until(
        self,
        condition: Callable[[list[Recorded]], object],
        *,
        script: str = "",
        seconds: float = PATIENCE_SECONDS,
    ) -> list[Recorded]:
        """`wait_for` for tests whose event loop has other things to do."""
        return await asyncio.to_thread(self.wait_for, condition, script=script, seconds=seconds)

    def ask(self, method: str, path: str, value: object = None) -> bytes:
        """A control request; each on a connection of its own."""
        body = None if value is None else json.dumps(value).encode()
        with contextlib.closing(self._connect()) as connection:
            connection.request(method, path, body)
            return connection.getresponse().read()

    def _connect(self) -> http.client.HTTPConnection:
        if not self._tls:
            return http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_SECONDS)
        import ssl

        trusting = ssl._create_unverified_context()  # the control channel of a test's own child
        return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=PATIENCE_SECONDS, context=trusting)
