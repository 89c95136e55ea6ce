"""One gateway and one fake provider for the tests of a module."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gateway.running import RunningGateway, fake_provider
from tests.providers import FakeProvider


class Gateway(RunningGateway):
    """A gateway with the fake provider behind it, which serves every model in every dialect."""

    def __init__(self, folder: Path, fake: FakeProvider) -> None:
        self.fake = fake
        super().__init__(folder, [fake_provider(fake.url)], projects=["docs", "api-server"])

    def new_rows(self) -> int:
        """The number of rows now, to `wait_rows` for more."""
        return len(self.rows())


@pytest.fixture(scope="module")
def fake() -> Iterator[FakeProvider]:
    with FakeProvider() as provider:
        yield provider


@pytest.fixture(scope="module")
def gateway(fake: FakeProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    running = Gateway(tmp_path_factory.mktemp("gateway"), fake)
    yield running
    running.close()
