"""Claude Code's account and ours, answer by answer: the provider's ids tell which is which."""

import asyncio
import threading
from pathlib import Path

from conduit_tui.domain.metered import MeteredRow
from conduit_tui.domain.usage import UsageFlag
from conduit_tui.pricing.catalog import Catalog
from conduit_tui.pricing.prices import Prices
from conduit_tui.reconcile.account import Compared, Reconciliation
from conduit_tui.reconcile.transcripts import Answer, Transcripts, read_transcripts
from conduit_tui.store.interface import Reader

CLIENT = "claude-cli"
PROVIDER = "anthropic"  # whose price an answer has that the gateway did not see
EDGE_MS = 3_600_000  # a request may begin before an instant and its answer be written down after it


async def reconcile(reader: Reader | None, folder: Path, *, since: int, session: str = "") -> Reconciliation:
    """Compare what the ledger (None where there is none yet) and the transcripts say since an instant.

    Cancelled, it stops reading. Raises OSError if the folder cannot be read, StoreError.
    """
    over = threading.Event()
    reading = asyncio.create_task(
        asyncio.to_thread(read_transcripts, folder, since=since - EDGE_MS, session=session, stop=over.is_set)
    )
    try:
        prices = Prices(Catalog(), await reader.price_overrides() if reader is not None else ())
        await asyncio.to_thread(prices.warm)
        transcripts = await reading
        comparison = Comparison(transcripts, prices, since)
        if reader is not None:
            async for rows in reader.metered_rows(client=CLIENT, since=since - EDGE_MS, session=session):
                await asyncio.to_thread(comparison.enter, rows)
        sessions = await asyncio.to_thread(comparison.close)
    finally:
        over.set()
        if not reading.done():
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
    return Reconciliation(sessions, total_of(sessions), transcripts.reading, str(folder), since)


class Comparison:
    """Takes in the ledger's rows, then what is left of the transcripts."""

    def __init__(self, transcripts: Transcripts, prices: Prices, since: int) -> None:
        self._transcripts = transcripts
        self._left = dict(transcripts.answers)
        self._by_request = {answer.request_id: key for key, answer in self._left.items() if answer.request_id}
        self._by_message = {(answer.session, answer.message_id): key for key, answer in self._left.items()}
        self._prices = prices
        self._since = since
        self._sessions: dict[str, Compared] = {}

    def enter(self, rows: list[MeteredRow]) -> None:
        """Enter rows of the ledger."""
        for row in rows:
            answer = self._take(row)
            if row.created_at < self._since:
                continue
            session = self._of(row.session, row.created_at)
            session.project = session.project or row.project
            session.ledger.add(row.usage, row.cost_nanodollars)
            if answer is None:
                session.extra.add(row.usage, row.cost_nanodollars)
                kind = _kind(row)
                session.extra_kinds[kind] = session.extra_kinds.get(kind, 0) + 1
            else:
                session.transcript.add(answer.usage, self._price_as(row, answer))
                session.differing += answer.usage[:5] != row.usage[:5]

    def _take(self, row: MeteredRow) -> Answer | None:
        """The answer that a row is about. Without a request id, which older rows lack, its message must do."""
        key = self._by_request.get(row.request_id)
        if key is None and not row.request_id:
            key = self._by_message.get((row.session, row.message_id))
        return self._left.pop(key, None) if key is not None else None

    def close(self) -> list[Compared]:
        """Enter the answers that the ledger lacks; the sessions, the newest first."""
        for answer in self._left.values():
            if answer.at < self._since:
                continue
            session = self._of(answer.session, answer.at)
            cost = self._prices.price(answer.model, answer.usage, PROVIDER, answer.at, answer.extras).nanodollars
            session.transcript.add(answer.usage, cost)
            session.unseen.add(answer.usage, cost)
        for name, dollars in self._transcripts.said.items():
            if name in self._sessions:
                self._sessions[name].said_nanodollars = round(dollars * 1e9)
        return sorted(self._sessions.values(), key=lambda one: (-one.last_at, one.session))

    def _of(self, session: str, at: int) -> Compared:
        found = self._sessions.setdefault(session, Compared(session))
        found.seen_at(at)
        return found

    def _price_as(self, row: MeteredRow, answer: Answer) -> int:
        """What the transcript's tokens cost at the price that the ledger charged."""
        if answer.usage[:5] == row.usage[:5]:
            return row.cost_nanodollars
        return self._prices.price(row.model, answer.usage, row.provider, row.created_at, answer.extras).nanodollars


def total_of(sessions: list[Compared]) -> Compared:
    """The sum of sessions."""
    total = Compared("")
    for one in sessions:
        for name in ("transcript", "ledger", "unseen", "extra"):
            getattr(total, name).include(getattr(one, name))
        for kind, count in one.extra_kinds.items():
            total.extra_kinds[kind] = total.extra_kinds.get(kind, 0) + count
        total.differing += one.differing
        total.seen_at(one.first_at)
        total.seen_at(one.last_at)
    return total


def _kind(row: MeteredRow) -> str:
    """Why the ledger may have a request that the transcript does not hold."""
    flags = row.flags.split(",")
    if UsageFlag.REPORTED in flags:
        return "reported by the run"
    if UsageFlag.ABORTED in flags:
        return "cut or left"
    if row.request_class in ("auxiliary", "compaction", "side_reply"):
        return row.request_class.replace("_", " ")
    return "other"
