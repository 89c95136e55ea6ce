"""Traces for OpenTelemetry, where the extra `otel` is installed and a collector configured; otherwise nothing is done.

Spans: `conduit.setup` (a start), `conduit.route` (a decision), `conduit.execute` (an exchange from its hold to its last
byte), `migration.export` and `migration.import`. They carry names and counts, never texts, headers or messages.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from conduit_tui.observe.printable import printable
from conduit_tui.observe.redact import redact_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opentelemetry.trace import Tracer

Value = str | int | float | bool
Note = Callable[..., None]  # adds attributes to the span: note(status=200)

EXPORT_SECONDS = 2.0


class ExtraMissing(Exception):
    """Something is configured whose packages are not installed; the message says what to install."""


def _no_note(**_attributes: Value) -> None:
    return None


_OFF: AbstractContextManager[Note] = nullcontext(_no_note)
_tracer: "Tracer | None" = None


def span(name: str, traceparent: str = "", **attributes: Value) -> AbstractContextManager[Note]:
    """A span for the length of a `with`; an exception marks it as failed and goes on.

    `traceparent` is the header of a client that traces too (https://www.w3.org/TR/trace-context/).
    """
    return _OFF if _tracer is None else _recorded(_tracer, name, traceparent, attributes)


def start_tracing(endpoint: str, *, process: str) -> Callable[[], None]:
    """Send spans to a collector (OTLP over HTTP) from now on; returns what flushes and ends that. Raises ExtraMissing.

    Spans are sent by a thread in batches; what a collector does not take in time is dropped.
    """
    global _tracer
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        raise ExtraMissing(
            "telemetry.otlp_endpoint is set, but OpenTelemetry is not installed: `pip install 'conduit-tui[otel]'`"
        ) from None
    resource = Resource({"service.name": "conduit-tui", "service.namespace": process})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    exporter = OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces", timeout=EXPORT_SECONDS)
    provider.add_span_processor(BatchSpanProcessor(exporter, export_timeout_millis=EXPORT_SECONDS * 1000))
    _tracer = provider.get_tracer("conduit_tui")

    def end() -> None:
        global _tracer
        _tracer = None
        provider.shutdown()

    return end


@contextmanager
def _recorded(tracer: "Tracer", name: str, traceparent: str, attributes: dict[str, Value]) -> "Iterator[Note]":
    from opentelemetry.trace import StatusCode
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    parent = TraceContextTextMapPropagator().extract({"traceparent": traceparent}) if traceparent else None
    with tracer.start_as_current_span(
        name, context=parent, attributes=_clean(attributes), record_exception=False, set_status_on_exception=False
    ) as current:
        try:
            yield lambda **more: current.set_attributes(_clean(more))
        except BaseException as error:
            current.set_attribute("error.type", type(error).__name__)
            current.set_status(StatusCode.ERROR)
            raise


def _clean(attributes: dict[str, Any]) -> dict[str, Value]:
    return {
        f"conduit.{name}": printable(redact_text(value)) if isinstance(value, str) else value
        for name, value in attributes.items()
    }
