"""Forty processes at once against budgets that are nearly gone, never used, and nothing at all. Fault B1."""

import json
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from conduit_tui.domain.budgets import Budget
from conduit_tui.domain.limits import Mode
from tests.gateway.raw import ANTHROPIC_HEADERS, ask, message
from tests.gateway.running import RunningGateway, fake_provider
from tests.providers import FakeProvider
from tests.waiting import eventually

pytestmark = pytest.mark.fault

PROCESSES, EACH = 40, 10
PROJECTS = ("spent", "fresh", "nothing")
USAGE = {"input": 400, "output": 300}
PRICE = (400 * 4 + 300 * 20) * 1000  # nano-dollars on claude-opus-5-5
CAP = 300 * PRICE
SPENT = 285  # requests' worth, 95 %

CLIENT = """
import http.client, json, sys
port, each, body = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
told = []
for number in range(each):
    for project in sys.argv[4:]:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        headers = {"x-api-key": "sk-ant-fake", "x-fake-script": project}
        connection.request("POST", f"/p/{project}/v1/messages", body, headers)
        answer = connection.getresponse()
        text = answer.read().decode()
        told.append([project, answer.status, text if answer.status != 200 else ""])
        connection.close()
print(json.dumps(told))
"""
GUARD = """
CREATE TRIGGER never_over AFTER UPDATE ON budget_windows
WHEN NEW.spent_nanodollars + NEW.held_nanodollars > NEW.cap_nanodollars
BEGIN SELECT RAISE(ABORT, 'a cap was passed'); END
"""


@pytest.fixture
def fake() -> Iterator[FakeProvider]:
    with FakeProvider() as provider:
        yield provider


@pytest.fixture
def gateway(tmp_path: Path, fake: FakeProvider) -> Iterator[RunningGateway]:
    """With a database that takes no commit in which a cap is passed."""
    budgets = [
        Budget(project=project, daily=0 if project == "nothing" else CAP, mode=Mode.STRICT) for project in PROJECTS
    ]
    running = RunningGateway(tmp_path / "state", [fake_provider(fake.url)], projects=PROJECTS, budgets=budgets)
    running.process.terminate()
    running.process.wait(60)
    with closing(sqlite3.connect(running.state_dir.database)) as database:
        database.execute(GUARD)
    running.again()
    yield running
    running.close()


def test_forty_processes_pass_no_cap_and_leave_nothing_that_would_fit(
    gateway: RunningGateway, fake: FakeProvider
) -> None:
    for project in PROJECTS:
        fake.script(project, {"usage": USAGE, "ttft": 0.02})
    dear = fake.script("dear", {"usage": {"input": 400 * SPENT, "output": 300 * SPENT}})
    first = message("x" * 400 * SPENT, max_tokens=300 * SPENT)
    assert ask(gateway.port, "POST", "/p/spent/v1/messages", first, ANTHROPIC_HEADERS | dear).status == 200
    gateway.wait_rows(1)

    body = json.dumps(message("x" * 700, max_tokens=300))
    arguments = [sys.executable, "-c", CLIENT, str(gateway.port), str(EACH), body, *PROJECTS]
    children = [subprocess.Popen(arguments, stdout=subprocess.PIPE) for _ in range(PROCESSES)]
    told = [answer for child in children for answer in json.loads(child.communicate(timeout=100)[0])]
    assert len(told) == PROCESSES * EACH * len(PROJECTS)
    assert {status for _, status, _ in told} == {200, 402}
    assert all("cost limit exceeded" in text for _, status, text in told if status == 402)
    gateway.wait_rows(1 + len(told))

    admitted = Counter(project for project, status, _ in told if status == 200)
    assert {project: len(fake.requests(project)) for project in PROJECTS} == {
        project: admitted[project] for project in PROJECTS
    }
    assert admitted["nothing"] == 0
    assert 13 <= admitted["spent"] <= 300 - SPENT
    assert admitted["fresh"] > 250, "money that is left is not refused for long: holds are given back"
    windows = eventually_closed(gateway)
    assert windows == {"spent": (SPENT + admitted["spent"]) * PRICE, "fresh": admitted["fresh"] * PRICE}
    assert all(spent <= CAP for spent in windows.values())
    if admitted["fresh"] < PROCESSES * EACH:
        last = ask(gateway.port, "POST", "/p/fresh/v1/messages", json.loads(body), ANTHROPIC_HEADERS)
        assert (last.status == 402) == (CAP - windows["fresh"] < 2 * PRICE), "what is left covers one more or none"


def eventually_closed(gateway: RunningGateway) -> dict[str, int]:
    """What is spent by project, once nothing is held."""
    found: dict[str, int] = {}

    def closed() -> bool:
        with closing(sqlite3.connect(f"file:{gateway.state_dir.database}?mode=ro", uri=True)) as database:
            rows = database.execute(
                "SELECT project, spent_nanodollars, held_nanodollars FROM budget_windows AS w "
                "JOIN budgets AS b ON b.id = budget_id WHERE project <> 'nothing'"
            ).fetchall()
        found.update({project: spent for project, spent, _ in rows})
        return all(held == 0 for _, _, held in rows)

    eventually(closed)
    return found
