"""Hand-over with everything real: nobody is refused, no stream breaks, and what older gateways settle is exact."""

import asyncio
import hashlib
import http.client
import json
import os
import signal
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import aclosing, closing
from pathlib import Path
from typing import Any

import pytest

from conduit_tui.control.remote import RemoteControl
from conduit_tui.domain.budgets import Budget
from conduit_tui.domain.money import NANO_PER_DOLLAR
from tests.faults.whole import Whole, conduit, whole
from tests.gateway.raw import ANTHROPIC_HEADERS, ask, message
from tests.providers import FakeProvider
from tests.waiting import eventually

pytestmark = pytest.mark.fault

HELD_UP = 5.0  # seconds that nobody waits, on a machine that does other things too; streams last for minutes


@pytest.fixture
def fake() -> Iterator[FakeProvider]:
    with FakeProvider() as provider:
        yield provider


@pytest.fixture
def running(tmp_path: Path, fake: FakeProvider) -> Iterator[Whole]:
    with whole(tmp_path / "state", fake.url, Budget(daily=500 * NANO_PER_DOLLAR)) as up:
        yield up


class Streams:
    """Streams that last until they are told to end, and what became of them."""

    def __init__(self, running: Whole, fake: FakeProvider, count: int, name: str = "long") -> None:
        self.name = name
        self._port = running.port
        self._fake = fake
        usage = {"input": 8, "output": 60}
        script = fake.script(name, {"text": "word " * 4_000, "gap": 0.15, "usage": usage})  # three minutes, unhurried
        self._headers = ANTHROPIC_HEADERS | script
        self.digests: list[str] = []
        self.broken: list[object] = []
        self._threads = [threading.Thread(target=self._one) for _ in range(count)]
        for thread in self._threads:
            thread.start()
        fake.wait_for(lambda found: sum(1 for one in found if one.first_byte_at) == count, script=name)

    def _one(self) -> None:
        try:
            answer = ask(self._port, "POST", "/v1/messages", message(stream=True), self._headers)
        except (OSError, http.client.HTTPException) as error:
            self.broken.append(error)
        else:
            self.digests.append(hashlib.sha256(answer.body).hexdigest())

    def end(self) -> None:
        """Let them come to their ends."""
        self._fake.hurry(self.name)
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive()

    def assert_whole(self) -> None:
        """They end, and each came as it was sent."""
        self.end()
        assert self.broken == []
        assert sorted(self.digests) == sorted(one.answer_sha256 for one in self._fake.requests(self.name))


class Callers:
    """Requests, one after the other, each on a connection of its own."""

    def __init__(self, port: int, count: int = 2) -> None:
        self._port = port
        self.statuses: list[int] = []
        self.failures: list[object] = []
        self.longest = 0.0
        self._enough = threading.Event()
        self._threads = [threading.Thread(target=self._call) for _ in range(count)]

    def __enter__(self) -> "Callers":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._enough.set()
        for thread in self._threads:
            thread.join(60)

    def _call(self) -> None:
        while not self._enough.is_set():
            began = time.monotonic()
            try:
                self.statuses.append(ask(self._port, "POST", "/v1/messages", message(), ANTHROPIC_HEADERS).status)
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(error)
            self.longest = max(self.longest, time.monotonic() - began)


def query(running: Whole, sql: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(f"file:{running.state_dir.database}?mode=ro", uri=True)) as database:
        return database.execute(sql).fetchall()


def held(running: Whole) -> int:
    return int(query(running, "SELECT count(*) FROM ledger_entries WHERE state = 'held'")[0][0])


def rows(running: Whole) -> int:
    return int(query(running, "SELECT count(*) FROM usage")[0][0])


def assert_exact(running: Whole, requests: int) -> None:
    """Each request has its row and its entry, and windows equal the sums of both."""
    eventually(lambda: rows(running) == requests, f"{rows(running)} rows of {requests} requests")
    eventually(lambda: held(running) == 0, "holds are left")
    assert query(running, "SELECT count(*) FROM usage GROUP BY exchange_id, attempt HAVING count(*) > 1") == []
    [(by_rows,)] = query(running, "SELECT sum(cost_nanodollars) FROM usage")
    [(by_entries,)] = query(running, "SELECT sum(cost_nanodollars) FROM ledger_entries")
    windows = query(running, "SELECT spent_nanodollars, held_nanodollars FROM budget_windows")
    assert by_rows == by_entries
    assert set(windows) == {(by_rows, 0)}


def test_two_restarts_under_load(running: Whole, fake: FakeProvider) -> None:
    first = running.status()
    with Callers(running.port) as callers:
        streams = Streams(running, fake, 20)
        for generation in (2, 3):
            done = conduit(running.state_dir.root, "restart", "--json")
            status = json.loads(done.stdout)
            assert (status["state"], status["generation"]) == ("READY", generation)
            assert status["daemon_pid"] == first["daemon_pid"]
        retiring = {one["generation"]: one["streams"] for one in running.status()["retiring"]}
        assert retiring[1] == 20
        assert "generation 1 drains 20 streams" in running.status()["reason"]
        streams.end()
    assert callers.failures == []
    assert set(callers.statuses) == {200}
    assert callers.longest < HELD_UP
    streams.assert_whole()
    assert_exact(running, 20 + len(callers.statuses))
    generations = query(running, "SELECT generation, count(*) FROM ledger_entries GROUP BY generation")
    assert {generation for generation, _ in generations} == {1, 2, 3}
    assert query(running, "SELECT count(*) FROM usage WHERE flags <> '' OR error_type <> ''") == [(0,)]
    eventually(lambda: running.status()["retiring"] == [])


def test_a_restart_of_the_daemon_under_load(running: Whole, fake: FakeProvider) -> None:
    first = running.status()
    with Callers(running.port) as callers:
        streams = Streams(running, fake, 10)
        conduit(running.state_dir.root, "restart", "--daemon")
        status = running.status()
        assert status["daemon_pid"] == first["daemon_pid"]
        assert status["daemon_started"] > first["daemon_started"]
        assert [one["generation"] for one in status["retiring"]] == [1]
        streams.end()
    assert callers.failures == []
    assert set(callers.statuses) == {200}
    assert callers.longest < HELD_UP
    streams.assert_whole()
    assert_exact(running, 10 + len(callers.statuses))
    log = conduit(running.state_dir.root, "logs").stdout
    assert "the daemon is executed anew in its place" in log


def test_an_older_gateway_that_is_killed_leaves_its_holds_to_the_living_one(running: Whole, fake: FakeProvider) -> None:
    first = running.status()
    streams = Streams(running, fake, 5)
    conduit(running.state_dir.root, "restart")
    assert held(running) == 5
    os.kill(first["gateway_pid"], signal.SIGKILL)
    eventually(lambda: held(running) == 0, "the living gateway charges what the killed one held")
    streams.end()
    assert len(streams.broken) == 5
    assert_exact(running, 5)
    flags = query(running, "SELECT flags FROM ledger_entries")
    assert flags == [("worst-case",)] * 5
    assert running.status()["starts"] == 2, "nobody was restarted for it"


def test_settles_wait_for_the_next_gateway_when_that_one_is_killed(running: Whole, fake: FakeProvider) -> None:
    streams = Streams(running, fake, 5)
    conduit(running.state_dir.root, "restart")
    os.kill(running.status()["gateway_pid"], signal.SIGKILL)
    eventually(lambda: running.status()["generation"] == 3)
    streams.assert_whole()
    assert_exact(running, 5)
    assert query(running, "SELECT DISTINCT generation, state, flags FROM ledger_entries") == [(1, "settled", "")]


def test_settles_are_written_where_no_gateway_lives_any_more(running: Whole, fake: FakeProvider) -> None:
    streams = Streams(running, fake, 5)
    conduit(running.state_dir.root, "restart")
    status = running.status()
    os.kill(status["daemon_pid"], signal.SIGKILL)
    os.kill(status["gateway_pid"], signal.SIGKILL)
    streams.assert_whole()
    assert_exact(running, 5)
    conduit(running.state_dir.root, "--port", str(running.port), "up")
    assert running.status()["state"] == "READY"
    assert_exact(running, 5)
    assert query(running, "SELECT DISTINCT generation, state, flags FROM ledger_entries") == [(1, "settled", "")]


def test_a_new_daemon_does_not_charge_what_older_gateways_still_stream(running: Whole, fake: FakeProvider) -> None:
    streams = Streams(running, fake, 5)
    conduit(running.state_dir.root, "restart")
    status = running.status()
    os.kill(status["daemon_pid"], signal.SIGKILL)
    os.kill(status["gateway_pid"], signal.SIGKILL)
    conduit(running.state_dir.root, "--port", str(running.port), "up")
    after = running.status()
    assert (after["state"], [one["generation"] for one in after["retiring"]]) == ("READY", [1])
    assert held(running) == 5
    assert ask(running.port, "POST", "/v1/messages", message(), ANTHROPIC_HEADERS).status == 200
    streams.assert_whole()
    assert_exact(running, 6)
    assert query(running, "SELECT DISTINCT state, flags FROM ledger_entries") == [("settled", "")]


def test_who_keeps_a_connection_is_answered_on_it_once_more(running: Whole) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", running.port, timeout=40)) as connection:

        def call() -> http.client.HTTPResponse:
            connection.request("POST", "/v1/messages", json.dumps(message()), ANTHROPIC_HEADERS)
            answer = connection.getresponse()
            answer.read()
            return answer

        assert call().status == 200
        restarting = threading.Thread(target=conduit, args=(running.state_dir.root, "restart"))
        restarting.start()
        answers = 1
        while restarting.is_alive():
            answer = call()
            answers += 1
            assert answer.status == 200
            if answer.getheader("connection") == "close":
                break
        restarting.join()
        assert call().status == 200  # on a new one
        assert_exact(running, answers + 1)


def test_texts_and_live_view_go_over_too(running: Whole, fake: FakeProvider) -> None:
    conduit(running.state_dir.root, "config", "set", "capture", "full")
    streams = Streams(running, fake, 3)
    conduit(running.state_dir.root, "restart")
    eventually(lambda: live_count(running) == 3, "the new gateway shows what the old one has under way")
    streams.assert_whole()
    assert_exact(running, 3)
    eventually(lambda: live_count(running) == 0)
    assert query(running, "SELECT kind, count(*) FROM captures GROUP BY kind ORDER BY kind") == [
        ("message", 3),
        ("request", 3),
    ]


def live_count(running: Whole) -> int:
    async def look() -> int:
        async with aclosing(RemoteControl(running.state_dir).live()) as views:  # type: ignore[type-var]
            async for view in views:
                return int(view.in_flight_count)
        raise AssertionError

    return asyncio.run(look())
