"""The doctor: each check tells good from bad, names what to do, and shows no key."""

import json
import os
import resource
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from conduit_tui.control.plane import ControlError, ProviderTest
from conduit_tui.doctor import knowledge, machine, serving, state, terminal
from conduit_tui.doctor.check import Check, Verdict
from conduit_tui.doctor.providers import providers
from conduit_tui.domain.dialects import Dialect
from conduit_tui.domain.providers import KeyKind, KeySource, Provider
from conduit_tui.paths import StateDir
from conduit_tui.pricing.catalog import Catalog
from conduit_tui.store.sqlite import SqliteStore

OK, WARN, FAIL = Verdict.OK, Verdict.WARN, Verdict.FAIL
CANARY = "sk-ant-canary-0123456789abcdef"
DAY_MS = 86_400_000


def run(state_dir: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "conduit_tui", "doctor", "--state-dir", str(state_dir), *words],
        capture_output=True, text=True, timeout=100, check=False, env={**os.environ, **environment},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("check", "verdict"),
    [
        (machine.python((3, 11, 7)), OK),
        (machine.python((3, 11, 2)), WARN),
        (machine.sqlite((3, 51, 3)), OK),
        (machine.sqlite((3, 40, 1)), WARN),
        (machine.descriptors(256), WARN),
        (machine.descriptors(4096), OK),
        (machine.descriptors(resource.RLIM_INFINITY), OK),
        (machine.clock(0), FAIL),
        (machine.clock(1_800_000_000), OK),
        (machine.packages(), OK),
        (machine.regular_expressions(), OK),
        (knowledge.token_ranks(), OK),
        (knowledge.prices(Catalog(), 1_795_000_000_000 + 1000 * DAY_MS), WARN),
        (terminal.kind({"TERM": "dumb"}), WARN),
        (terminal.kind({"TERM": "xterm", "SSH_TTY": "/dev/pts/1"}), OK),
        (terminal.encoding({}, "ANSI_X3.4-1968"), WARN),
        (terminal.encoding({}, "UTF-8"), OK),
        (terminal.size(os.terminal_size((60, 20))), WARN),
        (terminal.clipboard({}), OK),
        (terminal.clipboard({"TMUX": "/nowhere,1,0"}), WARN),
        (serving.gateway({"state": "READY", "url": "u"}), OK),
        (serving.gateway({"state": "DEGRADED", "url": "u", "reason": "disk full"}), WARN),
        (serving.gateway({"state": "FAILED", "url": "u", "reason": "port taken"}), FAIL),
        (serving.daemon({"daemon_pid": 1}, "0.0.1"), WARN),
    ],
    ids=lambda value: value.subject if isinstance(value, Check) else str(value),
)
def test_a_check_tells_good_from_bad(check: Check, verdict: Verdict) -> None:
    assert check.verdict == verdict
    assert bool(check.advice) == (verdict != OK)


def found(state_dir: StateDir) -> Mapping[str, Check]:
    return {check.subject: check for check in state.state(state_dir)}


@pytest.mark.anyio
async def test_a_healthy_state_directory(tmp_path: Path) -> None:
    state_dir = StateDir(tmp_path / "s")
    state_dir.prepare()
    await (await SqliteStore.open(state_dir.database)).close()
    assert {check.verdict for check in found(state_dir).values()} == {OK}


def test_what_is_open_to_others_is_named(tmp_path: Path) -> None:
    state_dir = StateDir(tmp_path / "s")
    state_dir.prepare()
    state_dir.token.write_text("x")
    state_dir.token.chmod(0o644)
    state_dir.root.chmod(0o755)
    checks = found(state_dir)
    assert (checks["state directory"].verdict, checks["file modes"].verdict) == (WARN, WARN)
    assert "token" in checks["file modes"].found


def test_a_database_that_does_not_open(tmp_path: Path) -> None:
    state_dir = StateDir(tmp_path / "s")
    state_dir.prepare()
    state_dir.database.write_bytes(b"no database" * 100)
    assert found(state_dir)["database"].verdict == FAIL
    state_dir.database.unlink()
    with sqlite3.connect(state_dir.database) as connection:
        connection.execute("PRAGMA user_version = 9999")
    connection.close()
    assert "newer" in found(state_dir)["database"].found


def test_a_state_directory_that_cannot_be_looked_at(tmp_path: Path) -> None:
    found = run(tmp_path / ("x" * 300), "--offline", "--json")
    assert found.returncode == 1
    verdicts = {check["subject"]: check for check in json.loads(found.stdout)}
    assert verdicts["state directory"]["verdict"] == "fail"
    assert "File name too long" in verdicts["state directory"]["found"]
    assert verdicts["token ranks"]["verdict"] == "ok"  # the rest is looked at all the same


def test_a_configuration_with_mistakes(tmp_path: Path) -> None:
    state_dir = StateDir(tmp_path / "s")
    state_dir.prepare()
    state_dir.config.write_text("[gateway]\nprot = 1\n")
    check = found(state_dir)["config.toml"]
    assert check.verdict == FAIL
    assert "prot" in check.found


def test_a_port_that_is_taken() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        assert serving.free_port("127.0.0.1", other.getsockname()[1]).verdict == FAIL


@pytest.mark.anyio
async def test_providers_are_asked_and_no_key_is_shown() -> None:
    key = KeySource(kind=KeyKind.ENVIRONMENT, reference="CANARY_KEY")
    mine = Provider(name="mine", base_url="http://127.0.0.1:1", dialects=(Dialect.ANTHROPIC,), key=key)
    builtin = Provider(name="anthropic", base_url="http://127.0.0.1:1", dialects=(Dialect.ANTHROPIC,), builtin=True)

    async def verdict(provider: Provider, answer: ProviderTest | Exception) -> Verdict:
        async def test(name: str) -> ProviderTest:
            if isinstance(answer, Exception):
                raise answer
            return answer

        (check,) = await providers([provider], test)
        return check.verdict

    assert await verdict(mine, ProviderTest(ok=True, detail="answers", took_ms=1)) == OK
    assert await verdict(mine, ProviderTest(ok=False, detail="answers 401", took_ms=1)) == FAIL
    assert await verdict(builtin, ProviderTest(ok=False, detail="cannot be reached: x", took_ms=1)) == WARN
    assert await verdict(mine, ControlError("unavailable", "no gateway")) == WARN


def test_the_verb_in_words_and_as_json(tmp_path: Path) -> None:
    done = run(tmp_path / "s", "--offline", "--port", "0", ANTHROPIC_API_KEY=CANARY, OPENAI_API_KEY=CANARY)
    assert done.returncode == 0, done.stdout
    assert "to mend" in done.stdout or "nothing stands in the way" in done.stdout
    assert not (tmp_path / "s").exists()  # it changed nothing
    told = json.loads(run(tmp_path / "s", "--offline", "--json", "--port", "0", ANTHROPIC_API_KEY=CANARY).stdout)
    assert {"python", "sqlite", "database", "provider anthropic", "terminal"} <= {check["subject"] for check in told}
    assert CANARY not in done.stdout + json.dumps(told)


def test_what_will_not_work_is_an_exit_code(tmp_path: Path) -> None:
    (tmp_path / "s").write_text("a file")
    done = run(tmp_path / "s", "--offline", "--port", "0")
    assert done.returncode == 1
    assert "not a directory" in done.stdout
