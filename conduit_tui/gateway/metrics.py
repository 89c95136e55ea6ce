"""What the gateway counts for those who watch many machines: the figures of `/metrics` and `conduit-tui metrics`."""

import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil

from conduit_tui import __version__
from conduit_tui.domain.budgets import Gauge
from conduit_tui.domain.money import NANO_PER_DOLLAR
from conduit_tui.domain.usage import UsageRow
from conduit_tui.gateway.live import LiveBoard
from conduit_tui.ledger.gauges import read_gauges
from conduit_tui.observe.exposition import Counters, Family, Histogram, Sample, exposition, gauge
from conduit_tui.store.interface import Reader
from conduit_tui.store.reader import SqliteReader
from conduit_tui.store.rollups import is_error

_ANSWER_BOUNDS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 60.0, 120.0, 300.0)
_OWN_BOUNDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5)


class _Sums:
    """What the attempts of one project, model and provider add up to."""

    __slots__ = ("cache_read", "cache_write", "input", "nanodollars", "output", "requests")

    def __init__(self) -> None:
        self.requests = self.input = self.output = self.cache_read = self.cache_write = self.nanodollars = 0


_By = tuple[str, str, str]  # project, model, provider
_BY = ("project", "model", "provider")
_OTHER: _By = ("other", "other", "other")


class Tally:
    """What is counted as attempts end, since this gateway started.

    Names of models are the clients' to choose: beyond so many different sets of names, what is new counts as `other`.
    """

    MOST = 500

    def __init__(self) -> None:
        self._sums: dict[_By, _Sums] = {}
        self._failed = Counters(
            "conduit_requests_failed_total", "Those without an answer, or with an error.", *_BY, "error"
        )
        self._flagged = Counters("conduit_flagged_total", "Requests whose figures are not ordinary.", "flag")
        self._answers = Histogram(
            "conduit_request_duration_seconds", "From the whole request to its answer's end.", _ANSWER_BOUNDS
        )
        self._first_bytes = Histogram(
            "conduit_first_byte_seconds", "From the whole request to its answer's first byte.", _ANSWER_BOUNDS
        )
        self._overhead = Histogram(
            "conduit_overhead_seconds", "From the whole request to its being sent on.", _OWN_BOUNDS
        )
        self._routing = Histogram("conduit_routing_duration_seconds", "What the decision took.", _OWN_BOUNDS)

    def decided(self, took_us: int) -> None:
        """Count a decision, which took so many microseconds."""
        self._routing.observe(took_us / 1_000_000)

    def attempt(self, row: UsageRow) -> None:
        """Count an attempt that is over."""
        by = row.project, row.routed_model, row.provider
        sums = self._sums.get(by)
        if sums is None:
            by = by if len(self._sums) < self.MOST else _OTHER
            sums = self._sums.setdefault(by, _Sums())
        sums.requests += 1
        sums.input += row.input_tokens
        sums.output += row.output_tokens
        sums.cache_read += row.cache_read_tokens
        sums.cache_write += row.cache_write_5m_tokens + row.cache_write_1h_tokens
        sums.nanodollars += row.cost_nanodollars
        if is_error(row.status):
            self._failed.add(*by, row.error_type or str(row.status))
        if row.flags:
            for flag in row.flags.split(","):
                self._flagged.add(flag)
        self._answers.observe(row.latency_ms / 1000)
        if row.first_byte_ms:
            self._first_bytes.observe(row.first_byte_ms / 1000)
        if row.overhead_us:
            self._overhead.observe(row.overhead_us / 1_000_000)

    def families(self) -> Iterator[Family]:
        yield self._family("conduit_requests_total", "Requests sent to providers or refused by a limit.", "requests")
        yield self._failed.family()
        kinds = ("input", "output", "cache_read", "cache_write")
        tokens = [
            Sample("", {**dict(zip(_BY, by, strict=True)), "kind": kind}, getattr(sums, kind))
            for by, sums in self._sums.items()
            for kind in kinds
        ]
        yield Family("conduit_tokens_total", "counter", "Tokens; cache reads and writes are part of the input.", tokens)
        yield self._family("conduit_cost_dollars_total", "What it cost.", "nanodollars", 1 / NANO_PER_DOLLAR)
        yield self._flagged.family()
        for histogram in (self._answers, self._first_bytes, self._overhead, self._routing):
            yield histogram.family()

    def _family(self, name: str, help_text: str, figure: str, scale: float = 1) -> Family:
        samples = [
            Sample("", dict(zip(_BY, by, strict=True)), getattr(sums, figure) * scale)
            for by, sums in self._sums.items()
        ]
        return Family(name, "counter", help_text, samples)


@dataclass(frozen=True, slots=True)
class Figures:
    """Where the figures of one gateway come from."""

    tally: Tally
    board: LiveBoard
    database: Path
    generation: int

    async def text(self) -> str:
        """The page as it is now. Raises StoreError."""
        return exposition(await self.families())

    async def families(self) -> list[Family]:
        """All figures, also those without a line so far. Raises StoreError."""
        async with _reading(self.database) as reader:
            now = int(time.time() * 1000)
            return [*self._own(), *self.tally.families(), *await _spending(reader, now)]

    def _own(self) -> Iterator[Family]:
        yield gauge(
            "conduit_gateway_info", "The gateway that answers.", 1, version=__version__, generation=str(self.generation)
        )
        yield gauge("conduit_requests_in_flight", "Requests under way.", self.board.view().in_flight_count)
        yield Family(
            "conduit_requests_refused_total",
            "counter",
            "Requests turned away before they were read.",
            (Sample("", {}, self.board.refused),),
        )
        yield gauge("conduit_draining", "1 while no request is admitted.", int(self.board.draining))
        process = psutil.Process(os.getpid())
        with process.oneshot():
            spent = process.cpu_times()
            yield gauge("process_resident_memory_bytes", "Memory of the gateway.", process.memory_info().rss)
            yield Family(
                "process_cpu_seconds_total",
                "counter",
                "Processor time of the gateway.",
                (Sample("", {}, spent.user + spent.system),),
            )
            yield gauge("process_open_fds", "Open files and sockets of the gateway.", process.num_fds())
            yield gauge(
                "process_start_time_seconds", "When the gateway started, since the epoch.", process.create_time()
            )


async def _spending(reader: Reader, now: int) -> list[Family]:
    midnight = int(
        datetime.fromtimestamp(now / 1000, UTC).replace(hour=0, minute=0, second=0, microsecond=0).timestamp() * 1000
    )
    today = await reader.usage_totals(since=midnight, until=now + 1, by="project")
    gauges = await read_gauges(reader, now)
    daily = [Sample("", {"project": total.key}, total.cost_nanodollars / NANO_PER_DOLLAR) for total in today]
    return [
        Family("conduit_cost_daily_dollars", "gauge", "What the day (UTC) has cost so far.", daily),
        _of_windows("conduit_budget_cap_dollars", "What may be spent in the window.", gauges, "cap"),
        _of_windows("conduit_budget_spent_dollars", "What was spent in it.", gauges, "spent"),
        _of_windows("conduit_budget_held_dollars", "What is held for requests under way.", gauges, "held"),
    ]


def _of_windows(name: str, help_text: str, gauges: list[Gauge], figure: str) -> Family:
    samples = []
    for each in gauges:
        scope = each.window.scope
        labels = {
            "project": scope.project,
            "model": scope.model,
            "agent_type": scope.agent_type,
            "period": str(each.window.period),
        }
        samples.append(Sample("", labels, (getattr(each.window, figure) or 0) / NANO_PER_DOLLAR))
    return Family(name, "gauge", help_text, samples)


@asynccontextmanager
async def _reading(database: Path) -> AsyncIterator[Reader]:
    reader = await SqliteReader.open(database)
    try:
        yield reader
    finally:
        await reader.close()
