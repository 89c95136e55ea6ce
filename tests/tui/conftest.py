"""The screens' tests: one time zone, one folder for all SVG snapshots at the top of the tree."""

import asyncio
import os
import shutil
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_textual_snapshot

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(Path(__file__).parent))

os.environ["TEXTUAL_ANIMATIONS"] = "none"
os.environ["TEXTUAL_SMOOTH_SCROLL"] = "0"


class TopLevelSvg(pytest_textual_snapshot.SVGImageExtension):
    """Keeps snapshots under `snapshots/<test module>/`."""

    @classmethod
    def dirname(cls, *, test_location: Any) -> str:
        return str(ROOT / "snapshots" / test_location.basename)


pytest_textual_snapshot.SVGImageExtension = TopLevelSvg


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Any]:
    """A world without rows, without daemon, without gateway."""
    from scenes import World

    made = World(tmp_path / "state")
    made.state_dir.prepare()
    yield made
    await made.close()


@pytest.fixture(scope="session")
def busy_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with a working day in it; made once, copied by those who use it."""
    from scenes import EVENTS, World, busy_day

    made = World(tmp_path_factory.mktemp("busy") / "state")

    async def fill() -> None:
        await made.fill(busy_day())
        assert made.store is not None
        await made.store.add_process_events(EVENTS)
        await made.close()

    asyncio.run(fill())
    return made.state_dir.database


@pytest.fixture
def busy(tmp_path: Path, busy_database: Path) -> Any:
    """A world in the middle of a working day, for tests that run the app themselves."""
    from scenes import LOG, World, busy_day, flights, live, status, write_log

    made = World(tmp_path / "s")
    made.state_dir.prepare()
    shutil.copyfile(busy_database, made.state_dir.database)
    made.state_dir.database.chmod(0o600)
    made.say(told=status(), seen=live(len(busy_day()), flights()))
    write_log(made, LOG)
    return made
