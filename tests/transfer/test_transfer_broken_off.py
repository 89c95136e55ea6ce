"""An import that is cut off has configured nothing, keeps its sums, and goes on when it is made again."""

import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from transfer_scenes import assert_equal_lines, exported, filled, import_into, project, rows_of, usage_row, version_2

from conduit_tui.store.sqlite import write_usage

CHILD = Path(__file__).with_name("importing_child.py")
ROWS = 6_000


@pytest.mark.fault
def test_an_import_that_is_killed_goes_on(tmp_path: Path) -> None:
    rows = [usage_row(n, session=f"s-{n % 50}", created_at=1_763_000_000_000 + n * 1_000) for n in range(ROWS)]
    first = filled(tmp_path / "first.db", [], lambda connection: write_usage(connection, rows))
    import_into(first, version_2(projects=[project("docs")]))
    once = exported(first)
    (tmp_path / "once.json").write_bytes(once)
    second = filled(tmp_path / "second.db", [])
    child = subprocess.Popen([sys.executable, CHILD, second, tmp_path / "once.json"])
    deadline = time.monotonic() + 30
    while not (done := rows_of(second, "SELECT count(*) FROM usage")[0][0]) and time.monotonic() < deadline:
        assert child.poll() is None
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert 0 < done < ROWS
    with closing(sqlite3.connect(second)) as connection:
        whole = "SELECT count(*), sum(cost_nanodollars) FROM usage"
        sums = "SELECT sum(requests), sum(cost_nanodollars) FROM usage_rollup"
        assert connection.execute(whole).fetchone() == connection.execute(sums).fetchone()
        assert connection.execute("SELECT name FROM projects").fetchall() == [("default",)]
    plan = import_into(second, tmp_path / "once.json")
    assert plan.present >= done
    assert plan.present + plan.requests == ROWS
    assert_equal_lines(exported(second), once)
