"""A long backtest on two cores: the sessions of one half are tried in a process of their own."""

import asyncio
import multiprocessing
import os
import sys
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from conduit_tui.cli.errors import Failure

if TYPE_CHECKING:
    from conduit_tui.domain.recorded import RecordedRequest
    from conduit_tui.routing.backtest import Backtest

LONG = 20_000  # requests from which a second process pays
NICENESS = 10  # the gateway comes first


class Span(NamedTuple):
    """Which requests: of a project, between two instants (milliseconds), some of the sessions or all."""

    database: Path
    project: str
    since: int
    until: int
    part: tuple[int, int] = (0, 1)


def run_in_parts(run: "Backtest", span: Span, total: int, *, long: int = LONG) -> Iterator[int]:
    """Give the run the requests, of which there are about `total`; yields how many were tried so far.

    Raises Failure if the other process ends before its work is done.
    """
    if total < long or sys.platform != "linux" or len(os.sched_getaffinity(0)) < 2:
        yield from _work(run, span)
        return
    os.nice(NICENESS)
    here, there = multiprocessing.Pipe(duplex=False)
    fork = multiprocessing.get_context("fork")  # the rules are compiled and the prices loaded already
    helper = fork.Process(target=_help, args=(run, span._replace(part=(1, 2)), here, there))
    helper.start()
    there.close()
    elsewhere, tally = 0, None
    try:
        for done in _work(run, span._replace(part=(0, 2))):
            while tally is None and here.poll():
                elsewhere, tally = here.recv()
            yield done + elsewhere
        while tally is None:
            elsewhere, tally = here.recv()
            yield run.tally.all.requests + elsewhere
    except EOFError:
        raise Failure("the second process of the backtest ended before its work was done") from None
    finally:
        helper.terminate()
        helper.join()
        here.close()
    run.tally.merge(tally)
    yield run.tally.all.requests


def _help(run: "Backtest", span: Span, here: Connection, there: Connection) -> None:
    """The other process: sends how far it is, with the tally at the end; stops when nobody listens any more."""
    here.close()
    try:
        for done in _work(run, span):
            there.send((done, None))
        there.send((run.tally.all.requests, run.tally))
    except BrokenPipeError:
        pass


def _work(run: "Backtest", span: Span) -> Iterator[int]:
    """Read batches and try them; the next one is read while this one is tried."""
    from conduit_tui.store.reader import SqliteReader

    with asyncio.Runner() as runner:
        reader = runner.run(SqliteReader.open(span.database))
        try:
            batches = reader.recorded_requests(
                since=span.since,
                until=span.until,
                project=span.project,
                messages="message" in run.needs,
                part=span.part,
            )

            async def start() -> "asyncio.Task[list[RecordedRequest] | None]":
                task = asyncio.ensure_future(anext(batches, None))
                await asyncio.sleep(0)  # lets it hand its question to the database's thread
                return task

            waiting = runner.run(start())
            while batch := runner.run(_result(waiting)):
                waiting = runner.run(start())
                run.add(batch)
                yield run.tally.all.requests
        finally:
            runner.run(reader.close())


async def _result(task: "asyncio.Task[list[RecordedRequest] | None]") -> "list[RecordedRequest] | None":
    return await task
