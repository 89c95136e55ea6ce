"""Sessions for the screens: some at work, some idle, one stopped; fixed in time."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

from scenes import HOUR, MINUTE, NOW, World, live, row, status

from conduit_tui.domain.live import InFlight
from conduit_tui.domain.projects import Project
from conduit_tui.domain.sessions import StoppedSession
from conduit_tui.domain.usage import UsageRow
from tests.reconcile.made_by_claude import FIRST_AT, FOLDER, ledger_rows

API, DOCS, INFRA, OLD, CODEX = (
    "5f1c9a70-27b1-4c55-9f3d-2a4d6f0e9b11", "0b7e33d2-90aa-4a8e-8c41-77f0a1c2d3e4",
    "d94c11e5-1f0b-4b7e-a2a9-5c6b7a8f9e00", "77a0c3f1-5d2e-4b9a-8f10-112233445566",
    "3c1d2e4f-aaaa-4bbb-8ccc-123456789abc",
)  # fmt: skip
EXPLORE, PLAN = "a3f09c11d2e4b5a67", "b81e55aa90c3d2f14"
DAY = 24 * HOUR


def _told(stop: str, prompt: int) -> str:
    return json.dumps({"stop": stop, "prompt_id": f"prompt-{prompt}"})


def _turns(
    numbers: Iterator[int], session: str, project: str, *, ago: int, prompts: int, steps: int, last: str = "end_turn",
    **changes: object,
) -> Iterator[UsageRow]:  # fmt: skip
    """So many prompts with so many requests each, the last one `ago` before NOW."""
    whole = prompts * steps
    for at in range(whole):
        stop = "tool_use" if (at + 1) % steps else "end_turn"
        yield row(
            next(numbers),
            ago=ago + (whole - 1 - at) * 40_000,
            session=session,
            project=project,
            agent="",
            agent_type="main",
            input_tokens=14_000 + at * 900,
            cache_read_tokens=12_000 + at * 700,
            cost_nanodollars=31_000_000 + at * 900_000,
            metadata=_told(last if at == whole - 1 else stop, at // steps),
            **changes,
        )


def _helper(numbers: Iterator[int], session: str, project: str, agent: str, kind: str, *, ago: int, requests: int,
            last: str = "end_turn") -> Iterator[UsageRow]:  # fmt: skip
    for at in range(requests):
        yield row(
            next(numbers),
            ago=ago + (requests - 1 - at) * 9_000,
            session=session,
            project=project,
            agent=agent,
            agent_type=kind,
            request_class="subagent",
            requested_model="claude-opus-5-5",
            routed_model="claude-haiku-5-5",
            input_tokens=6_000,
            cache_read_tokens=5_100,
            cost_nanodollars=1_100_000,
            metadata=_told(last if at == requests - 1 else "tool_use", 0),
        )


def rows() -> list[UsageRow]:
    """What the sessions did, oldest first."""
    numbers = iter(range(10_000))
    made = [
        *_turns(numbers, API, "api-server", ago=21_000, prompts=6, steps=5),
        *_helper(numbers, API, "api-server", EXPLORE, "Explore", ago=30_000, requests=17),
        *_helper(numbers, API, "api-server", PLAN, "Plan", ago=24_000, requests=4, last="tool_use"),
        *_turns(numbers, API, "api-server", ago=DAY + HOUR, prompts=4, steps=4),
        *_turns(numbers, API, "api-server", ago=2 * DAY + HOUR, prompts=9, steps=3),
        *_turns(numbers, DOCS, "docs", ago=15_000, prompts=3, steps=3, last="tool_use",
                requested_model="claude-sonnet-5-5", routed_model="claude-sonnet-5-5"),
        *_turns(numbers, INFRA, "infra", ago=9 * MINUTE, prompts=2, steps=7),
        *_turns(numbers, CODEX, "infra", ago=4 * MINUTE, prompts=3, steps=2, client="codex_exec", request_class="",
                requested_model="gpt-5.2", routed_model="gpt-5.2"),
        *_turns(numbers, OLD, "docs", ago=3 * DAY, prompts=1, steps=2),
    ]  # fmt: skip
    made[-1] = made[-1]._replace(status=529, error_type="overloaded_error")
    for number in range(12):
        made += _turns(
            numbers, f"{number:02d}aa55f0-1f0b-4b7e-a2a9-5c6b7a8f9e{number:02d}", ("docs", "infra")[number % 2],
            ago=4 * DAY + number * 5 * HOUR, prompts=1 + number % 3, steps=2,
        )  # fmt: skip
    return sorted(made, key=lambda each: each.created_at)


def flight(session: str, project: str, agent: str, kind: str, **changes: object) -> InFlight:
    fields: dict[str, object] = {
        "exchange_id": f"fly-{session[:4]}-{agent[:4]}", "project": project, "agent_type": kind, "agent": agent,
        "session": session, "request_class": "subagent" if agent else "main", "requested_model": "claude-opus-5-5",
        "routed_model": "claude-opus-5-5", "provider": "anthropic", "dialect": "anthropic", "stream": True,
        "started_at": NOW - 14_000, "first_byte_at": NOW - 13_000,
    }  # fmt: skip
    return InFlight.model_validate(fields | changes)


def flights() -> tuple[InFlight, ...]:
    """The main agent thinks while its helper waits; a session that has only begun."""
    return (
        flight(API, "api-server", "", "main", activity="thinking", activity_since=NOW - 12_000),
        flight(API, "api-server", EXPLORE, "Explore", first_byte_at=None, started_at=NOW - 3_000),
        flight("fresh-session-1", "docs", "", "main", first_byte_at=None, started_at=NOW - 2_000),
    )


_made: dict[bool, tuple[bytes, int]] = {}


async def _fill(folder: Path, *, stopped: bool) -> int:
    """Write the rows, and stop a session; the id of the last row. What was made once is copied afterwards."""
    world = World(folder)
    world.state_dir.prepare()
    if stopped not in _made:
        last = await world.fill(rows())
        assert world.store is not None
        for name in ("api-server", "infra"):
            await world.store.add_project(Project(name=name))
        if stopped:
            stop = StoppedSession("infra", INFRA, "it reads the same file again and again", NOW - 6 * MINUTE)
            await world.store.stop_session(stop)
        await world.close()
        _made[stopped] = world.state_dir.database.read_bytes(), last
    content, last = _made[stopped]
    world.state_dir.database.write_bytes(content)
    world.state_dir.database.chmod(0o600)
    return last


async def busy(folder: Path, *, stopped: bool = False) -> World:
    """A world with sessions, past and under way."""
    last = await _fill(folder, stopped=stopped)
    world = World(folder)
    world.say(told=status(), seen=live(last, flights()))
    return world


async def empty(folder: Path) -> World:
    """A world with a database and nothing in it."""
    world = World(folder)
    world.state_dir.prepare()
    await world.fill([])
    await world.close()
    world.store = None
    return world


def _moved(at: int) -> int:
    """An instant of the run of `claude` that the fixtures are from, as one of a minute ago."""
    return NOW - MINUTE + at - FIRST_AT


async def reconciled(folder: Path) -> World:
    """A world whose ledger and transcripts are of the same sessions, made just now."""
    from datetime import UTC, datetime

    world = World(folder)
    world.state_dir.prepare()
    last = await world.fill([each._replace(created_at=_moved(each.created_at)) for each in ledger_rows()])
    world.say(told=status(), seen=live(last))
    await world.close()
    world.store = None
    target = folder.parent / "claude" / "projects"
    shutil.copytree(FOLDER / "projects", target)
    for path in target.rglob("*.jsonl"):
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        for line in lines:
            if "timestamp" in line:
                at = int(datetime.fromisoformat(line["timestamp"]).timestamp() * 1000)
                line["timestamp"] = datetime.fromtimestamp(_moved(at) / 1000, UTC).isoformat()
        path.write_text("\n".join(map(json.dumps, lines)) + "\n")
    (target / "torn.jsonl").write_text('{"type": "assi')
    return world
