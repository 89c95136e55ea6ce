"""The gateway's figures: counted as requests end, read over the control socket and the port, never by a web page."""

import http.client
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from conduit_tui.domain.budgets import Budget
from conduit_tui.domain.money import NANO_PER_DOLLAR
from tests.collectors import collecting
from tests.gateway.raw import ANTHROPIC_HEADERS, ask, message
from tests.gateway.running import RunningGateway, fake_provider
from tests.ports import free_port
from tests.providers import FakeProvider
from tests.waiting import eventually

Figures = dict[str, list[tuple[dict[str, str], float]]]
TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def read(text: str) -> Figures:
    found: Figures = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    return found


def value(figures: Figures, name: str, **labels: str) -> float:
    return sum(each for found, each in figures[name] if labels.items() <= found.items())


def metrics(state_dir: Path) -> Figures:
    done = subprocess.run(
        [sys.executable, "-m", "conduit_tui", "metrics", "--state-dir", str(state_dir)],
        capture_output=True, text=True, timeout=100, check=True,
    )  # fmt: skip
    return read(done.stdout)


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def counted(fake: FakeProvider, tmp_path_factory: pytest.TempPathFactory, port: int) -> Iterator[RunningGateway]:
    running = RunningGateway(
        tmp_path_factory.mktemp("metrics"),
        [fake_provider(fake.url)],
        environment={"CONDUIT_METRICS_PORT": str(port)},
        budgets=[Budget(project="default", daily=10 * NANO_PER_DOLLAR)],
    )
    for _ in range(3):
        assert ask(running.port, "POST", "/v1/messages", message(), ANTHROPIC_HEADERS).status == 200
    running.wait_rows(3)
    yield running
    running.close()


def page(port: int, path: str = "/metrics", method: str = "GET", **headers: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=40)
    try:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def test_the_verb_prints_what_was_counted(counted: RunningGateway) -> None:
    figures = metrics(counted.state_dir.root)
    assert value(figures, "conduit_up") == 0  # the test started this gateway, no daemon did
    assert value(figures, "conduit_requests_total", project="default", model="claude-opus-5-5", provider="fake") == 3
    assert value(figures, "conduit_routing_duration_seconds_count") == 3
    assert value(figures, "conduit_requests_in_flight") == 0
    spent = sum(row.row.cost_nanodollars for row in counted.rows()) / NANO_PER_DOLLAR
    assert spent > 0
    assert value(figures, "conduit_cost_dollars_total") == pytest.approx(spent)
    assert value(figures, "conduit_cost_daily_dollars", project="default") == pytest.approx(spent)
    assert value(figures, "conduit_budget_spent_dollars", project="default", period="day") == pytest.approx(spent)
    assert value(figures, "conduit_budget_cap_dollars", project="default", period="day") == 10
    assert value(figures, "process_resident_memory_bytes") > 10_000_000


def test_without_a_gateway_the_verb_says_that_nothing_serves(tmp_path: Path) -> None:
    figures = metrics(tmp_path)
    assert value(figures, "conduit_up") == 0
    assert value(figures, "conduit_gateway_state", state="STOPPED") == 1


def test_the_port_serves_the_same(counted: RunningGateway, port: int) -> None:
    eventually(lambda: port_answers(port))
    status, text = page(port)
    assert status == 200
    assert value(read(text), "conduit_requests_total", model="claude-opus-5-5") == 3


def port_answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize(
    ("path", "method", "headers", "status"),
    [
        ("/metrics", "GET", {"host": "evil.example"}, 403),
        ("/metrics", "GET", {"origin": "https://evil.example"}, 403),
        ("/metrics", "POST", {}, 405),
        ("/v1/messages", "GET", {}, 404),
        ("/", "GET", {}, 404),
    ],
)
def test_the_port_serves_nothing_else(
    counted: RunningGateway, port: int, path: str, method: str, headers: dict[str, str], status: int
) -> None:
    eventually(lambda: port_answers(port))
    found, text = page(port, path, method, **headers)
    assert found == status
    assert "conduit_requests_total" not in text


def test_a_taken_port_holds_nothing_up(fake: FakeProvider, tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        running = RunningGateway(tmp_path, [fake_provider(fake.url)], environment={"CONDUIT_METRICS_PORT": str(taken)})
        try:
            assert ask(running.port, "GET", "/health").status == 200
            eventually(lambda: "is taken" in running.log.read_text())
        finally:
            running.close()


def test_each_request_is_traced(fake: FakeProvider, tmp_path: Path) -> None:
    with collecting() as collector:
        running = RunningGateway(
            tmp_path,
            [fake_provider(fake.url)],
            environment={
                "CONDUIT_OTLP_ENDPOINT": f"http://{collector.address}",
                "CONDUIT_SENTRY_DSN_ENV": "TEST_DSN",
                "TEST_DSN": f"http://public@{collector.address}/1",
            },
        )
        try:
            headers = {**ANTHROPIC_HEADERS, "traceparent": TRACEPARENT}
            assert ask(running.port, "POST", "/v1/messages", message("canary text"), headers).status == 200
            running.wait_rows(1)
        finally:
            running.close()
        spans = collector.spans()
        assert {"conduit.setup", "conduit.route", "conduit.execute"} <= spans.keys()
        assert spans["conduit.execute"]["trace"] == TRACEPARENT.split("-")[1]
        assert "claude-opus-5-5" in str(spans["conduit.route"]["text"])
        assert not any(b"canary text" in body or b"sk-ant-fake" in body for _, body in collector.posted)


def test_a_collector_that_is_not_there_holds_nothing_up(fake: FakeProvider, tmp_path: Path) -> None:
    running = RunningGateway(
        tmp_path, [fake_provider(fake.url)], environment={"CONDUIT_OTLP_ENDPOINT": f"http://127.0.0.1:{free_port()}"}
    )
    try:
        assert ask(running.port, "POST", "/v1/messages", message(), ANTHROPIC_HEADERS).status == 200
    finally:
        assert running.stop() == 0
        running.listener.close()
