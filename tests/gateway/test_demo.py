"""The demo: the whole product in a throwaway world, of which nothing is left whatever ends it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import anthropic
import openai
import psutil
import pytest

from conduit_tui.control.changes import described
from conduit_tui.demo.history import write_history
from conduit_tui.demo.policy import decide_on
from conduit_tui.demo.scenery import MODELS, SCENES
from conduit_tui.domain.projects import Project
from conduit_tui.store.interface import UsageFilter
from conduit_tui.store.reader import SqliteReader
from conduit_tui.store.sqlite import SqliteStore
from tests.waiting import eventually

NOW_MS = 1_763_900_000_000
DAY_MS = 86_400_000


@contextmanager
def demo(temporary: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    """The command, without a terminal, with all its files under a folder of the test's."""
    child = subprocess.Popen(
        [sys.executable, "-m", "conduit_tui", "demo", *options],
        env={**os.environ, "TMPDIR": str(temporary)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with child:
        try:
            yield child
        finally:
            if child.poll() is None:
                child.kill()


def processes_of(temporary: Path) -> list[int]:
    """Everything that was started for this folder, by environment or command line."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and process.environ().get("TMPDIR") == str(temporary):
                found.append(process.pid)
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
    return found


def nothing_is_left(temporary: Path) -> None:
    eventually(lambda: not processes_of(temporary), "processes are left")
    eventually(lambda: not list(temporary.iterdir()), "files are left")


def test_without_a_terminal_it_prints_lines_and_ends_by_itself(tmp_path: Path) -> None:
    with demo(tmp_path, "--seconds", "6") as child:
        output, errors = child.communicate(timeout=100)
    assert child.returncode == 0, errors
    opening, headings, *lines = output.splitlines()
    live = lines[: lines.index("")]
    assert opening.startswith("gateway at http://127.0.0.1:")
    assert headings.split()[:4] == ["time", "project", "agent", "model"]
    assert len(live) >= 3
    assert {line.split()[1] for line in live} <= {scene.project for scene in SCENES}
    assert {line.split()[3] for line in live} <= set(MODELS)
    assert lines[-1].startswith(f"{len(live)} requests in 6 s from ")
    assert "$0.00;" not in lines[-1]  # the sample models have prices
    assert "\x1b" not in output
    nothing_is_left(tmp_path)


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_nothing_is_left_whatever_ends_it(tmp_path: Path, ending: signal.Signals) -> None:
    with demo(tmp_path, "--seconds", "300") as child:
        assert child.stdout is not None
        assert child.stdout.readline().startswith("gateway at ")
        assert len(processes_of(tmp_path)) >= 5  # demo, keeper, provider, daemon, gateway
        (state_dir,) = tmp_path.iterdir()
        assert state_dir.stat().st_mode & 0o777 == 0o700
        child.send_signal(ending)
        child.communicate(timeout=100)
    assert child.returncode == (-ending if ending == signal.SIGKILL else 128 + ending)
    nothing_is_left(tmp_path)


def test_an_interrupt_while_the_world_is_made_leaves_nothing(tmp_path: Path) -> None:
    with demo(tmp_path, "--seconds", "300") as child:
        eventually(lambda: list(tmp_path.iterdir()))
        child.send_signal(signal.SIGINT)
        child.communicate(timeout=100)
    assert child.returncode == 130
    nothing_is_left(tmp_path)


@pytest.mark.anyio
async def test_what_its_people_decided_is_the_first_revision_of_their_projects(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "demo.db")
    await decide_on(store)
    await store.close()
    reader = await SqliteReader.open(tmp_path / "demo.db")
    projects = {project.name: project for project in await reader.projects()}
    assert projects["api-server"].config.cost_limits.daily == 40
    for name in (scene.project for scene in SCENES):
        project = projects[name]
        then = await reader.revision_config(name, project.revision)
        assert not described(project.config, then), "the history would say that going back to now changes something"
    await reader.close()


@pytest.mark.anyio
async def test_history_is_a_plausible_day_and_the_same_for_the_same_seed(tmp_path: Path) -> None:
    async def day(name: str, seed: int) -> list[tuple[object, ...]]:
        store = await SqliteStore.open(tmp_path / name)
        for scene in SCENES:
            await store.add_project(Project(name=scene.project))
        began = time.process_time()
        written = await write_history(store, NOW_MS, seed)
        took = time.process_time() - began
        await store.close()
        reader = await SqliteReader.open(tmp_path / name)
        stored = await reader.usage_rows(list(await reader.usage_ids(UsageFilter())))
        sessions = await reader.sessions(since=NOW_MS - DAY_MS, limit=1_000)
        await reader.close()
        rows = [usage.row for usage in stored]
        assert len(rows) == written > 1_000
        assert took < 10  # a fifth of a second on an idle machine
        assert len(sessions) > 50
        assert all(NOW_MS - 1.2 * DAY_MS < row.created_at < NOW_MS for row in rows)
        assert [row.created_at for row in rows] == sorted(row.created_at for row in rows)
        assert {row.routed_model for row in rows} == set(MODELS)
        assert all(row.cost_nanodollars > 0 for row in rows if row.status == 200)
        assert all(row.cache_read_tokens + row.cache_write_5m_tokens <= row.input_tokens for row in rows)
        assert 0 < sum(row.status != 200 for row in rows) < len(rows) / 10
        return [tuple(row) for row in rows]

    assert await day("one.db", 1) == await day("again.db", 1)
    assert await day("one-more.db", 2) != await day("another.db", 3)


def test_official_clients_read_the_simulated_provider() -> None:
    child = subprocess.Popen(
        [sys.executable, "-m", "conduit_tui.demo.provider", "7"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with child:
        assert child.stdout is not None
        url = f"http://127.0.0.1:{json.loads(child.stdout.readline())['port']}"
        long_system = "Mind the gap. " * 500
        claude = anthropic.Anthropic(api_key="sk-ant-fake", base_url=url, max_retries=4)
        gpt = openai.OpenAI(api_key="sk-fake", base_url=f"{url}/v1", max_retries=4)
        with claude, gpt:
            turns = []
            for _ in range(2):
                with claude.messages.stream(
                    model="claude-haiku-5-5",
                    max_tokens=500,
                    system=long_system,
                    messages=[{"role": "user", "content": "What did we decide?"}],
                ) as stream:
                    turns.append(stream.get_final_message())
            first, second = (turn.usage for turn in turns)
            assert first.cache_read_input_tokens == 0
            assert second.cache_read_input_tokens == first.cache_creation_input_tokens
            assert second.cache_read_input_tokens is not None
            assert second.cache_read_input_tokens > 1_000
            response = gpt.responses.create(model="gpt-6.1-sol", input="What did we decide?", stream=False)
            assert response.output_text
            completion = gpt.chat.completions.create(
                model="gpt-5.4-mini", messages=[{"role": "user", "content": "And why?"}]
            )
            assert completion.usage is not None
            assert completion.choices[0].message.content
            counted = claude.messages.count_tokens(
                model="claude-haiku-5-5", messages=[{"role": "user", "content": "hi"}]
            )
            assert 0 < counted.input_tokens < 100
            assert [model.id for model in gpt.models.list()] == ["gpt-6.1-sol", "gpt-5.4-mini"]
    assert child.returncode == 0
