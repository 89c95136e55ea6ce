"""The ledger beside transcripts of the real `claude`: equal where nothing happened, and said where something did."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from conduit_tui.reconcile.account import Compared, Verdict
from conduit_tui.reconcile.compare import reconcile
from conduit_tui.store.reader import SqliteReader
from conduit_tui.store.sqlite import SqliteStore
from tests.reconcile.made_by_claude import FIRST_AT, FOLDER, SESSIONS, ledger_rows

pytestmark = pytest.mark.anyio


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    opened = await SqliteStore.open(tmp_path / "conduit.db")
    for row in ledger_rows():
        await opened.record(row)
    yield opened
    await opened.close()


@pytest.fixture
async def reader(store: SqliteStore, tmp_path: Path) -> AsyncIterator[SqliteReader]:
    opened = await SqliteReader.open(tmp_path / "conduit.db")
    yield opened
    await opened.close()


async def compared(reader: SqliteReader | None, **how: object) -> dict[str, Compared]:
    """By the name of what happened in a session, how the two accounts of it stand."""
    found = await reconcile(reader, FOLDER / "projects", **{"since": FIRST_AT, **how})  # type: ignore[arg-type]
    return {name: one for one in found.sessions for name, session in SESSIONS.items() if session == one.session}


async def test_real_sessions_show_no_drift(reader: SqliteReader) -> None:
    found = await compared(reader)
    for name in ("subagent", "failing", "think"):
        one = found[name]
        assert (one.verdict, one.token_drift, one.cost_drift) == (Verdict.EQUAL, 0, 0), name
    whole = found["subagent"]
    assert (whole.transcript.answers, whole.ledger.answers) == (4, 4)
    assert whole.ledger.nanodollars == whole.said_nanodollars == 66_400_000
    assert whole.project == "default"


async def test_an_answer_that_was_cut_is_paid_and_the_transcript_lacks_it(reader: SqliteReader) -> None:
    cut = (await compared(reader))["cut"]
    assert cut.verdict is Verdict.EXTRA
    assert (cut.ledger.answers, cut.transcript.answers) == (2, 1)
    assert cut.extra_kinds == {"cut or left": 1}
    assert cut.cost_drift == pytest.approx(100 * 14_673_000 / 16_600_000)


async def test_what_went_past_the_gateway_is_named(reader: SqliteReader) -> None:
    found = await compared(reader)
    assert found["direct"].verdict is Verdict.NOT_SEEN
    assert found["direct"].cost_drift == -100
    half = found["half"]
    assert (half.verdict, half.unseen.answers, half.ledger.answers) == (Verdict.UNSEEN, 1, 1)
    assert half.ledger.nanodollars + half.unseen.nanodollars == half.said_nanodollars  # priced as the ledger does
    assert half.cost_drift == pytest.approx(-50, abs=0.1)


async def test_counts_that_differ_are_told_from_answers_that_lack(store: SqliteStore, reader: SqliteReader) -> None:
    def add_tokens(connection: object) -> None:
        connection.execute(  # type: ignore[attr-defined]
            "UPDATE usage SET output_tokens = output_tokens + 100 WHERE session = ?", (SESSIONS["think"],)
        )

    await store.run(add_tokens)
    one = (await compared(reader))["think"]
    assert (one.verdict, one.differing, one.unseen.answers, one.extra.answers) == (Verdict.DIFFERS, 1, 0, 0)
    assert one.token_drift == pytest.approx(100 * 100 / 9_300)


async def test_rows_without_a_request_id_are_found_by_their_message(store: SqliteStore, reader: SqliteReader) -> None:
    await store.run(
        lambda connection: connection.execute("UPDATE usage SET metadata = json_remove(metadata, '$.request_id')")
    )
    found = await compared(reader)
    assert [found[name].verdict for name in ("subagent", "think", "half")] == [
        Verdict.EQUAL, Verdict.EQUAL, Verdict.UNSEEN,
    ]  # fmt: skip


async def test_sessions_of_others_are_left_alone(store: SqliteStore, reader: SqliteReader) -> None:
    (row, *_) = ledger_rows()
    await store.record(row._replace(exchange_id="codex", client="codex_exec", session="codex-1"))
    await store.record(row._replace(exchange_id="far", session="elsewhere", metadata='{"message_id": "msg_9"}'))
    await store.record(row._replace(exchange_id="none", session=""))
    found = await reconcile(reader, FOLDER / "projects", since=FIRST_AT)
    named = {one.session: one.verdict for one in found.sessions}
    assert named["elsewhere"] is Verdict.NO_TRANSCRIPT
    assert set(named) == {"elsewhere", *SESSIONS.values()}


async def test_one_session_and_a_time(reader: SqliteReader) -> None:
    assert set(await compared(reader, session=SESSIONS["cut"][:8])) == {"cut"}
    assert await compared(reader, since=FIRST_AT + 86_400_000) == {}


async def test_the_total_is_the_sum(reader: SqliteReader) -> None:
    found = await reconcile(reader, FOLDER / "projects", since=FIRST_AT)
    assert found.total.ledger.nanodollars == sum(row.cost_nanodollars for row in ledger_rows())
    assert found.total.transcript.answers == sum(one.transcript.answers for one in found.sessions)
    assert (found.reading.files, found.reading.invalid) == (7, 0)
    assert [one.last_at for one in found.sessions] == sorted((one.last_at for one in found.sessions), reverse=True)


async def test_without_a_ledger_nothing_was_seen() -> None:
    assert {one.verdict for one in (await compared(None)).values()} == {Verdict.NOT_SEEN}


async def test_a_folder_that_is_not_there_is_an_error(reader: SqliteReader, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await reconcile(reader, tmp_path / "nothing", since=0)
