"""One box per module: a daemon, its gateway and a fake provider."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.launch.box import Box
from tests.providers import FakeProvider


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    """A running box whose one provider has its key stored here; the agents are given tokens."""
    with FakeProvider() as fake:
        box = Box(tmp_path_factory.mktemp("box"), fake)
        box.sender()
        box.do("up", "--port", "0")
        dialects = ("--dialect", "anthropic", "--key-env", "PROVIDER_KEY", "--default")
        box.do("providers", "add", "fake", "--base-url", fake.url, *dialects)
        yield box
        box.do("down", "--now")


@pytest.fixture
def idle(tmp_path: Path) -> Box:
    """A box where nothing runs and nothing is configured."""
    box = Box(tmp_path)
    box.sender()
    return box
