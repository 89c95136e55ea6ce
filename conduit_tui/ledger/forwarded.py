"""What the ledger of a gateway that has handed over still writes, in words that go through a socket.

The gateway that has the database writes it in the older one's place. Each piece can be sent again after an answer that
was lost: what is done already is told once more, not done twice.
"""

import sqlite3
from collections.abc import Callable
from functools import cache, partial
from typing import Any, NamedTuple

from pydantic import BaseModel, TypeAdapter

from conduit_tui.ledger import admission, settlement
from conduit_tui.ledger.admission import Admitted, Refused, Resize, Wanted
from conduit_tui.ledger.settlement import Settle, Settled
from conduit_tui.store import budget_windows, ledger_entries, usage
from conduit_tui.store.interface import StoreError
from conduit_tui.store.ledger_entries import Key, State

Transaction = Callable[[sqlite3.Connection], Any]


class Void(NamedTuple):
    """Arguments of `settlement.void`."""

    key: Key
    now: int


class Expire(NamedTuple):
    """Arguments of `settlement.expire`."""

    keys: tuple[Key, ...]
    now: int


class Piece(BaseModel):
    """One thing to write: what kind it is, and its fields by name."""

    kind: str
    fields: dict[str, Any]


class _Kind(NamedTuple):
    reads: TypeAdapter[Any]
    answers: TypeAdapter[Any]
    write: Callable[[sqlite3.Connection, Any], Any]  # may be called again for the same piece


@cache
def _kinds() -> dict[str, _Kind]:
    return {
        "hold": _Kind(TypeAdapter(Wanted), TypeAdapter(Admitted | Refused), _hold),
        "resize": _Kind(TypeAdapter(Resize), TypeAdapter(Admitted | Refused), _resize),
        "settle": _Kind(TypeAdapter(Settle), TypeAdapter(Settled), _settle),
        "void": _Kind(TypeAdapter(Void), TypeAdapter(None), lambda connection, it: settlement.void(connection, *it)),
        "expire": _Kind(
            TypeAdapter(Expire), TypeAdapter(int), lambda connection, it: settlement.expire(connection, *it)
        ),
    }


_BULKS: dict[object, str] = {
    admission.hold_many: "hold",
    admission.resize_many: "resize",
    settlement.settle_many: "settle",
}
_TRANSACTIONS: dict[object, str] = {settlement.void: "void", settlement.expire: "expire"}


def piece_of(write: object, item: Any) -> Piece:
    """An item of a bulk of the ledger's."""
    return Piece(kind=_BULKS[write], fields=_plain(item))


def piece_of_transaction(transaction: Transaction) -> Piece:
    """A transaction of the ledger's. Raises StoreError for one that only the process with the database can run."""
    if not isinstance(transaction, partial) or transaction.func not in _TRANSACTIONS or transaction.args:
        raise StoreError("the database belongs to the next gateway")
    return Piece(kind=_TRANSACTIONS[transaction.func], fields={n: _plain(v) for n, v in transaction.keywords.items()})


def write(connection: sqlite3.Connection, piece: Piece) -> Any:
    """Write a piece; its result in plain values. Raises KeyError, StoreError, ValueError as the ledger's own do."""
    kind = _kinds().get(piece.kind)
    if kind is None:
        raise StoreError(f"this version does not know how to write {piece.kind!r}")
    return _plain(kind.write(connection, kind.reads.validate_python(piece.fields)))


def result_of(piece: Piece, value: Any) -> Any:
    """The result of a piece, from its plain values."""
    return _kinds()[piece.kind].answers.validate_python(value)


def without_texts(piece: Piece) -> Piece:
    """A piece without the captured texts of its exchange, which can be larger than a frame."""
    recorded = piece.fields.get("recorded")
    if recorded is None:
        return piece
    return piece.model_copy(update={"fields": {**piece.fields, "recorded": {**recorded, "captures": []}}})


def _hold(connection: sqlite3.Connection, wanted: Wanted) -> Admitted | Refused:
    entry = ledger_entries.of_keys(connection, [wanted.entry.key]).get(wanted.entry.key)
    if entry is None:
        return admission.hold_many(connection, [wanted])[0]
    if entry.state is not State.HELD or entry.generation != wanted.entry.generation:
        raise KeyError(f"attempt {entry.attempt} of exchange {entry.exchange_id} has an entry already")
    return Admitted(tuple(budget_windows.of_ids(connection, entry.windows, wanted.now)))


def _resize(connection: sqlite3.Connection, wish: Resize) -> Admitted | Refused:
    return admission.resize_many(connection, [wish])[0]


def _settle(connection: sqlite3.Connection, settle: Settle) -> Settled:
    row = settle.recorded.row
    written = usage.id_of(connection, row.exchange_id, row.attempt)
    if written is not None:
        return Settled((row.exchange_id, row.attempt), written, ())
    return settlement.settle_many(connection, [settle])[0]


def _plain(value: Any) -> Any:
    """Named tuples by the names of their fields, so that a field more or less does not shift the others."""
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return {name: _plain(field) for name, field in value._asdict().items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    return value
