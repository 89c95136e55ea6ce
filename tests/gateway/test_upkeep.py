"""What the gateway tells the daemon when clock or disk are not to be trusted. Faults B11 and S3."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "ledger"))

from ledgers import DAY, HOUR, NOON, HandClock, usage_row

from conduit_tui.config.model import Retention
from conduit_tui.control.reports import Report, ReportType
from conduit_tui.gateway import upkeep
from conduit_tui.gateway.reporter import Reporter
from conduit_tui.gateway.spending import provider_time
from conduit_tui.ledger.ledger import Ledger
from conduit_tui.store.sqlite import SqliteStore

pytestmark = [pytest.mark.anyio, pytest.mark.fault]


class Daemon:
    """The other end of the report pipe."""

    def __init__(self) -> None:
        read, write = os.pipe()
        self._reports = os.fdopen(read, "rb")
        self.reporter, self._write = Reporter(write), write

    async def next(self) -> Report:
        line = await asyncio.to_thread(self._reports.readline)
        report = Report.decode(line)
        assert report is not None
        return report

    def close(self) -> None:
        os.close(self._write)
        self._reports.close()


@pytest.fixture
def daemon() -> Iterator[Daemon]:
    listening = Daemon()
    yield listening
    listening.close()


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    opened = await SqliteStore.open(tmp_path / "conduit.db")
    yield opened
    await opened.close()


async def test_a_clock_that_jumps_and_a_disk_that_fails_degrade_the_gateway(
    store: SqliteStore, daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "TEND_SECONDS", 0.01)
    clock, problem = HandClock(), [""]
    tending = asyncio.create_task(upkeep.tend(Ledger(store, 1, clock=clock), lambda: problem[0], daemon.reporter))
    clock.wall_now += 2 * DAY
    degraded = await daemon.next()
    assert degraded.type is ReportType.DEGRADED
    assert "the clock was set 2880 minutes ahead" in degraded.reason
    problem[0] = "no space left"
    assert (await daemon.next()).reason == "no space left"
    problem[0] = ""
    assert "the clock was set" in (await daemon.next()).reason
    clock.confirm(clock.wall_now)
    assert (await daemon.next()).type is ReportType.RECOVERED
    clock.wall_now -= HOUR
    assert "60 minutes back" in (await daemon.next()).reason
    tending.cancel()
    await asyncio.gather(tending, return_exceptions=True)


async def test_a_clock_set_ahead_deletes_no_rows(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "EXPIRE_SECONDS", 0.01)
    old = NOON - 2 * DAY
    for at in (NOON, old):
        await store.record(usage_row(at=at))

    async def left() -> list[int]:
        rows = await store.run(lambda db: db.execute("SELECT created_at FROM usage ORDER BY 1").fetchall())
        return [at for (at,) in rows]

    clock = HandClock()
    clock.wall_now += 2000 * DAY
    expiring = asyncio.create_task(upkeep.expire(store, Retention(usage_days=1), clock))
    async with asyncio.timeout(20):
        while old in await left():
            pass
    assert await left() == [NOON]
    clock.go(2 * DAY)
    async with asyncio.timeout(20):
        while await left():
            pass
    expiring.cancel()
    await asyncio.gather(expiring, return_exceptions=True)


async def test_days_that_are_over_are_summed(store: SqliteStore) -> None:
    for at in (NOON - 2 * DAY, NOON - DAY, NOON - DAY, NOON):
        await store.record(usage_row(at=at))

    async def summed() -> list[tuple[int, int]]:
        return await store.run(lambda db: db.execute("SELECT bucket, requests FROM usage_daily ORDER BY 1").fetchall())

    assert await summed() == []
    expiring = asyncio.create_task(upkeep.expire(store, Retention(), HandClock()))
    midnight = NOON - NOON % DAY
    async with asyncio.timeout(20):
        while await summed() != [(midnight - 2 * DAY, 1), (midnight - DAY, 2)]:
            pass
    expiring.cancel()
    await asyncio.gather(expiring, return_exceptions=True)


@pytest.mark.parametrize("zone", [UTC, timezone(timedelta(hours=9))])
def test_a_provider_s_date_is_a_witness(zone: timezone) -> None:
    date = format_datetime(datetime.fromtimestamp(NOON / 1000, zone)).encode()
    for headers, time in (
        ([(b"Date", date)], NOON),
        ([(b"server", b"x"), (b"date", date)], NOON),
        ([(b"date", b"yesterday")], None),
        ([(b"date", b"")], None),
        ([(b"date", b"Fri, 32 Jan 2027 99:99:99 GMT")], None),
        ([(b"date", b"Fri, 01 Jan 99999999999999 00:00:00 GMT")], None),
        ([], None),
    ):
        assert provider_time(SimpleNamespace(response_headers=headers)) == time  # type: ignore[arg-type]
