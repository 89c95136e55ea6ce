"""X11: whatever words stand in a field, SQL takes them for words."""

from typing import get_type_hints

import pytest
from store_rows import START, usage_row

from conduit_tui.domain.sessions import StoppedSession
from conduit_tui.domain.usage import UsageRow
from conduit_tui.store.reader import SqliteReader
from conduit_tui.store.results import UsageFilter
from conduit_tui.store.sqlite import SqliteStore

pytestmark = pytest.mark.anyio

WORDS = [
    "' OR '1'='1",
    "'; DROP TABLE usage; --",
    '"; DELETE FROM usage; --',
    "' UNION SELECT name, sql FROM sqlite_master --",
    "1; ATTACH DATABASE '/tmp/x' AS x; --",
    "') OR (1=1",
    "' AND randomblob(1000000000) --",
    "%' ESCAPE '\\",
    "_%",
    "?1",
    ":name",
    "`usage`",
    "/* */ \x00'",
    "’ ＇ ʼ OR 1=1",
]
NOT_FREE = {"metadata", "cost_currency"}  # JSON, and one of a few


@pytest.mark.parametrize("words", WORDS)
async def test_words_stay_words(words: str, sqlite_store: SqliteStore, sqlite_reader: SqliteReader) -> None:
    await sqlite_store.record(usage_row())
    texts = [name for name, kind in get_type_hints(UsageRow).items() if kind is str and name not in NOT_FREE]
    row = usage_row(**dict.fromkeys(texts, words))
    number = await sqlite_store.record(row)
    (stored,) = await sqlite_reader.usage_rows([number])
    assert {name: getattr(stored.row, name) for name in texts} == dict.fromkeys(texts, words)

    for where in (UsageFilter(model=words), UsageFilter(project=words), UsageFilter(session=words)):
        assert list(await sqlite_reader.usage_ids(where)) == [number]
    assert number in await sqlite_reader.usage_ids(UsageFilter(text=words))
    totals = await sqlite_reader.usage_totals(since=0, until=START * 2, by="model", project=words)
    assert [total.key for total in totals] == [words]
    assert [each.row.exchange_id for each in await sqlite_reader.usage_of_exchange(words)] == [words]

    await sqlite_store.stop_session(StoppedSession(project=words, session=words, reason=words, stopped_at=START))
    assert [(stop.project, stop.reason) for stop in await sqlite_reader.stopped_sessions()] == [(words, words)]
    await sqlite_store.resume_session(words, words)
    assert await sqlite_reader.stopped_sessions() == []
    assert await sqlite_reader.usage_count(UsageFilter()) == 2
