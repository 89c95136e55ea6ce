"""Error reports for Sentry, where the extra `sentry` is installed and a DSN configured; otherwise nothing is done.

What is logged as an error is reported with its stack: without local variables, request data, breadcrumbs or the name of
the machine, and redacted like a line of the log.
"""

from collections.abc import Callable, Mapping
from typing import Any

from conduit_tui import __version__
from conduit_tui.observe.printable import printable
from conduit_tui.observe.redact import is_credential_name, keep_secret, mask, redact_text
from conduit_tui.observe.tracing import ExtraMissing

SEND_SECONDS = 2.0


def start_error_reports(dsn: str, *, process: str) -> Callable[[], None]:
    """Report errors from now on; returns what sends the last ones and ends that. Raises ExtraMissing, ValueError."""
    try:
        import sentry_sdk
        from sentry_sdk.integrations.logging import LoggingIntegration
        from sentry_sdk.utils import BadDsn
    except ImportError:
        raise ExtraMissing(
            "telemetry.sentry_dsn_env is set, but Sentry's SDK is not installed: `pip install 'conduit-tui[sentry]'`"
        ) from None
    keep_secret(dsn)
    try:
        sentry_sdk.init(
            dsn=dsn,
            release=f"conduit-tui@{__version__}",
            environment=process,
            integrations=[LoggingIntegration(level=None)],
            default_integrations=False,
            auto_enabling_integrations=False,
            include_local_variables=False,
            max_breadcrumbs=0,
            server_name="",
            before_send=lambda event, _hint: _clean(event),
            shutdown_timeout=SEND_SECONDS,
        )
    except BadDsn:
        raise ValueError("what the variable named by telemetry.sentry_dsn_env holds is no Sentry DSN") from None

    def end() -> None:
        sentry_sdk.get_client().close(timeout=SEND_SECONDS)

    return end


def _clean(value: Any, name: str = "") -> Any:
    if isinstance(value, str):
        return mask(value) if is_credential_name(name) else printable(redact_text(value), keep="\n\t")
    if isinstance(value, Mapping):
        return {key: _clean(item, str(key)) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value]
    return value
