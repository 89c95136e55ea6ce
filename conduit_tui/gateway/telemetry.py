"""Traces and error reports of this gateway, as far as they are configured."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from conduit_tui.config.model import Telemetry
from conduit_tui.observe.error_reports import start_error_reports
from conduit_tui.observe.logs import Logger
from conduit_tui.observe.tracing import ExtraMissing, start_tracing

log = Logger("gateway")


@asynccontextmanager
async def telemetry(config: Telemetry) -> AsyncIterator[None]:
    """Send what is configured, and at the end what is left. What cannot be sent is said, and holds nothing up."""
    ends = [*await asyncio.to_thread(_begin, config)]
    try:
        yield
    finally:
        await asyncio.gather(*(asyncio.to_thread(end) for end in ends))


def _begin(config: Telemetry) -> list[Callable[[], None]]:
    ends = []
    try:
        if config.otlp_endpoint:
            ends.append(start_tracing(config.otlp_endpoint, process="gateway"))
        if config.sentry_dsn_env:
            dsn = os.environ.get(config.sentry_dsn_env, "")
            if dsn:
                ends.append(start_error_reports(dsn, process="gateway"))
            else:
                log.warning(
                    "no error reports: the gateway's environment lacks the variable", name=config.sentry_dsn_env
                )
    except (ExtraMissing, ValueError) as error:
        log.warning("telemetry is configured and cannot be sent", reason=str(error))
    return ends
