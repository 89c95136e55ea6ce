"""The demo without screens: a line per finished exchange, and a paragraph at the end."""

import asyncio
import time
from typing import TextIO

from conduit_tui.domain.money import format_dollars
from conduit_tui.domain.usage import StoredUsage, UsageRow
from conduit_tui.paths import StateDir
from conduit_tui.store.interface import UsageFilter
from conduit_tui.store.reader import SqliteReader

_POLL_SECONDS = 0.1
_EVERYTHING = UsageFilter()


def narrate(state_dir: StateDir, url: str, seconds: float, output: TextIO) -> None:
    """Print what the gateway does for so many seconds, then sum it up."""
    asyncio.run(_narrate(state_dir, url, seconds, output))


async def _narrate(state_dir: StateDir, url: str, seconds: float, output: TextIO) -> None:
    reader = await SqliteReader.open(state_dir.database)
    try:
        before = await reader.usage_ids(_EVERYTHING)
        last = before[-1] if before else 0
        print(
            f"gateway at {url}, {len(before):,} requests of the last day in its books; live:", file=output, flush=True
        )
        print(_HEADINGS, file=output, flush=True)
        seen: list[UsageRow] = []
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for stored in await _rows_after(reader, last):
                last = stored.id
                seen.append(stored.row)
                print(line(stored.row), file=output, flush=True)
            await asyncio.sleep(_POLL_SECONDS)
        print(f"\n{summary(seen, seconds)}", file=output, flush=True)
    finally:
        await reader.close()


async def _rows_after(reader: SqliteReader, last: int) -> list[StoredUsage]:
    ids = await reader.usage_ids_after(last, _EVERYTHING)
    return await reader.usage_rows(ids) if ids else []


_HEADINGS = (
    f"{'time':8}  {'project':13}  {'agent':15}  {'model':17}  "
    f"{'in':>7}  {'out':>5}  {'cache':>5}  {'cost':>7}  {'ms':>6}"
)


def line(row: UsageRow) -> str:
    """An exchange in one line."""
    clock = time.strftime("%H:%M:%S", time.localtime(row.created_at / 1000))
    agent = row.agent_type or row.request_class or row.client
    start = f"{clock}  {row.project:13}  {agent:15}  {row.routed_model:17}"
    if row.status != 200:
        return f"{start}  {row.status or 'no answer'} {row.error_type}".rstrip()
    cached = f"{row.cache_read_tokens / row.input_tokens:.0%}" if row.cache_read_tokens else ""
    figures = f"{row.input_tokens:>7,}  {row.output_tokens:>5,}  {cached:>5}  {format_dollars(row.cost_nanodollars):>7}"
    return f"{start}  {figures}  {row.latency_ms:>6,}  {row.error_type}".rstrip()


def summary(rows: list[UsageRow], seconds: float) -> str:
    """What happened, in one paragraph."""
    failed = sum(row.status != 200 for row in rows)
    tokens_in, tokens_out = sum(row.input_tokens for row in rows), sum(row.output_tokens for row in rows)
    share = sum(row.cache_read_tokens for row in rows) / tokens_in if tokens_in else 0
    cost = format_dollars(sum(row.cost_nanodollars for row in rows))
    projects, models = len({row.project for row in rows}), len({row.routed_model for row in rows})
    return (
        f"{len(rows)} requests in {seconds:g} s from {projects} projects to {models} models: {tokens_in:,} tokens in "
        f"({share:.0%} of them from the prompt cache), {tokens_out:,} out, {failed} failed. It would have cost {cost}; "
        "the provider was simulated, so it cost nothing. Run `conduit-tui demo` in a terminal to see the screens, "
        "or `conduit-tui up` to begin with your own providers."
    )
