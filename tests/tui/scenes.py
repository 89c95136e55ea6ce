"""A made-up world for the screens: a real database with fixed rows, daemon and gateway that say what a test wants."""

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from conduit_tui.control import access
from conduit_tui.control.discovery import Findings
from conduit_tui.control.local import LocalControl
from conduit_tui.control.plane import ControlError, ControlPlane, ProviderTest
from conduit_tui.control.server import ControlServer, control_methods
from conduit_tui.domain.live import InFlight, LiveView
from conduit_tui.domain.processes import GatewayState, HealthCheck, ProcessEvent, ProcessStatus
from conduit_tui.domain.providers import Provider
from conduit_tui.domain.rules import Rule
from conduit_tui.domain.usage import UsageRow
from conduit_tui.paths import StateDir
from conduit_tui.store.interface import Reader
from conduit_tui.store.reader import SqliteReader
from conduit_tui.store.sqlite import SqliteStore
from conduit_tui.tui import backtest_child
from conduit_tui.tui.app import ConduitApp
from conduit_tui.tui.profile import LOCAL, PLAIN, SSH, Profile
from conduit_tui.tui.sources import Sources, StartFailed
from tests.waiting import PATIENCE_SECONDS

LIGHT = replace(LOCAL, theme="conduit-light")
FACES = [pytest.param(SSH, id="ssh"), pytest.param(PLAIN, id="plain"), pytest.param(LIGHT, id="light")]

NOW = 1_763_116_920_000  # 2025-11-14 10:42:00 UTC
MINUTE, HOUR = 60_000, 3_600_000
URL = "http://127.0.0.1:4141"


def row(number: int, *, ago: int, **changes: object) -> UsageRow:
    """A plausible row, `ago` milliseconds before NOW."""
    base = UsageRow(
        exchange_id=f"ex-{number:06}",
        attempt=1,
        project="api-server",
        agent="claude-code",
        agent_type="",
        session="5f1c9a70-27b1-4c55-9f3d-2a4d6f0e9b11",
        request_class="main",
        client="claude-cli",
        dialect="anthropic",
        requested_model="claude-opus-5-5",
        routed_model="claude-opus-5-5",
        provider="anthropic",
        input_tokens=88_100,
        output_tokens=1_240,
        cache_read_tokens=84_576,
        cache_write_5m_tokens=1_900,
        cache_write_1h_tokens=0,
        reasoning_tokens=310,
        cost_nanodollars=71_234_500,
        cost_currency="USD",
        price_source="genai-prices 0.2.3",
        routing_source="client",
        routing_reason="as requested",
        rule_id="",
        status=200,
        error_type="",
        latency_ms=4_210,
        first_byte_ms=780,
        overhead_us=410,
        flags="",
        metadata=metadata(),
        created_at=NOW - ago,
    )
    return base._replace(**changes)


def metadata(**more: object) -> str:
    """What the gateway writes down beside the columns."""
    told = {
        "trace": [
            ["door", "loopback, no token asked", 12],
            ["identify", "claude-code, main, project api-server", 38],
            ["decide", "as requested", 4],
            ["provider", "anthropic by its dialect", 9],
            ["forward", "pass-through key, pooled connection", 61],
        ],
        "timings": {"body_ms": 3, "decide_us": 41, "connect_ms": 0, "first_byte_ms": 780, "done_ms": 4210},
        "request_headers": [
            ["user-agent", "claude-cli/2.1.330 (external, cli)"],
            ["authorization", "Bearer ****"],
            ["anthropic-version", "2023-06-01"],
            ["anthropic-beta", "claude-code-20250219,interleaved-thinking-2025-05-14"],
            ["x-claude-code-request-class", "main"],
        ],
        "response_headers": [
            ["content-type", "text/event-stream; charset=utf-8"],
            ["request-id", "req_011CVTestTestTestTest"],
            ["anthropic-ratelimit-requests-remaining", "3999"],
        ],
        "target": "/v1/messages?beta=true",
        "peer": "127.0.0.1:52114",
        "request_bytes": 214_311,
        "response_bytes": 18_020,
        "stop": "end_turn",
    }
    return json.dumps(told | more)


MODELS = ("claude-opus-5-5", "claude-sonnet-5-5", "claude-haiku-5-5", "gpt-5.2", "mistral-large")
PRICES = (16.0, 3.0, 0.9, 2.5, 0.0)  # dollars per million tokens, near enough
AGENTS = ("", "Explore", "", "Plan", "")
PROJECTS = ("api-server", "docs", "api-server", "infra", "docs")
SESSIONS = (
    "5f1c9a70-27b1-4c55-9f3d-2a4d6f0e9b11",
    "0b7e33d2-90aa-4a8e-8c41-77f0a1c2d3e4",
    "5f1c9a70-27b1-4c55-9f3d-2a4d6f0e9b11",
    "d94c11e5-1f0b-4b7e-a2a9-5c6b7a8f9e00",
    "",
)


# Requests in each hour, the newest first.
HOURLY = (22, 26, 18, 6, 0, 0, 0, 0, 0, 2, 0, 1, 4, 9, 3, 12, 24, 31, 28, 17, 30, 33, 27, 19)


def _ago(place: int) -> int:
    """How long before NOW the request at this place (0 is the newest) was made."""
    for hour, requests in enumerate(HOURLY):
        if place < requests:
            return 20_000 + hour * HOUR + place * (HOUR - 60_000) // max(requests, 1) // (1 if hour else 2)
        place -= requests
    return 23 * HOUR + 30 * MINUTE + place * 1_000


def busy_day(count: int = 320) -> list[UsageRow]:
    """A day of work, oldest first; the last minutes hold a rerouted request, an error and one that the client left."""
    rows = []
    for number in range(count):
        kind = (number * 7 + number // 5) % 5
        ago = _ago(count - 1 - number)
        input_tokens = 3_000 + (number * 7_919) % 120_000
        output_tokens = 80 + (number * 613) % 3_900
        cached = input_tokens * ((number * 13) % 97) // 100
        cost = int((input_tokens - cached + 0.1 * cached + 5 * output_tokens) * PRICES[kind] * 1_000)
        rows.append(
            row(
                number,
                ago=ago,
                project=PROJECTS[kind],
                agent_type=AGENTS[kind],
                session=SESSIONS[kind],
                request_class="subagent" if AGENTS[kind] else "main",
                requested_model=MODELS[kind],
                routed_model=MODELS[kind],
                provider="openai" if kind == 3 else "mistral" if kind == 4 else "anthropic",
                dialect="openai-responses" if kind == 3 else "anthropic",
                client="codex" if kind == 3 else "claude-cli",
                input_tokens=input_tokens,
                output_tokens=output_tokens,
                cache_read_tokens=cached,
                cost_nanodollars=cost,
                flags="unpriced" if kind == 4 else "",
                latency_ms=600 + (number * 331) % 9_000,
                first_byte_ms=300 + (number * 97) % 1_500,
            )
        )
    rows[-4] = rows[-4]._replace(
        requested_model="claude-sonnet-5-5", routed_model="claude-haiku-5-5", routing_source="rule",
        routing_reason='explore: agentType = "Explore"', rule_id="r-10", flags="", cost_nanodollars=1_300_000,
    )  # fmt: skip
    rows[-2] = rows[-2]._replace(
        requested_model="claude-opus-5-5", routed_model="claude-opus-5-5", status=529, error_type="overloaded_error",
        input_tokens=0, output_tokens=0, cache_read_tokens=0, cost_nanodollars=0, flags="",
    )  # fmt: skip
    rows[-6] = rows[-6]._replace(status=0, error_type="", flags="aborted,estimated")
    return rows


def flights() -> tuple[InFlight, ...]:
    """Two exchanges under way."""
    return (
        InFlight(
            exchange_id="fly-1", project="docs", agent_type="Explore", session=SESSIONS[1], request_class="subagent",
            requested_model="claude-sonnet-5-5", routed_model="claude-sonnet-5-5", provider="anthropic",
            dialect="anthropic", stream=True, started_at=NOW - 12_000, first_byte_at=NOW - 11_000, output_tokens=640,
        ),
        InFlight(
            exchange_id="fly-2", project="api-server", agent_type="", session=SESSIONS[0], request_class="main",
            requested_model="claude-opus-5-5", routed_model="claude-opus-5-5", provider="anthropic",
            dialect="anthropic", stream=True, started_at=NOW - 3_000,
        ),
    )  # fmt: skip


def live(last_usage_id: int, in_flight: tuple[InFlight, ...] = ()) -> LiveView:
    return LiveView(
        at=NOW, in_flight=in_flight, in_flight_count=len(in_flight), last_usage_id=last_usage_id, served=320, refused=0
    )


def status(state: GatewayState = GatewayState.READY, **changes: object) -> ProcessStatus:
    checks = tuple(
        HealthCheck(at=NOW - n * 5_000, ok=n != 9, took_ms=1.2 + n % 3, detail="" if n != 9 else "timed out")
        for n in range(24, 0, -1)
    )
    base = ProcessStatus(
        url=URL, daemon_pid=2114, gateway_pid=2117, state=state, since=NOW - 3 * HOUR - 12 * MINUTE,
        ready_since=NOW - 3 * HOUR - 12 * MINUTE, daemon_started=NOW - 5 * HOUR, generation=3, starts=3,
        gateway_memory_bytes=38_400_000, gateway_cpu_percent=1.2, health=checks, version="0.1.0",
    )  # fmt: skip
    return base.model_copy(update=changes)


def _event(name: str, ago: int, kind: str, state: GatewayState | None, reason: str, pid: int) -> ProcessEvent:
    return ProcessEvent(id=name, at=NOW - ago, kind=kind, state=state, reason=reason, pid=pid or None, generation=1)


EVENTS = (
    _event("e1", 5 * HOUR, "state", GatewayState.STARTING, "the daemon began", 2103),
    _event("e2", 5 * HOUR - 900, "state", GatewayState.READY, "", 2103),
    _event("e3", 4 * HOUR, "exit", None, "exit by signal 11", 2103),
    _event("e4", 4 * HOUR - 400, "state", GatewayState.BACKOFF, "starts again in 1 s", 0),
    _event("e5", 4 * HOUR - 1_900, "state", GatewayState.READY, "", 2110),
    _event("e6", 3 * HOUR + 13 * MINUTE, "exit", None, "watchdog: 10 s without heartbeat", 2110),
    _event("e7", 3 * HOUR + 12 * MINUTE, "state", GatewayState.READY, "", 2117),
)


def _said(time: str, level: str, process: str, event: str, **more: object) -> dict[str, object]:
    return {"timestamp": f"2025-11-14T{time}Z", "level": level, "process": process, "event": event, **more}


LOG = [
    _said("07:28:49", "error", "daemon", "gateway ended", pid=2110, reason="watchdog"),
    _said("07:28:50", "info", "daemon", "gateway started", pid=2117, generation=3),
    _said("07:28:51", "info", "gateway", "ready", url=URL, took_ms=412),
    _said("09:02:11", "warning", "gateway", "upstream slow", provider="anthropic", first_byte_ms=9120),
    _said("10:41:31", "warning", "gateway", "upstream answered 529", provider="anthropic"),
]


@dataclass
class World:
    """The daemon and the gateway of a test. `say` changes what they tell; `None` is nobody there."""

    folder: Path
    told: ProcessStatus | None = None
    seen: LiveView | None = None
    up_fails: str = ""
    asked: list[str] = field(default_factory=list)
    tested: Sequence[Any] = ()
    store: SqliteStore | None = None
    found: Findings = field(default_factory=Findings)
    loop: asyncio.AbstractEventLoop | None = None
    over: asyncio.Event = field(default_factory=asyncio.Event)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def state_dir(self) -> StateDir:
        return StateDir(self.folder)

    async def fill(self, rows: Iterable[UsageRow]) -> int:
        """Record rows through the store; the id of the last one."""
        self.state_dir.prepare()
        if self.store is None:
            self.store = await SqliteStore.open(self.state_dir.database)
        ids = await asyncio.gather(*map(self.store.record, rows))
        return ids[-1] if ids else 0

    async def close(self) -> None:
        if self.store is not None:
            await self.store.close()

    def say(self, *, told: ProcessStatus | None = None, seen: LiveView | None = None) -> None:
        if told is not None:
            self.told = told
        if seen is not None:
            self.seen = seen
        self._wake()

    def vanish(self) -> None:
        self.told = self.seen = None
        self._wake()

    def _wake(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        if self.loop is None:
            changed.set()
        else:
            self.loop.call_soon_threadsafe(changed.set)

    # ProcessControl

    async def status(self) -> ProcessStatus:
        if self.told is None:
            raise ControlError("unavailable", "no daemon is running")
        return self.told

    async def watch(self) -> AsyncIterator[ProcessStatus]:
        while True:
            changed = self._changed
            yield await self.status()
            await changed.wait()

    async def start(self) -> None:
        self.asked.append("start")

    async def restart(self) -> None:
        self.asked.append("restart")

    async def stop(self, *, now: bool = False) -> None:
        self.asked.append("stop now" if now else "stop")

    async def shutdown(self, *, now: bool = False) -> None:
        self.asked.append("shutdown")

    # LiveFeed

    async def live(self) -> AsyncIterator[LiveView]:
        while True:
            changed = self._changed
            if self.seen is None:
                raise ControlError("unavailable", "no gateway is running")
            yield self.seen
            await changed.wait()

    # what the app opens and starts

    async def open_reader(self) -> Reader:
        return await SqliteReader.open(self.state_dir.database)

    async def start_daemon(self) -> None:
        self.asked.append("up")
        if self.up_fails:
            raise StartFailed(self.up_fails)
        self.told = status()

    @contextlib.asynccontextmanager
    async def open_control(self) -> AsyncIterator[ControlPlane]:
        """The control plane over this world's database."""
        if self.store is None:
            async with access.open_control(self.state_dir, probe=_no_probe) as control:
                yield control
        else:
            yield LocalControl(self.store, self.state_dir, probe=_no_probe)

    async def backtest(self, project: str, since: str, rules: Sequence[Rule]) -> AsyncGenerator[Any, None]:
        """What `tested` holds; where it holds nothing, the real child."""
        self.asked.append(f"backtest {project} {since} {len(rules)}")
        if self.tested:
            for item in self.tested:
                yield item
        else:
            async with contextlib.aclosing(backtest_child.run(self.state_dir, project, since, rules)) as items:
                async for item in items:
                    yield item

    async def discover(self) -> Findings:
        return self.found

    def app(self, *, profile: Profile = LOCAL, project: str = "", welcome: bool = False) -> ConduitApp:
        sources = Sources(
            self.state_dir, self, self, self.open_reader, self.start_daemon, self.open_control, self.backtest,
            self.discover,
        )  # fmt: skip
        return ConduitApp(lambda: sources, profile=profile, project=project, now=lambda: NOW, welcome=welcome)


async def _no_probe(provider: Provider) -> ProviderTest:
    return ProviderTest(ok=False, detail="not asked", took_ms=0)


@contextlib.contextmanager
def served(world: World, *, control: bool = False) -> Iterator[World]:
    """The world behind the real control sockets of its state directory, served by a thread.

    With `control` its gateway also makes changes, of the world's database.
    """
    world.state_dir.prepare()
    ready = threading.Event()

    async def serve() -> None:
        daemon = ControlServer(
            world.state_dir.daemon_socket,
            role="daemon",
            methods={name: getattr(world, name) for name in ("status", "start", "restart", "stop", "shutdown")},
            streams={"status": world.watch},
        )
        store = await SqliteStore.open(world.state_dir.database) if control else None
        plane = LocalControl(store, world.state_dir, probe=_no_probe) if store is not None else None
        gateway = ControlServer(
            world.state_dir.gateway_socket,
            role="gateway",
            methods=control_methods(plane) if plane is not None else {},
            streams={"live": world.live},
        )
        await daemon.start()
        await gateway.start()
        world.loop = asyncio.get_running_loop()
        over = world.over = asyncio.Event()
        ready.set()
        await over.wait()
        await gateway.close()
        await daemon.close()
        if store is not None:
            await store.close()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    try:
        assert ready.wait(PATIENCE_SECONDS)
        yield world
    finally:
        assert world.loop is not None
        world.loop.call_soon_threadsafe(world.over.set)
        thread.join(PATIENCE_SECONDS)
        world.loop = None


def write_log(world: World, lines: Iterable[dict[str, object]]) -> None:
    """Lines of the process log, as the processes write them."""
    world.state_dir.process_log.write_text("".join(json.dumps(line) + "\n" for line in lines))


def screen_text(app: ConduitApp) -> str:
    """What the screen shows, as text."""
    return "\n".join(strip.text.rstrip() for strip in app.screen._compositor.render_strips(app.size))


async def shows(pilot: Pilot[int], *words: str, without: str = "", seconds: float = PATIENCE_SECONDS) -> str:
    """Wait until the screen shows all these words (and not those); returns its text."""
    deadline = time.monotonic() + seconds
    while True:
        await pilot.pause(0.02)
        text = screen_text(pilot.app)  # type: ignore[arg-type]
        if all(word in text for word in words) and not (without and without in text):
            return text
        missing = [word for word in words if word not in text]
        assert time.monotonic() < deadline, f"not there: {missing}, too much: {without!r}\n{text}"
