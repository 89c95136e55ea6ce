"""X2: a base URL that leads back to the gateway ends in one refusal, and not in requests without end."""

import asyncio
from pathlib import Path

import pytest

from conduit_tui.control.remote import RemoteControl
from tests.gateway.raw import ANTHROPIC_HEADERS, ask, message
from tests.gateway.running import RunningGateway, fake_provider
from tests.providers import FakeProvider

pytestmark = pytest.mark.fault


def gateway_with(folder: Path, name: str, url: str) -> RunningGateway:
    return RunningGateway(folder / name, [fake_provider(url)])


def test_a_provider_that_is_this_gateway_is_refused_after_one_round(tmp_path: Path) -> None:
    with FakeProvider() as fake:
        gateway = gateway_with(tmp_path, "one", fake.url)
        try:
            for host in ("127.0.0.1", "localhost"):
                point(gateway, f"http://{host}:{gateway.port}")
                answer = ask(gateway.port, "POST", "/v1/messages", message(), ANTHROPIC_HEADERS)
                assert answer.status == 508
                assert "leads back to this gateway" in answer.json["error"]["message"]
            assert len(gateway.wait_rows(2)) <= 8, "each was tried a few times at most, and never inside another"
            point(gateway, fake.url)
            assert ask(gateway.port, "POST", "/v1/messages", message(), ANTHROPIC_HEADERS).status == 200
        finally:
            gateway.close()


def test_a_round_through_another_gateway_is_refused_too_and_a_chain_is_not(tmp_path: Path) -> None:
    with FakeProvider() as fake:
        second = gateway_with(tmp_path, "second", fake.url)
        first = gateway_with(tmp_path, "first", second.url)
        try:
            assert ask(first.port, "POST", "/v1/messages", message(), ANTHROPIC_HEADERS).status == 200
            point(second, first.url)
            assert ask(first.port, "POST", "/v1/messages", message(), ANTHROPIC_HEADERS).status == 508
        finally:
            first.close()
            second.close()


def point(gateway: RunningGateway, url: str) -> None:
    """Give the gateway's provider another address."""
    asyncio.run(RemoteControl(gateway.state_dir).edit_provider("fake", fake_provider(url)))
