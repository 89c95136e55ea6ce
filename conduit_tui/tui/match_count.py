"""How many of the last requests a condition meets, counted away from the screen. No screen."""

import asyncio

from conduit_tui.domain.recorded import RecordedRequest
from conduit_tui.domain.rules import Group
from conduit_tui.routing.recorded import Matches, count_matches
from conduit_tui.store.interface import Reader
from conduit_tui.tui.format import count

LAST = 1_000
FAR_FUTURE = 2**53


class MatchCounter:
    """Keeps a project's last requests and counts in a thread."""

    def __init__(self, project: str) -> None:
        self._project = project
        self._requests: list[RecordedRequest] | None = None
        self._reading = asyncio.Lock()

    async def requests(self, reader: Reader) -> list[RecordedRequest]:
        """The last requests, oldest first; read once."""
        async with self._reading:
            if self._requests is None:
                batches = reader.recorded_requests(since=0, until=FAR_FUTURE, project=self._project, newest=LAST)
                self._requests = [request async for batch in batches for request in batch]
        return self._requests

    async def count(self, reader: Reader, conditions: Group) -> Matches:
        """How many of them meet the conditions."""
        requests = await self.requests(reader)
        return await asyncio.to_thread(count_matches, conditions, requests)


def in_words(matches: Matches) -> str:
    """`214 of the last 1,000 match, of 31 it is not known`"""
    if not matches.of:
        return "no request yet to try it on"
    told = f"{count(matches.yes)} of the last {count(matches.of)} match"
    return f"{told}, of {count(matches.unknown)} it is not known" if matches.unknown else told
