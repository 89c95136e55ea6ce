"""A verb whose work is traced, where a collector is configured."""

from collections.abc import Iterator
from contextlib import contextmanager

from conduit_tui.cli.echo import echo
from conduit_tui.cli.settings import Settings


@contextmanager
def tracing(settings: Settings) -> Iterator[None]:
    """Send the spans of what is done inside. What cannot be sent is said, and holds nothing up. Raises ConfigError."""
    endpoint = settings.resolve().config.telemetry.otlp_endpoint
    if not endpoint:
        yield
        return
    from conduit_tui.observe.tracing import ExtraMissing, start_tracing

    try:
        end = start_tracing(endpoint, process="command line")
    except ExtraMissing as missing:
        echo(str(missing), err=True)
        yield
        return
    try:
        yield
    finally:
        end()
