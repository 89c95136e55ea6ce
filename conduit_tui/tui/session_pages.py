"""The rows behind the Sessions list: ids in memory, rows in pages. No screen.

Sessions that work move to the top, so the ids are read anew with every look; the rows in sight come with them.
"""

import asyncio
from array import array
from collections.abc import Sequence
from typing import NamedTuple

from conduit_tui.domain.live import InFlight
from conduit_tui.domain.sessions import SessionFilter, SessionRow
from conduit_tui.store.interface import Reader

PAGE = 100
MOST_NEW = 20  # sessions under way that are looked for, or shown before their first row

Key = tuple[str, str]
"""Project and session."""


class View(NamedTuple):
    """What is in sight: the first row, how many, and the row that the cursor is on."""

    top: int = 0
    height: int = PAGE
    cursor: int = 0


class SessionPages:
    """The sessions that match a filter: first those that have only begun, then the newest activity first."""

    def __init__(self) -> None:
        self._ids: array[int] = array("q")
        self._begun: list[SessionRow] = []  # not in the database yet
        self._pages: dict[int, list[SessionRow]] = {}
        self._asked: set[int] = set()
        self._reading = asyncio.Lock()
        self._generation = 0
        self.where = SessionFilter()
        self.opened = False
        self.stopped = 0

    def __len__(self) -> int:
        return len(self._begun) + len(self._ids)

    def row(self, index: int) -> SessionRow | None:
        """The session at a place, if it is here."""
        if index < len(self._begun):
            return self._begun[index]
        number, offset = divmod(index - len(self._begun), PAGE)
        page = self._pages.get(number, ())
        return page[offset] if offset < len(page) else None

    def wanted(self, first: int, last: int) -> list[int]:
        """The pages that these places need and nobody was asked for yet; now they count as asked for."""
        numbers = [number for number in self._numbers(first, last) if number not in self._pages.keys() | self._asked]
        self._asked.update(numbers)
        return numbers

    def _numbers(self, first: int, last: int) -> range:
        begun = len(self._begun)
        last = min(last - begun, len(self._ids) - 1)
        return range(max(0, first - begun) // PAGE, last // PAGE + 1)

    async def refresh(self, reader: Reader, where: SessionFilter, live: Sequence[InFlight], view: View) -> View | None:
        """Read anew. Where the cursor and the top are then, or None when a newer look was asked for meanwhile.

        The cursor stays on its session wherever that has gone, but at the top it stays at the top.
        """
        self._generation += 1
        generation = self._generation
        async with self._reading:
            if generation != self._generation:
                return None
            ids = array("q", await reader.session_ids(where))
            newest = await reader.session_rows(ids[:PAGE])
            old, begun = await _under_way(reader, where, live, {(row.project, row.session) for row in newest})
            for id_ in old:
                if id_ in ids:
                    ids.remove(id_)
                ids.insert(0, id_)
            anchor = self.row(view.cursor)
            same_filter = where == self.where and view.cursor
            cursor = _place(anchor, ids, begun, view.cursor) if same_filter else 0
            cursor = max(0, min(cursor, len(ids) + len(begun) - 1))
            top = max(0, view.top + cursor - view.cursor) if same_filter else 0
            stopped = len(await reader.stopped_sessions())
            pages = {}
            first, end = top - len(begun), top + view.height - len(begun)
            for number in {0, *range(max(0, first) // PAGE, max(0, end) // PAGE + 1)}:
                if wanted := ids[number * PAGE : (number + 1) * PAGE]:
                    pages[number] = await reader.session_rows(wanted)
            if generation != self._generation:
                return None
            self._ids, self._begun, self._pages = ids, begun, pages
            self._asked.clear()
            self.where, self.opened, self.stopped = where, True, stopped
            return View(top, view.height, cursor)

    async def load(self, reader: Reader, number: int) -> bool:
        """Read a page. False when the list is another meanwhile."""
        generation = self._generation
        rows = await reader.session_rows(self._ids[number * PAGE : (number + 1) * PAGE])
        self._asked.discard(number)
        if generation != self._generation:
            return False
        self._pages[number] = rows
        return True


def _place(anchor: SessionRow | None, ids: "array[int]", begun: Sequence[SessionRow], before: int) -> int:
    """Where a session is now; where the cursor was if it is gone."""
    if anchor is None:
        return before
    for at, row in enumerate(begun):
        if (row.project, row.session) == (anchor.project, anchor.session):
            return at
    try:
        return len(begun) + ids.index(anchor.id)
    except ValueError:
        return before


async def _under_way(
    reader: Reader, where: SessionFilter, live: Sequence[InFlight], shown: set[Key]
) -> tuple[list[int], list[SessionRow]]:
    """The sessions of exchanges under way that are not among those shown: ids of old ones, rows for new ones."""
    if where.text or where.model or where.session:
        return [], []
    old: list[int] = []
    begun: list[SessionRow] = []
    for flight in live:
        key = (flight.project, flight.session)
        if not flight.session or key in shown or where.project not in ("", flight.project):
            continue
        if len(old) + len(begun) == MOST_NEW:
            break
        shown.add(key)
        named = SessionFilter(session=flight.session, project=flight.project)
        rows = await reader.session_rows((await reader.session_ids(named))[:PAGE])
        found = next((row.id for row in rows if row.session == flight.session), None)
        if found is None:
            begun.append(_begun(flight))
        else:
            old.append(found)
    return old, begun


def _begun(flight: InFlight) -> SessionRow:
    at = flight.started_at
    return SessionRow(0, flight.project, flight.session, "", 0, 0, 0, 0, 0, 0, 0, at, at)
