"""The writer's lock: one process at a time, bounded waiting, nothing left behind."""

# ruff: noqa: ASYNC220, ASYNC240 - nothing else runs on these tests' loops

import asyncio
import fcntl
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from conduit_tui.store.interface import StoreError
from conduit_tui.store.locks import WriterLock
from tests.waiting import PATIENCE_SECONDS, SOON_SECONDS

pytestmark = pytest.mark.anyio


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "writer.lock"


async def test_one_holder_at_a_time(path: Path) -> None:
    first, second = WriterLock(path), WriterLock(path)
    await first.acquire()
    assert first.held
    assert not second.try_acquire()
    begun = time.monotonic()
    with pytest.raises(StoreError, match="another process is writing"):
        await second.acquire(timeout=0.2)
    assert 0.15 < time.monotonic() - begun < SOON_SECONDS
    first.release()
    first.release()
    assert not first.held
    await second.acquire(timeout=0)
    second.release()


async def test_the_waiting_one_gets_it_when_it_is_released(path: Path) -> None:
    async with WriterLock(path) as first:
        waiting = asyncio.create_task(WriterLock(path).acquire(timeout=60))
        await asyncio.sleep(0.02)
        assert not waiting.done()
        assert first.held
    await asyncio.wait_for(waiting, PATIENCE_SECONDS)


async def test_a_cancelled_wait_leaves_the_lock_free(path: Path) -> None:
    async with WriterLock(path):
        waiting = asyncio.create_task(WriterLock(path).acquire(timeout=60))
        await asyncio.sleep(0.02)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
    last = WriterLock(path)
    assert last.try_acquire()
    last.release()


async def test_the_lock_ends_with_its_process(path: Path) -> None:
    script = (
        "import sys\n"
        "from pathlib import Path\n"
        "from conduit_tui.store.locks import WriterLock\n"
        "lock = WriterLock(Path(sys.argv[1]))\n"
        "lock.try_acquire()\n"
        "print('locked', flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "locked\n"
        lock = WriterLock(path)
        assert not lock.try_acquire()
        other.kill()
        await lock.acquire(timeout=60)
        lock.release()


async def test_children_do_not_inherit_it(path: Path) -> None:
    lock = WriterLock(path)
    await lock.acquire()
    child = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
    lock.release()
    again = WriterLock(path)
    assert again.try_acquire()
    again.release()
    child.communicate()


async def test_the_file_is_private_and_no_link(path: Path, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        async with WriterLock(path):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            descriptor = os.open(path, os.O_RDWR)
            with pytest.raises(BlockingIOError):
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.close(descriptor)
    finally:
        os.umask(before)
    link = tmp_path / "link"
    link.symlink_to(path)
    with pytest.raises(StoreError, match="cannot open"):
        WriterLock(link).try_acquire()
