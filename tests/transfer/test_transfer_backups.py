"""I1: safety copies are whole or not there, while others write and when their maker is killed."""

import asyncio
import os
import signal
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from transfer_scenes import exported, filled, import_into, project, rows_of, usage_row, version_2

from conduit_tui.store.clock import now_ms
from conduit_tui.store.copies import check_sound, save_copy
from conduit_tui.store.interface import StoreError
from conduit_tui.store.migrate import MIGRATIONS, SCHEMA, statements
from conduit_tui.store.publish import publishing
from conduit_tui.store.sqlite import SqliteStore
from conduit_tui.transfer import backups
from conduit_tui.transfer.errors import TransferError

CHILD = Path(__file__).with_name("writing_child.py")


def assert_whole(path: Path) -> int:
    """That a copy opens, is sound, private and one file; how many requests it holds."""
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        check_sound(connection, path.name)
        (rows,) = connection.execute("SELECT count(*) FROM usage").fetchone()
        sums = connection.execute("SELECT coalesce(sum(requests), 0) FROM usage_rollup").fetchone()
        settled = connection.execute("SELECT count(*) FROM ledger_entries WHERE state = 'settled'").fetchone()
        assert sums == settled == (rows,)
    assert not path.with_name(f"{path.name}-wal").exists()
    return int(rows)


@pytest.mark.fault
def test_copies_while_others_write_and_their_maker_is_killed(tmp_path: Path) -> None:
    database, folder = tmp_path / "conduit.db", tmp_path / "backups"
    seen: list[int] = []
    for wanted in (3, 1, 2, 1):  # how many copies before the kill, which then comes in the middle of one
        child = subprocess.Popen([sys.executable, CHILD, database, folder], stdout=subprocess.PIPE)
        assert child.stdout is not None
        for _ in range(wanted):
            assert child.stdout.readline() == b"copied\n"
        while not list(folder.glob(".*.part")):
            assert child.poll() is None
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
        published = sorted(folder.glob("backup-*.db"))
        seen = [assert_whole(path) for path in published]
    assert len(seen) >= 7
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    save_copy(database, folder)  # clears what the killed ones left
    assert list(folder.glob(".*")) == []
    assert max(seen) > 8


def test_a_copy_does_not_hold_the_writer_up(tmp_path: Path) -> None:
    large = f'{{"x": "{"y" * 80_000}"}}'
    database = filled(tmp_path / "conduit.db", [usage_row(n, metadata=large) for n in range(80)])

    async def run() -> int:
        store = await SqliteStore.open(database)
        try:
            copying = asyncio.create_task(asyncio.to_thread(save_copy, database, tmp_path / "b", pause=0.005))
            written = 0
            while not copying.done():
                await store.record(usage_row(5000 + written))
                written += 1
            ((copied,),) = rows_of(await copying, "SELECT count(*) FROM usage")
            assert 80 <= copied < 80 + written, "of the instant when it began"
            return written
        finally:
            await store.close()

    assert asyncio.run(run()) > 3


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_modes_do_not_depend_on_the_umask(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        database = filled(tmp_path / "conduit.db", [usage_row(1)])
        made = backups.create(database, tmp_path / "backups", export=True)
    finally:
        os.umask(before)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "backups").iterdir()}
    assert modes == {0o600}
    assert {one.kind for one in backups.listed(tmp_path / "backups")} == {"database", "export"}
    assert made.contents == {"projects": 1, "providers": 0, "budgets": 0, "rules": 0, "requests": 1}


def test_a_block_that_fails_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("as it was")

    def fail() -> None:
        with publishing(tmp_path / "kept") as draft:
            draft.write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
    assert (tmp_path / "kept").read_text() == "as it was"


def test_automatic_copies_are_rotated_and_others_stay(tmp_path: Path) -> None:
    database, folder = filled(tmp_path / "conduit.db", []), tmp_path / "backups"
    by_hand = backups.create(database, folder)
    for _ in range(4):
        last = backups.create(database, folder, backups.automatic("import"), keep=2)
    names = [one.name for one in backups.listed(folder)]
    assert len(names) == 3
    assert {by_hand.name, last.name} < set(names)


def test_a_regular_copy_is_made_when_it_is_time(tmp_path: Path) -> None:
    database, folder = filled(tmp_path / "conduit.db", []), tmp_path / "backups"

    def due(hours: int, later: int = 0) -> bool:
        now = now_ms() + later * 3_600_000
        return backups.create_if_due(database, folder, every_hours=hours, keep=2, now=now) is not None

    assert not due(0)
    assert due(24)
    assert not due(24, 23)
    assert due(24, 25)
    assert due(1, 30)
    assert due(1, 40)
    assert len(list(folder.iterdir())) == 2
    assert {one.why for one in backups.listed(folder)} == {"regular"}


def test_a_copy_is_found_looked_into_and_removed(tmp_path: Path) -> None:
    database, folder = filled(tmp_path / "conduit.db", [usage_row(n) for n in range(3)]), tmp_path / "backups"
    import_into(database, version_2(projects=[project("docs")]))
    made = backups.create(database, folder)
    assert backups.find(folder, "newest").name == made.name
    assert made.contents["requests"] == 3
    assert made.version == f"schema {SCHEMA}"
    (folder / "backup-20200101T000000Z.db").write_bytes(b"nonsense")
    (broken,) = [one for one in backups.listed(folder) if one.problem]
    assert "not a database" in broken.problem
    for name in ("../conduit.db", "backup-", "nothing", ""):
        with pytest.raises(TransferError):
            backups.remove(folder, name)
    backups.remove(folder, made.name)
    assert [one.name for one in backups.listed(folder)] == ["backup-20200101T000000Z.db"]


def old_database(path: Path, version: int) -> Path:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for migration in MIGRATIONS[:version]:
            for statement in statements(migration.sql):
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {version}")
    return path


async def _open_and_close(path: Path) -> None:
    await (await SqliteStore.open(path)).close()


def test_a_migration_makes_a_copy_first(tmp_path: Path) -> None:
    database = old_database(tmp_path / "conduit.db", 2)
    asyncio.run(_open_and_close(database))
    (copy,) = (tmp_path / "backups").iterdir()
    assert copy.name.endswith("-before-migration-from-2.db")
    assert rows_of(copy, "PRAGMA user_version") == [(2,)]
    asyncio.run(_open_and_close(database))
    assert len(list((tmp_path / "backups").iterdir())) == 1


def test_without_room_for_the_copy_nothing_is_migrated(tmp_path: Path) -> None:
    database = old_database(tmp_path / "conduit.db", 2)
    (tmp_path / "backups").write_text("in the way")
    with pytest.raises(StoreError, match="no safety copy of it can be made first"):
        asyncio.run(_open_and_close(database))
    assert rows_of(database, "PRAGMA user_version") == [(2,)]


CANARY = "sk-ant-canary-7c1f5e0b9d"


def test_no_key_and_no_text_leaves_unasked(tmp_path: Path) -> None:
    """I7: what a key file and captured texts hold is in no export; the file says so."""
    from conduit_tui.domain.captures import Capture, CaptureKind

    key = tmp_path / "key"
    key.write_text(CANARY)
    key.chmod(0o600)

    async def fill() -> None:
        store = await SqliteStore.open(tmp_path / "conduit.db")
        text = Capture("exchange-00001", "default", CaptureKind.MESSAGE, False, 1, f"my key is {CANARY}")
        await store.record(usage_row(1), [text])
        await store.close()

    asyncio.run(fill())
    body = {"name": "p", "base_url": "https://p.example", "dialects": ["anthropic"]}
    import_into(
        tmp_path / "conduit.db",
        version_2(providers=[{**body, "key": {"kind": "file", "reference": str(key)}, "created_at": 1}]),
    )
    for version in ("2", "1.0"):
        written = exported(tmp_path / "conduit.db", format=version).decode()
        for form in (CANARY, CANARY[::-1], CANARY[7:], "Y2FuYXJ5"):
            assert form not in written
    assert '"keys": "not included' in exported(tmp_path / "conduit.db").decode()
    assert '"left_out": ["captured texts"' in exported(tmp_path / "conduit.db").decode().replace('","', '", "')
    assert CANARY in exported(tmp_path / "conduit.db", texts=True).decode()  # only when it is asked for
