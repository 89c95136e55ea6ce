"""The pages behind the Requests list, over a real database."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from scenes import World, row

from conduit_tui.domain.usage import StoredUsage
from conduit_tui.store.interface import Reader, UsageFilter
from conduit_tui.tui.usage_pages import KEPT_PAGES, PAGE, UsagePages

pytestmark = pytest.mark.anyio

EVERYTHING = UsageFilter()


def make() -> UsagePages[str]:
    return UsagePages(lambda stored: stored.row.exchange_id, "gone")


async def load_all(pages: UsagePages[str], reader: Reader, first: int, last: int) -> None:
    for number in pages.wanted(first, last):
        assert await pages.load(reader, number)


async def opened(world: World, count: int, where: UsageFilter = EVERYTHING) -> tuple[UsagePages[str], Reader]:
    await world.fill(row(n, ago=count - n, status=429 if n % 10 == 0 else 200) for n in range(count))
    reader = await world.open_reader()
    pages = make()
    assert await pages.open(reader, where)
    return pages, reader


async def test_opens_at_the_end_and_loads_what_is_looked_at(world: World) -> None:
    pages, reader = await opened(world, 250)
    assert len(pages) == pages.total == 250
    assert pages.row(249) == "ex-000249"
    assert pages.row(99) is None
    await load_all(pages, reader, 40, 60)
    assert [pages.row(index) for index in (0, 50, 99)] == ["ex-000000", "ex-000050", "ex-000099"]
    assert pages.wanted(0, 249) == []
    await reader.close()


async def test_what_comes_is_appended_and_counted_once(world: World) -> None:
    pages, reader = await opened(world, 95, UsageFilter(status="4xx"))
    assert (len(pages), pages.total) == (10, 95)
    last = await world.fill(row(n, ago=1, status=429 if n % 10 == 0 else 200) for n in range(95, 131))
    assert await pages.read_on(reader, last)
    assert not await pages.read_on(reader, last)
    assert (len(pages), pages.total) == (14, 131)
    assert pages.row(13) == "ex-000130"
    assert await pages.open(reader, UsageFilter())
    assert (len(pages), pages.total) == (131, 131)
    assert await pages.open(reader, UsageFilter(text="no such thing"))
    assert (len(pages), pages.total) == (0, 131)
    last = await world.fill([row(131, ago=1)])
    assert not await pages.read_on(reader, last)
    assert pages.total == 132
    await reader.close()


async def test_a_burst_is_whole_though_only_its_end_is_read(world: World) -> None:
    pages, reader = await opened(world, 30)
    last = await world.fill(row(n, ago=1) for n in range(30, 760))
    assert await pages.read_on(reader, last)
    await load_all(pages, reader, 0, 759)
    assert [pages.row(index) for index in range(760)] == [f"ex-{n:06}" for n in range(760)]
    await reader.close()


async def test_memory_holds_a_few_pages_only(world: World) -> None:
    pages, reader = await opened(world, (KEPT_PAGES + 6) * PAGE)
    for number in range(KEPT_PAGES + 6):
        await load_all(pages, reader, number * PAGE, number * PAGE)
    here = sum(pages.row(index) is not None for index in range(len(pages)))
    assert here <= KEPT_PAGES * PAGE
    assert pages.row(len(pages) - 1) is not None
    await reader.close()


async def test_an_answer_to_an_older_filter_is_dropped(world: World) -> None:
    pages, reader = await opened(world, 250)

    class Slow:
        """A reader whose rows come when they are let go."""

        def __init__(self) -> None:
            self.go = asyncio.Event()

        def __getattr__(self, name: str) -> Any:
            return getattr(reader, name)

        async def usage_rows(self, ids: Sequence[int]) -> list[StoredUsage]:
            await self.go.wait()
            return await reader.usage_rows(ids)

    slow: Any = Slow()
    [number] = pages.wanted(0, 10)
    loading = asyncio.create_task(pages.load(slow, number))
    searching = asyncio.create_task(pages.open(slow, UsageFilter(status="429")))
    await asyncio.sleep(0)
    narrowing = asyncio.create_task(pages.open(reader, UsageFilter(status="200")))
    await asyncio.sleep(0)
    slow.go.set()
    assert [await loading, await searching, await narrowing] == [False, False, True]
    assert len(pages) == 225
    await reader.close()


async def test_a_row_that_was_deleted_leaves_its_place(world: World) -> None:
    pages, reader = await opened(world, 250)
    assert world.store is not None
    await world.store.run(lambda connection: connection.execute("DELETE FROM usage WHERE id = 5"))
    await load_all(pages, reader, 0, 10)
    assert [pages.row(index) for index in (3, 4, 5)] == ["ex-000003", "gone", "ex-000005"]
    await reader.close()
