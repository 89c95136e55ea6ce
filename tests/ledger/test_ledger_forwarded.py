"""The ledger of a gateway that has handed over: its words go through JSON, and may come twice."""

import asyncio
import json
import sqlite3
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

import pytest
from ledgers import DOLLAR, NOON, HandClock, admitted, over, refused, request, set_budget, windows

from conduit_tui.domain.captures import Capture, CaptureKind
from conduit_tui.domain.limits import RefusalKind
from conduit_tui.domain.usage import Usage
from conduit_tui.ledger import forwarded
from conduit_tui.ledger.forwarded import Piece
from conduit_tui.ledger.ledger import Ledger
from conduit_tui.store import budgets
from conduit_tui.store.interface import StoreError
from conduit_tui.store.sqlite import SqliteStore
from conduit_tui.store.writer import Bulk

pytestmark = pytest.mark.anyio

T = TypeVar("T")


class Twice:
    """The database at the other end of a socket whose first answer is always lost, so that everything is sent again."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store
        self.answers: list[tuple[Any, Any]] = []

    async def run(self, transaction: Callable[[sqlite3.Connection], T]) -> T:
        result: T = await self._send(forwarded.piece_of_transaction(transaction))
        return result

    def submit(self, bulk: Bulk, item: Any) -> "asyncio.Future[Any]":
        async def send() -> Any:
            result = await self._send(forwarded.piece_of(bulk.write, item))
            bulk.committed([result])
            return result

        return asyncio.ensure_future(send())

    def usage_committed(self, ids: Sequence[int]) -> None:
        """Nobody watches here."""

    async def _send(self, piece: Piece) -> Any:
        line = piece.model_dump_json()
        first, second = [
            json.loads(
                json.dumps(await self._store.run(partial(forwarded.write, piece=Piece.model_validate_json(line))))
            )
            for _ in range(2)
        ]
        self.answers.append((first, second))
        return forwarded.result_of(piece, second)


@pytest.fixture
async def older(store: SqliteStore) -> Ledger:
    """The ledger of generation 1, after its gateway has handed over."""
    ledger = Ledger(store, 1, clock=HandClock())
    await set_budget(store, ledger, daily=10, monthly=100)
    await ledger.reload()
    ledger.move_to(Twice(store))
    return ledger


async def states(store: SqliteStore) -> list[tuple[Any, ...]]:
    return await store.run(
        lambda db: db.execute(
            "SELECT generation, state, hold_nanodollars, cost_nanodollars FROM ledger_entries"
        ).fetchall()
    )


async def test_an_attempt_from_its_hold_to_its_settlement(store: SqliteStore, older: Ledger) -> None:
    held = admitted(await older.hold(request()))
    amount = held.nanodollars
    assert await windows(store) == [("day", 0, amount), ("month", 0, amount)]
    assert await held.correct(Usage(input_tokens=4_000)) is None
    assert held.nanodollars != amount
    assert await windows(store) == [("day", 0, held.nanodollars), ("month", 0, held.nanodollars)]
    text = Capture(held.row.exchange_id, "default", CaptureKind.MESSAGE, False, NOON, "grüße\n")
    row_id = await older.settle(held, over(held, 0.25), [text])
    assert await windows(store) == [("day", DOLLAR // 4, 0), ("month", DOLLAR // 4, 0)]
    rows = await store.run(lambda db: db.execute("SELECT id, exchange_id, cost_nanodollars FROM usage").fetchall())
    assert rows == [(row_id, held.row.exchange_id, DOLLAR // 4)]
    assert await store.run(lambda db: db.execute("SELECT text FROM captures").fetchall()) == [("grüße\n",)]
    [(generation, state, _, cost)] = await states(store)
    assert (generation, state, cost) == (1, "settled", DOLLAR // 4)


async def test_a_refusal_says_what_it_says_without_a_socket(store: SqliteStore, older: Ledger) -> None:
    first = admitted(await older.hold(request(dollars=9)))
    refusal = refused(await older.hold(request(dollars=2)))
    assert refusal.kind is RefusalKind.LIMIT
    assert (
        "Daily cost limit exceeded: $0.00 spent, $9.00 held, this request may cost $2.00, cap $10.00" in refusal.message
    )
    assert len(await states(store)) == 1
    await older.settle(first, over(first, 9))
    assert await windows(store) == [("day", 9 * DOLLAR, 0), ("month", 9 * DOLLAR, 0)]


async def test_what_was_never_sent_is_given_back_and_what_is_silent_is_charged(
    store: SqliteStore, older: Ledger
) -> None:
    await older.void(admitted(await older.hold(request(dollars=1))))
    silent = admitted(await older.hold(request(dollars=2)))
    assert await windows(store) == [("day", 0, 2 * DOLLAR), ("month", 0, 2 * DOLLAR)]
    await older.expire_due(silent.deadline + 1)
    assert await windows(store) == [("day", 2 * DOLLAR, 0), ("month", 2 * DOLLAR, 0)]
    await older.settle(silent, over(silent, 0.5))  # after all
    assert await windows(store) == [("day", DOLLAR // 2, 0), ("month", DOLLAR // 2, 0)]


async def test_a_request_without_a_hold_has_its_row_once(store: SqliteStore, older: Ledger) -> None:
    row = over(admitted(await older.hold(request(dollars=1))), 0.1)._replace(
        exchange_id="without-a-hold", project="other"
    )
    first = await older.settle(None, row)
    assert await older.settle(None, row) == first
    assert await store.run(lambda db: db.execute("SELECT count(*) FROM usage").fetchone()) == (1,)


async def test_what_only_the_owner_of_the_database_can_do_is_refused(older: Ledger) -> None:
    with pytest.raises(StoreError, match="belongs to the next gateway"):
        await older.reload()
    with pytest.raises(StoreError, match="belongs to the next gateway"):
        forwarded.piece_of_transaction(budgets.all_of)


async def test_a_piece_of_a_kind_that_is_not_known_is_refused(store: SqliteStore) -> None:
    with pytest.raises(StoreError, match="does not know how to write 'a later invention'"):
        await store.run(partial(forwarded.write, piece=Piece(kind="a later invention", fields={})))
