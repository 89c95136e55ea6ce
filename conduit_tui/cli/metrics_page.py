"""The page of the docs on metrics, written from the figures of a gateway that has counted one request."""

import asyncio
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import get_type_hints

from conduit_tui.domain.budgets import Budget
from conduit_tui.domain.money import NANO_PER_DOLLAR
from conduit_tui.domain.usage import UsageRow
from conduit_tui.observe.exposition import Family

_OPENING = """\
# Metrics

{renewed}

`conduit-tui metrics` prints the figures of daemon and gateway in Prometheus' text format, for node_exporter's textfile
collector, say. With `metrics.port` in `config.toml` the gateway serves its part at `http://127.0.0.1:PORT/metrics`, to
this machine alone. Counters begin anew with each gateway; the database has the sums that last
([`conduit-tui usage`](command-line.md#usage)). Names of models are the clients' to choose, so beyond 500 different sets
of labels new ones are counted as `other`.

| metric | kind | labels | means |
|---|---|---|---|"""


def metrics_page(renewed: str) -> str:
    """The page; `renewed` says how it comes about."""
    return "\n".join((_OPENING.format(renewed=renewed), *map(_row, _families()))) + "\n"


def _row(family: Family) -> str:
    labels = dict.fromkeys(name for sample in family.samples for name in sample.labels if name != "le")
    return f"| `{family.name}` | {family.kind} | {' '.join(f'`{name}`' for name in labels)} | {family.help} |"


def _families() -> Iterator[Family]:
    from conduit_tui.cli.metrics import of_daemon

    yield from of_daemon({"state": "READY", "starts": 1, "daemon_started": 1})
    with tempfile.TemporaryDirectory() as folder:
        yield from asyncio.run(_of_gateway(Path(folder)))


async def _of_gateway(folder: Path) -> list[Family]:
    """What a gateway counts; the one request failed and was out of the ordinary, so that every label is there."""
    from conduit_tui.gateway.live import LiveBoard
    from conduit_tui.gateway.metrics import Figures, Tally
    from conduit_tui.store.sqlite import SqliteStore

    row = UsageRow._make(1 if kind is int else "x" for kind in get_type_hints(UsageRow).values())
    row = row._replace(created_at=int(time.time() * 1000), status=500, metadata="{}", flags="estimated")
    tally = Tally()
    tally.attempt(row)
    store = await SqliteStore.open(folder / "conduit.db")
    try:
        await store.record(row)
        await store.put_budget(Budget(daily=NANO_PER_DOLLAR))
        return await Figures(tally, LiveBoard(lambda: 1), folder / "conduit.db", 1).families()
    finally:
        await store.close()
