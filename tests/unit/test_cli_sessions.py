"""`sessions` and `reconcile` over a real database file and transcripts that the real `claude` wrote."""

import asyncio
import csv
import io
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from conduit_tui.cli.main import cli
from conduit_tui.domain.usage import UsageRow
from conduit_tui.paths import StateDir
from conduit_tui.store.sqlite import SqliteStore
from tests.reconcile.made_by_claude import FOLDER, SESSIONS, ledger_rows
from tests.store.store_rows import usage_row

Run = Callable[..., Result]
ALL = ("--since", "2020-01-01")
NOW = int(time.time() * 1000)
ROWS = (
    usage_row(session="aa11-first", project="default", metadata='{"stop": "end_turn"}', created_at=NOW - 90_000),
    usage_row(
        session="aa11-first", agent="a1", agent_type="Explore", request_class="subagent", routed_model="claude-opus-5",
        cost_nanodollars=21_000_000, created_at=NOW - 60_000,
    ),
    usage_row(session="aa22-second", project="docs", client="codex_exec", created_at=NOW - 1_000),
    usage_row(session="bb33-old", created_at=NOW - 86_400_000 * 40),
)  # fmt: skip


@pytest.fixture
def state_dir(tmp_path: Path) -> StateDir:
    state_dir = StateDir(tmp_path / "state")
    state_dir.prepare()
    return state_dir


@pytest.fixture
def run(state_dir: StateDir) -> Run:
    def run(*arguments: str, **environment: str) -> Result:
        return CliRunner().invoke(
            cli, [*arguments, "--state-dir", str(state_dir.root)], prog_name="conduit-tui", env=environment
        )

    return run


def fill(state_dir: StateDir, rows: Sequence[UsageRow]) -> None:
    async def write() -> None:
        store = await SqliteStore.open(state_dir.database)
        await asyncio.gather(*map(store.record, rows))
        await store.close()

    asyncio.run(write())


def test_the_list_as_a_table_json_and_csv(run: Run, state_dir: StateDir) -> None:
    fill(state_dir, ROWS)
    table = run("sessions")
    assert table.exit_code == 0, table.output
    assert [line.split()[0] for line in table.stdout.splitlines()] == ["session", "aa22-second", "aa11-first"]
    assert "claude-opus-5 75 % claude-haiku-5 25 %" in table.stdout
    listed = json.loads(run("sessions", *ALL, "--json").stdout)
    assert [one["session"] for one in listed] == ["aa22-second", "aa11-first", "bb33-old"]
    assert (listed[1]["requests"], listed[1]["prompts"], listed[1]["agents"]) == (2, 1, 2)
    assert listed[1]["cost_per_prompt_nanodollars"] == listed[1]["cost_nanodollars"] == 28_000_000
    (row,) = csv.DictReader(io.StringIO(run("sessions", "--csv", "--project", "docs").stdout))
    assert (row["session"], row["cost_usd"], row["client"]) == ("aa22-second", "0.007000000", "codex_exec")
    assert run("sessions", "--json", "--csv").exit_code == 2


def test_nothing_yet(run: Run) -> None:
    assert run("sessions").stderr == "no sessions in this time\n"
    assert json.loads(run("sessions", "--json").stdout) == []


def test_one_session_with_its_agents_and_days(run: Run, state_dir: StateDir) -> None:
    fill(state_dir, ROWS)
    shown = run("sessions", "show", "aa11")
    assert shown.exit_code == 0, shown.output
    assert "aa11-first" in shown.stdout
    assert "Explore     a1     claude-opus-5" in shown.stdout
    told = json.loads(run("sessions", "show", "aa11-first", "--json").stdout)
    assert [part["agent_type"] for part in told["parts"]] == ["main", "Explore"]
    assert sum(day["cost_nanodollars"] for day in told["days"]) == 28_000_000


@pytest.mark.parametrize(
    ("identifier", "words"),
    [("zz", "there is no session 'zz'"), ("aa", "aa22-second of docs"), ("", "there is no session ''")],
)
def test_a_name_that_means_none_or_several(run: Run, state_dir: StateDir, identifier: str, words: str) -> None:
    fill(state_dir, ROWS)
    for verb in (("show",), ("stop", "--reason", "x"), ("resume",)):
        refused = run("sessions", *verb, identifier)
        assert refused.exit_code == 2
        assert words in refused.stderr


def test_stop_and_resume(run: Run, state_dir: StateDir) -> None:
    fill(state_dir, ROWS)
    assert run("projects", "add", "docs").exit_code == 0
    stopped = run("sessions", "stop", "aa22", "--reason", "it loops")
    assert stopped.exit_code == 0, stopped.output
    assert "conduit-tui sessions resume aa22-sec" in stopped.stderr
    assert "stopped: it loops" in run("sessions").stdout
    assert json.loads(run("sessions", "--json").stdout)[0]["stopped"] == "it loops"
    assert "stopped: it loops" in run("sessions", "show", "aa22").stdout
    assert run("sessions", "resume", "aa22").exit_code == 0
    assert "stopped" not in run("sessions").stdout
    again = run("sessions", "resume", "aa22")
    assert again.exit_code == 2
    assert "is not stopped" in again.stderr
    assert run("sessions", "stop", "aa22").exit_code == 2  # a reason is required
    assert run("sessions", "stop", "aa22", "--reason", " ").exit_code == 2


def test_what_a_session_calls_itself_cannot_steer_the_terminal(run: Run, state_dir: StateDir) -> None:
    fill(state_dir, [usage_row(session="\x1b]0;x\x07evil", client="\x1b[2J", created_at=NOW)])
    for listed in (run("sessions"), run("sessions", "show", "\x1b]0;x"), run("sessions", "--csv")):
        assert listed.exit_code == 0
        assert "\x1b" not in listed.output


def test_reconcile_as_a_table_json_and_csv(run: Run, state_dir: StateDir) -> None:
    fill(state_dir, ledger_rows())
    compared = run("reconcile", *ALL, "--path", str(FOLDER))
    assert compared.exit_code == 0, compared.output
    lines = {line.split()[0]: " ".join(line.split()) for line in compared.stdout.splitlines()}
    assert "48,160 48,160 0 % $0.066 $0.066 0 % equal" in lines[SESSIONS["subagent"]]
    assert "extra: 1 cut or left" in lines[SESSIONS["cut"]]
    assert "1 unseen" in lines[SESSIONS["half"]]
    assert "not seen" in lines[SESSIONS["direct"]]
    assert "total" in lines
    told = json.loads(run("reconcile", *ALL, "--path", str(FOLDER), "--json").stdout)
    assert len(told["sessions"]) == len(SESSIONS)
    assert told["total"]["unseen"]["answers"] == 2
    assert told["reading"]["files"] == 7
    one = run("reconcile", *ALL, "--path", str(FOLDER), "--csv", "--session", SESSIONS["think"][:8])
    (row,) = csv.DictReader(io.StringIO(one.stdout))
    assert (row["verdict"], row["token_drift_percent"], row["claude_usd"]) == ("equal", "0.0", "0.032215000")


def test_reconcile_reads_where_claude_code_writes(run: Run, state_dir: StateDir, tmp_path: Path) -> None:
    fill(state_dir, ledger_rows())
    found = run("reconcile", *ALL, "--json", CLAUDE_CONFIG_DIR=str(FOLDER))
    assert len(json.loads(found.stdout)["sessions"]) == len(SESSIONS)
    missing = run("reconcile", CLAUDE_CONFIG_DIR=str(tmp_path / "nothing"))
    assert missing.exit_code == 2
    assert "--path" in missing.stderr


def test_reconcile_says_what_it_passed_over(run: Run, tmp_path: Path) -> None:
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "s.jsonl").write_bytes(b'{"type": "user"}\nnonsense\n{"type": "assi')
    (tmp_path / "t" / "link.jsonl").symlink_to("/etc/passwd")
    found = run("reconcile", "--path", str(tmp_path / "t"))
    assert found.exit_code == 0
    assert found.stdout == ""
    assert "1 line is not one of a transcript" in found.stderr
    assert "1 last line is still being written" in found.stderr
    assert "1 symbolic link was not followed" in found.stderr
