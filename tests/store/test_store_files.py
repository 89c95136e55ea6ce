"""The database's files: whose they are, where they may lie, and reading them without a writer."""

# ruff: noqa: ASYNC221, ASYNC240 - nothing else runs on these tests' loops

import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from store_rows import usage_row

from conduit_tui.store.files import network_file_system
from conduit_tui.store.interface import StoreError, UsageFilter
from conduit_tui.store.reader import SqliteReader
from conduit_tui.store.sqlite import SqliteStore

pytestmark = pytest.mark.anyio


def modes(folder: Path) -> dict[str, int]:
    return {entry.name: stat.S_IMODE(entry.stat().st_mode) for entry in folder.iterdir()}


@pytest.fixture(params=[0o000, 0o077, 0o022])
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


async def test_any_folder_name_will_do(tmp_path: Path) -> None:
    folder = tmp_path / "what? 100%41 #1 & ünï"
    folder.mkdir()
    store = await SqliteStore.open(folder / "conduit.db")
    await store.record(usage_row())
    reader = await SqliteReader.open(folder / "conduit.db")
    assert await reader.usage_count(UsageFilter()) == 1
    await reader.close()
    await store.close()


@pytest.mark.usefixtures("umask")
async def test_every_file_is_private(database: Path) -> None:
    store = await SqliteStore.open(database)
    await store.record(usage_row())
    private = {f"conduit.db{suffix}": 0o600 for suffix in ("", "-wal", "-shm")}
    assert modes(database.parent) == private
    await store.close()
    reader = await SqliteReader.open(database)
    assert await reader.usage_count(UsageFilter()) == 1
    assert set(modes(database.parent).values()) == {0o600}
    await reader.close()


@pytest.mark.usefixtures("umask")
def test_the_file_is_private_when_sqlite_first_sees_it(tmp_path: Path) -> None:
    """Watch every file at the moment of its creation, through the audit hook of a child."""
    script = (
        "import asyncio, json, os, stat, sys\n"
        "seen = {}\n"
        "def look(event, arguments):\n"
        "    if event == 'sqlite3.connect':\n"
        "        for name in os.listdir(sys.argv[1]):\n"
        "            seen[name] = stat.S_IMODE(os.stat(os.path.join(sys.argv[1], name)).st_mode)\n"
        "sys.addaudithook(look)\n"
        "from pathlib import Path\n"
        "from conduit_tui.store.sqlite import SqliteStore\n"
        "async def main():\n"
        "    await (await SqliteStore.open(Path(sys.argv[1]) / 'conduit.db')).close()\n"
        "asyncio.run(main())\n"
        "print(json.dumps(seen))\n"
    )
    child = subprocess.run([sys.executable, "-c", script, tmp_path], capture_output=True, text=True, check=True)
    assert json.loads(child.stdout) == {"conduit.db": 0o600}


async def test_a_loose_file_is_made_private(database: Path) -> None:
    await (await SqliteStore.open(database)).close()
    database.chmod(0o644)
    store = await SqliteStore.open(database)
    await store.record(usage_row())
    assert set(modes(database.parent).values()) == {0o600}
    await store.close()


async def test_a_symbolic_link_is_refused(database: Path, tmp_path: Path) -> None:
    target = tmp_path / "elsewhere"
    database.symlink_to(target)
    with pytest.raises(StoreError, match="cannot open database"):
        await SqliteStore.open(database)
    assert not target.exists()


async def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="No such file or directory"):
        await SqliteStore.open(tmp_path / "missing" / "conduit.db")


async def test_a_reader_without_a_database_says_so(database: Path) -> None:
    with pytest.raises(StoreError, match=f"no database yet at {database}"):
        await SqliteReader.open(database)
    assert list(database.parent.iterdir()) == []
    database.touch()
    with pytest.raises(StoreError, match="no database yet"):
        await SqliteReader.open(database)


async def test_a_reader_needs_no_writer(database: Path) -> None:
    store = await SqliteStore.open(database)
    await store.record(usage_row())
    await store.close()
    assert not Path(f"{database}-wal").exists()
    reader = await SqliteReader.open(database)
    assert await reader.usage_count(UsageFilter()) == 1
    store = await SqliteStore.open(database)  # and sees what a later one writes
    await store.record(usage_row())
    assert await reader.usage_count(UsageFilter()) == 2
    await store.close()
    await reader.close()


async def test_a_reader_sees_what_a_crashed_writer_committed(database: Path) -> None:
    script = (
        "import asyncio, os, sys\n"
        "from pathlib import Path\n"
        "from store_rows import usage_row\n"
        "from conduit_tui.store.sqlite import SqliteStore\n"
        "async def main():\n"
        "    store = await SqliteStore.open(Path(sys.argv[1]))\n"
        "    await asyncio.gather(*(store.record(usage_row()) for _ in range(10)))\n"
        "    os.kill(os.getpid(), 9)\n"
        "asyncio.run(main())\n"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}
    subprocess.run([sys.executable, "-c", script, database], env=environment, check=False)
    reader = await SqliteReader.open(database)
    assert await reader.usage_count(UsageFilter()) == 10
    await reader.close()


async def test_readers_cannot_write(sqlite_reader: SqliteReader) -> None:
    def write(connection: object) -> None:
        connection.execute("DELETE FROM projects")  # type: ignore[attr-defined]

    with pytest.raises(StoreError, match="read-only"):
        await sqlite_reader._read(sqlite_reader._pages, write)


async def test_only_one_connection_can_write(
    sqlite_store: SqliteStore, sqlite_reader: SqliteReader, database: Path
) -> None:
    await sqlite_store.record(usage_row())
    await sqlite_reader.usage_count(UsageFilter())
    writable = 0
    for descriptor in Path("/proc/self/fd").iterdir():
        if descriptor.exists() and descriptor.samefile(database):
            facts = Path(f"/proc/self/fdinfo/{descriptor.name}").read_text()
            flags = int(facts.split("flags:")[1].split()[0], 8)
            writable += flags & os.O_ACCMODE == os.O_RDWR
    assert writable == 1


AS_NOBODY = """
import asyncio, os, sys
from pathlib import Path
from conduit_tui.store.interface import StoreError, UsageFilter
from conduit_tui.store.reader import SqliteReader
from conduit_tui.store.sqlite import SqliteStore
path = Path(sys.argv[1])
if os.getuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
async def main():
    try:
        reader = await SqliteReader.open(path)
        print("read", await reader.usage_count(UsageFilter()))
        await reader.close()
    except StoreError as error:
        print(error)
    try:
        await SqliteStore.open(path)
    except StoreError as error:
        print(error)
asyncio.run(main())
"""


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that another user can enter; pytest's own are closed to others."""
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


async def test_a_folder_that_may_only_be_read(open_folder: Path) -> None:
    path = open_folder / "conduit.db"
    store = await SqliteStore.open(path)
    await store.record(usage_row())
    await store.close()
    path.chmod(0o444)
    open_folder.chmod(0o555)
    child = subprocess.run([sys.executable, "-c", AS_NOBODY, path], capture_output=True, text=True, check=True)
    read, refused = child.stdout.splitlines()
    assert read == "read 1"
    assert refused == f"database {path} is read-only; check its owner and mode, or use another --state-dir"


async def test_a_folder_that_may_only_be_read_with_a_log_in_it(open_folder: Path) -> None:
    path = open_folder / "conduit.db"
    store = await SqliteStore.open(path)
    await store.record(usage_row())
    for suffix in ("", "-wal", "-shm"):
        Path(f"{path}{suffix}").chmod(0o444)
    open_folder.chmod(0o555)
    child = subprocess.run([sys.executable, "-c", AS_NOBODY, path], capture_output=True, text=True, check=True)
    read, _ = child.stdout.splitlines()
    assert read == "read 1" or str(path) in read  # never a wrong count
    await store.close()


def test_network_file_systems_are_known() -> None:
    mounts = [
        ("/", "ext4"),
        ("/home", "nfs4"),
        ("/home/me/local", "xfs"),
        ("/mnt", "fuse.sshfs"),
        ("/homestead", "ext4"),
    ]
    assert network_file_system(Path("/home/me/.local/state"), mounts) == "nfs4"
    assert network_file_system(Path("/home/me/local/state"), mounts) is None
    assert network_file_system(Path("/mnt"), mounts) == "fuse.sshfs"
    assert network_file_system(Path("/homestead/me"), mounts) is None
    assert network_file_system(Path("/var/lib"), mounts) is None
    assert network_file_system(Path("/var/lib"), []) is None
