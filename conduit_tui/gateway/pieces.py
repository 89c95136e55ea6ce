"""Writing what an older gateway would have written, piece by piece, in its order."""

import asyncio
from collections.abc import Sequence
from functools import partial

from conduit_tui.control.next_gateway import Written
from conduit_tui.ledger import forwarded
from conduit_tui.ledger.forwarded import Piece
from conduit_tui.store.interface import StoreError
from conduit_tui.store.sqlite import SqliteStore


async def write_pieces(store: SqliteStore, pieces: Sequence[Piece]) -> list[Written]:
    """Write pieces, together where possible; what came of each."""
    outcomes = await asyncio.gather(
        *(store.run(partial(forwarded.write, piece=piece)) for piece in pieces), return_exceptions=True
    )
    store.usage_committed(
        [
            outcome["usage_id"]
            for piece, outcome in zip(pieces, outcomes, strict=True)
            if piece.kind == "settle" and isinstance(outcome, dict)
        ]
    )
    return list(map(_written, outcomes))


def _written(outcome: object) -> Written:
    match outcome:
        case KeyError():
            return Written(problem=str(outcome.args[0]), known=True)
        case StoreError() | ValueError():
            return Written(problem=str(outcome) or type(outcome).__name__)
        case BaseException():
            raise outcome
    return Written(outcome)
