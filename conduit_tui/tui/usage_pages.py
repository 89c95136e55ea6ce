"""The rows behind the Requests list: ids in memory, rows in pages, whatever their number. No screen.

A million ids are eight megabytes; rows are read in pages of a hundred, and only the pages looked at last are kept, as
the few words that the list shows of each row.
"""

import asyncio
from array import array
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from conduit_tui.domain.usage import StoredUsage
from conduit_tui.store.interface import Reader, UsageFilter

PAGE = 100
KEPT_PAGES = 24
READ_AT_ONCE = 2 * PAGE  # of the rows that came since the last look; the others wait until somebody looks at them

Shown = TypeVar("Shown")


class UsagePages(Generic[Shown]):
    """The rows that match a filter, oldest first.

    `generation` grows with every new filter, and answers that belong to an older one are dropped. `total` counts all
    rows, whatever the filter. `gone` stands for a row that has been deleted since its id was read.
    """

    def __init__(self, shorten: Callable[[StoredUsage], Shown], gone: Shown) -> None:
        self._shorten = shorten
        self._gone = gone
        self._old: Sequence[int] = ()
        self._new: array[int] = array("q")
        self._pages: OrderedDict[int, list[Shown]] = OrderedDict()
        self._asked: set[int] = set()
        self._seen = 0  # the newest id that was looked at, matching or not
        self.where = UsageFilter()
        self.generation = 0
        self.total = 0
        self.opened = False
        self._reading = asyncio.Lock()

    def __len__(self) -> int:
        return len(self._old) + len(self._new)

    def id_at(self, index: int) -> int:
        """The row id at a place in the list."""
        return self._old[index] if index < len(self._old) else self._new[index - len(self._old)]

    def row(self, index: int) -> Shown | None:
        """The row at a place, if its page is here."""
        number, offset = divmod(index, PAGE)
        page = self._pages.get(number)
        if page is None or offset >= len(page):
            return None
        self._pages.move_to_end(number)
        return page[offset]

    async def open(self, reader: Reader, where: UsageFilter) -> bool:
        """Start over with a filter; the old rows stay until the answer is here. False when a newer filter came."""
        self.generation += 1
        generation = self.generation
        async with self._reading:
            seen, total = self._seen, self.total
            ids: Sequence[int] = ()
            if not self.opened:
                ids = await reader.usage_ids(UsageFilter())
                seen, total = (ids[-1] if ids else 0), len(ids)
            if self.opened or where != UsageFilter():
                ids = await reader.usage_ids(where)
            newest = ids[-1] if ids else 0
            if newest > seen:
                total += sum(id_ <= newest for id_ in await reader.usage_ids_after(seen, UsageFilter()))
                seen = newest
            # The last page comes with the ids: the list opens at its end, and opens whole.
            rows = await reader.usage_rows(ids[-PAGE - len(ids) % PAGE :]) if ids else []
            if generation != self.generation:
                return False
            self.where, self.opened = where, True
            self._seen, self.total = seen, total
            self._old, self._new = ids, array("q")
            self._pages.clear()
            self._asked.clear()
            self._take(rows)
            return True

    async def read_on(self, reader: Reader, newest_id: int) -> bool:
        """Read what came since the last look. False when nothing matching came."""
        async with self._reading:
            if newest_id <= self._seen or not self.opened:
                return False
            ids = await reader.usage_ids_after(self._seen, self.where)
            everything = ids if self.where == UsageFilter() else await reader.usage_ids_after(self._seen, UsageFilter())
            rows = await reader.usage_rows(ids[-READ_AT_ONCE:]) if ids else []
            # A row that was committed between the two queries waits for the next look.
            seen = max(newest_id, ids[-1] if ids else 0)
            self.total += sum(id_ <= seen for id_ in everything)
            self._seen = seen
            found = {stored.id: stored for stored in rows}
            for id_ in ids:
                self._append(id_, found.get(id_))
            return bool(ids)

    def _append(self, id_: int, stored: StoredUsage | None) -> None:
        number, offset = divmod(len(self), PAGE)
        if offset == 0:
            self._keep(number, [])
        page = self._pages.get(number)
        if page is not None and len(page) == offset and stored is not None:
            page.append(self._shorten(stored))
        self._new.append(id_)

    def wanted(self, first: int, last: int) -> list[int]:
        """The pages that these places need and nobody was asked for yet; now they count as asked for."""
        last = min(last, len(self) - 1)
        numbers = [
            number
            for number in range(max(0, first) // PAGE, last // PAGE + 1)
            if number not in self._asked and not self._is_whole(number)
        ]
        self._asked.update(numbers)
        return numbers

    async def load(self, reader: Reader, number: int) -> bool:
        """Read a page. False when the filter has changed meanwhile."""
        generation = self.generation
        ids = [self.id_at(index) for index in range(number * PAGE, min((number + 1) * PAGE, len(self)))]
        try:
            rows = await reader.usage_rows(ids)
        finally:
            if generation == self.generation:
                self._asked.discard(number)
        if generation != self.generation:
            return False
        found = {stored.id: stored for stored in rows}
        self._keep(number, [self._shorten(found[id_]) if id_ in found else self._gone for id_ in ids])
        return True

    def _is_whole(self, number: int) -> bool:
        page = self._pages.get(number)
        return page is not None and len(page) >= min(PAGE, len(self) - number * PAGE)

    def _take(self, rows: Sequence[StoredUsage]) -> None:
        """Keep the rows of the list's end, as far as they fill pages from their beginning."""
        if len(rows) > len(self) or [stored.id for stored in rows] != [
            self.id_at(index) for index in range(len(self) - len(rows), len(self))
        ]:
            return
        first = len(self) - len(rows)
        for start in range(-(-first // PAGE) * PAGE, len(self), PAGE):
            page = rows[start - first : start - first + PAGE]
            self._keep(start // PAGE, [self._shorten(stored) for stored in page])

    def _keep(self, number: int, page: list[Shown]) -> None:
        self._pages[number] = page
        self._pages.move_to_end(number)
        while len(self._pages) > KEPT_PAGES:
            self._pages.popitem(last=False)
