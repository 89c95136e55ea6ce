"""Traces and error reports: sent to who was named, without a secret; nothing at all where nobody was."""

import json
import logging
import subprocess
import sys
from collections.abc import Iterator

import pytest

from conduit_tui.observe.error_reports import start_error_reports
from conduit_tui.observe.redact import keep_secret
from conduit_tui.observe.tracing import span, start_tracing
from tests.collectors import Collector, collecting

CANARY = "sk-ant-canary-0123456789abcdefABCD"


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as found:
        yield found


def test_spans_reach_the_collector_without_texts(collector: Collector) -> None:
    end = start_tracing(f"http://{collector.address}/", process="gateway")
    try:
        with span("conduit.route", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", project="p") as note:
            note(model=f"opus {CANARY}", attempts=2)
        with pytest.raises(ValueError, match="canary"), span("conduit.execute"):
            raise ValueError(CANARY)
    finally:
        end()
    spans = collector.spans()
    assert spans["conduit.route"]["trace"] == "0af7651916cd43dd8448eb211c80319c"
    assert "conduit.project" in str(spans["conduit.route"]["text"])
    assert spans["conduit.execute"]["status"] == 2
    assert spans["conduit.execute"]["events"] == 0
    assert not any(CANARY.encode() in body for _, body in collector.posted)


def test_without_a_collector_a_span_does_nothing(collector: Collector) -> None:
    with span("conduit.route", project="p") as note:
        note(model="opus")
    assert collector.posted == []


def test_errors_are_reported_redacted(collector: Collector) -> None:
    keep_secret("a-secret-of-this-test")
    end = start_error_reports(f"http://public@{collector.address}/1", process="gateway")
    try:
        try:
            local = CANARY
            raise RuntimeError(f"upstream said {local} and a-secret-of-this-test")
        except RuntimeError:
            logging.getLogger("gateway").exception(
                "an exchange failed %s", CANARY, extra={"fields": {"authorization": "Bearer abcdefgh12345678"}}
            )
    finally:
        end()
    sent = b"".join(body for _, body in collector.posted)
    assert b"an exchange failed" in sent
    assert b"test_telemetry" in sent  # the stack
    for secret in (CANARY, "a-secret-of-this-test", "abcdefgh12345678"):
        assert secret.encode() not in sent
    event = json.loads(sent.splitlines()[2])
    assert not event.get("server_name")
    assert not event.get("breadcrumbs", {}).get("values")


def test_a_bad_dsn_is_said() -> None:
    with pytest.raises(ValueError, match="no Sentry DSN"):
        start_error_reports("not a dsn", process="gateway")


@pytest.mark.parametrize(
    ("module", "start"),
    [
        ("tracing", "start_tracing('http://127.0.0.1:9', process='x')"),
        ("error_reports", "start_error_reports('http://a@b/1', process='x')"),
    ],
)
def test_a_missing_extra_says_what_to_install(module: str, start: str) -> None:
    program = (
        "import sys; sys.modules['opentelemetry'] = sys.modules['sentry_sdk'] = None\n"
        f"from conduit_tui.observe.{module} import *\n"
        f"from conduit_tui.observe.tracing import ExtraMissing\n"
        f"try: {start}\nexcept ExtraMissing as missing: print(missing)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=100, check=True)
    assert "pip install 'conduit-tui[" in done.stdout
