"""One gateway and one fake provider for the tests of a module."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from pathlib import Path

import pytest

from conduit_tui.control.remote import RemoteControl
from tests.gateway.running import RunningGateway, fake_provider
from tests.providers import FakeProvider
from tests.waiting import eventually


class Gateway(RunningGateway):
    """A gateway with the fake provider behind it, which serves every model in every dialect."""

    def __init__(self, folder: Path, fake: FakeProvider) -> None:
        self.fake = fake
        super().__init__(folder, [fake_provider(fake.url)], projects=["docs", "api-server"])

    def new_rows(self) -> int:
        """The number of rows once every exchange so far has its own, to `wait_rows` for more."""
        with ThreadPoolExecutor(1) as beside:  # the test may have an event loop of its own
            eventually(lambda: not beside.submit(asyncio.run, self._in_flight()).result())
        return len(self.rows())

    async def _in_flight(self) -> int:
        async with aclosing(RemoteControl(self.state_dir).live()) as views:  # type: ignore[type-var]
            async for view in views:
                return view.in_flight_count
        raise AssertionError("the gateway shows nothing")


@pytest.fixture(scope="module")
def gateway(fake: FakeProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    running = Gateway(tmp_path_factory.mktemp("gateway"), fake)
    yield running
    running.close()
