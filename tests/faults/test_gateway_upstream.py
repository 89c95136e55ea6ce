"""Providers that hang, break off or send bombs: one error that the client understands, and nothing stays held.

Faults G5 and G11.
"""

from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from conduit_tui.domain.budgets import Budget
from conduit_tui.domain.money import NANO_PER_DOLLAR
from tests.gateway.raw import ANTHROPIC_HEADERS, OPENAI_HEADERS, ask, chat, message, response
from tests.gateway.running import RunningGateway, fake_provider
from tests.providers import FakeProvider
from tests.waiting import eventually

pytestmark = pytest.mark.fault

ROUTES = [
    pytest.param("/v1/messages", message, ANTHROPIC_HEADERS, id="anthropic"),
    pytest.param("/v1/chat/completions", chat, OPENAI_HEADERS, id="openai-chat"),
    pytest.param("/v1/responses", response, OPENAI_HEADERS, id="openai-responses"),
]


@pytest.fixture(scope="module")
def gateway(fake: FakeProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    running = RunningGateway(
        tmp_path_factory.mktemp("upstream"),
        [fake_provider(fake.url)],
        environment={"CONDUIT_UPSTREAM_IDLE_SECONDS": "1"},
        budgets=[Budget(project="default", daily=1000 * NANO_PER_DOLLAR)],
    )
    yield running
    running.close()


def held(gateway: RunningGateway) -> int:
    """What the ledger still holds, in nano-dollars."""
    return sum(window[0] for window in gateway.query("SELECT held_nanodollars FROM budget_windows"))


@pytest.mark.parametrize(("target", "make", "headers"), ROUTES)
@pytest.mark.parametrize("hang", ["before", "head", 3])
def test_a_provider_that_hangs_is_given_up(  # type: ignore[no-untyped-def]
    gateway: RunningGateway, fake: FakeProvider, target: str, make, headers, hang: str | int
) -> None:
    fake.reset()
    rows = len(gateway.rows())
    open_files = psutil.Process(gateway.process.pid).num_fds()
    script = fake.script(f"hangs-{hang}", {"text": "word " * 50, "hang": hang})
    answer = ask(gateway.port, "POST", target, make("x", stream=True), headers | script)
    if hang == "before":
        assert answer.status in (502, 504)
    else:
        assert answer.body.count(b"sent nothing") == 1 or answer.body.count(b"error") >= 1
        assert answer.body.endswith(b"\n\n")
    gateway.wait_rows(rows + 1)
    eventually(lambda: held(gateway) == 0)
    eventually(lambda: fake.requests()[-1].client_left_at)
    eventually(lambda: psutil.Process(gateway.process.pid).num_fds() <= open_files)


@pytest.mark.parametrize("how", ["fin", "rst"])
@pytest.mark.parametrize("where", [{"pieces": 3}, {"body": 700}])
def test_a_stream_that_breaks_off_ends_and_is_settled(
    gateway: RunningGateway, fake: FakeProvider, how: str, where: dict[str, int]
) -> None:
    rows = len(gateway.rows())
    script = fake.script("breaks", {"text": "word " * 50, "cut": {**where, "how": how}})
    with pytest.raises(Exception, match=r"(?i)incomplete|reset|closed"):
        ask(gateway.port, "POST", "/v1/messages", message("x", stream=True), ANTHROPIC_HEADERS | script)
    row = gateway.wait_rows(rows + 1)[-1].row
    assert row.error_type.startswith("upstream")
    assert row.cost_nanodollars > 0
    eventually(lambda: held(gateway) == 0)


@pytest.mark.parametrize("stream", [False, True])
def test_a_bomb_passes_as_it_came(fake: FakeProvider, tmp_path: Path, stream: bool) -> None:
    """What would be 256 MB is passed on undecoded, and not decoded for the meter either."""
    gateway = RunningGateway(tmp_path, [fake_provider(fake.url)])
    try:
        process = psutil.Process(gateway.process.pid)
        before = process.memory_info().rss
        headers = ANTHROPIC_HEADERS | fake.script("bomb", {"bomb": 256 << 20}) | {"accept-encoding": "gzip"}
        answer = ask(gateway.port, "POST", "/v1/messages", message("x", stream=stream), headers)
        assert answer.status == 200
        assert len(answer.body) < 1 << 20
        gateway.wait_rows(1)
        assert process.memory_info().rss - before < 64 << 20
    finally:
        gateway.close()
