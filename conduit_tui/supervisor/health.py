"""The readiness check: GET /health on the gateway's own port."""

import asyncio
import contextlib
import ssl
import time
from pathlib import Path

from conduit_tui.domain.processes import HealthCheck
from conduit_tui.supervisor.policy import Policy


class Health:
    """Counts checks: up until enough failures in a row, then down until enough successes in a row."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._against = 0  # results in a row that speak against the present verdict
        self._successes = 0
        self.up = True

    def observe(self, ok: bool) -> bool:
        """Take a result; whether the verdict changed."""
        self._successes = self._successes + 1 if ok else 0
        if ok == self.up:
            self._against = 0
            return False
        self._against += 1
        if self._against < (self._policy.health_failures if self.up else self._policy.health_successes):
            return False
        self.up, self._against = ok, 0
        return True

    @property
    def interval(self) -> float:
        """Seconds until the next check: short while it is not known that all is well."""
        well = self.up and self._successes >= self._policy.health_successes
        return self._policy.health_seconds if well else self._policy.health_soon_seconds


def trusting(certificate: Path) -> ssl.SSLContext:
    """A context that trusts the gateway's own certificate and nothing else, whatever name it bears."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(certificate)
    return context


async def check(host: str, port: int, timeout: float, context: ssl.SSLContext | None = None) -> HealthCheck:
    """Ask once; a failure is a result, never an exception."""
    at, begun = int(time.time() * 1000), time.perf_counter()
    try:
        async with asyncio.timeout(timeout):
            status = await _status(host, port, context)
        ok, detail = status == b"200", "" if status == b"200" else f"HTTP {status.decode('ascii', 'replace')}"
    except TimeoutError:
        ok, detail = False, f"no answer within {timeout:g} s"
    except (OSError, ValueError) as error:
        ok, detail = False, str(error) or type(error).__name__
    return HealthCheck(at=at, ok=ok, took_ms=round((time.perf_counter() - begun) * 1000, 3), detail=detail)


async def _status(host: str, port: int, context: ssl.SSLContext | None) -> bytes:
    reader, writer = await asyncio.open_connection(host, port, ssl=context, limit=16_384)
    try:
        name = f"[{host}]" if ":" in host else host
        writer.write(f"GET /health HTTP/1.1\r\nHost: {name}:{port}\r\nConnection: close\r\n\r\n".encode())
        version, _, rest = (await reader.readline()).partition(b" ")
        if not version.startswith(b"HTTP/1."):
            raise ValueError("the answer is not HTTP")
        return rest[:3]
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
