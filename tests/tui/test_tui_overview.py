"""The Overview: the state of things, what needs a person, and the beginning."""

import pytest
from scenes import EVENTS, MINUTE, NOW, World, busy_day, flights, live, row, shows, status

from conduit_tui.domain.processes import GatewayState, ProcessEvent

pytestmark = pytest.mark.anyio


async def test_shows_now_today_models_and_sessions(world: World) -> None:
    last = await world.fill(busy_day())
    world.say(told=status(), seen=live(last, flights()))
    async with world.app().run_test() as pilot:
        text = await shows(pilot, "READY 3h12m", "127.0.0.1:4141", "2 in flight", "streaming 12 s", "waiting 3 s")
        for words in ("req/min", "p50", "first byte", "spent", "cached)", "MODELS TODAY", "SESSIONS", "in 24 h"):
            assert words in text
        assert "! mistral-large has no price" in text


async def test_enter_opens_the_requests_of_the_line(world: World) -> None:
    last = await world.fill(busy_day())
    world.say(told=status(), seen=live(last))
    async with world.app().run_test() as pilot:
        await shows(pilot, "claude-opus-5-5")
        await pilot.press("enter")
        await shows(pilot, "/ model:claude-opus-5-5", "64 of 320")
        await pilot.press("1", "G", "enter")
        await shows(pilot, "price of mistral-large", "input $")


async def test_teaches_before_the_first_request_and_then_stops(world: World) -> None:
    await world.fill([])
    world.say(told=status(), seen=live(0))
    async with world.app().run_test() as pilot:
        text = await shows(pilot, "No request has come through it yet")
        assert 'eval "$(conduit-tui env)"' in text
        assert "export ANTHROPIC_BASE_URL=http://127.0.0.1:4141" in text
        last = await world.fill([row(1, ago=1_000)])
        world.say(seen=live(last))
        await shows(pilot, "MODELS TODAY", "1 requests", without="No request has come")


async def test_a_quiet_midnight_is_no_beginning(world: World) -> None:
    last = await world.fill([row(1, ago=40 * 60 * MINUTE)])
    world.say(told=status(), seen=live(last))
    async with world.app().run_test() as pilot:
        await shows(pilot, "nothing yet", "no request today", "none in the last 24 hours")


@pytest.mark.parametrize(
    ("state", "changes", "words"),
    [
        (GatewayState.FAILED, {"reason": "the database is corrupt"}, ("FAILED", "the gateway failed: the database is")),
        (GatewayState.STOPPED, {"gateway_pid": None}, ("○ STOPPED", "the gateway is stopped", "start it")),
        (GatewayState.BACKOFF, {"retry_at": NOW + 4_000}, ("BACKOFF next start in 4 s", "will start again")),
        (GatewayState.DEGRADED, {"reason": "disk nearly full"}, ("DEGRADED", "degraded: disk nearly full")),
        (GatewayState.DRAINING, {}, ("◐ DRAINING",)),
    ],
)
async def test_tells_what_is_wrong(
    world: World, state: GatewayState, changes: dict[str, object], words: tuple[str, ...]
) -> None:
    last = await world.fill(busy_day(40))
    world.say(told=status(state, **changes), seen=live(last))
    async with world.app().run_test() as pilot:
        await shows(pilot, *words)


async def test_counts_failures_and_restarts(world: World) -> None:
    rows = [row(n, ago=30_000 + n, status=500 if n % 3 else 200, error_type="api_error") for n in range(30)]
    last = await world.fill(rows)
    assert world.store is not None
    crash = ProcessEvent(id="x", at=NOW - MINUTE, kind="exit", reason="exit by signal 9", pid=1)
    await world.store.add_process_events([*EVENTS, crash])
    world.say(told=status(), seen=live(last))
    async with world.app().run_test() as pilot:
        await shows(pilot, "20 of the last 30 requests failed", "the gateway ended once in the last hour", "67 %")
        await pilot.press("G", "k", "enter")
        await shows(pilot, "/ status:error", "20 of 30")


async def test_project(world: World) -> None:
    last = await world.fill(busy_day())
    world.say(told=status(), seen=live(last))
    async with world.app(project="infra").run_test() as pilot:
        await shows(pilot, "conduit  infra", "gpt-5.2", without="claude-opus")


async def test_sessions_at_work_keep_their_order_and_have_their_subagents_under_them(world: World) -> None:
    old, new, over = "11111111-aaaa-4", "22222222-bbbb-4", "33333333-cccc-4"
    rows = [
        row(1, ago=30 * MINUTE, agent="", session=over),
        row(2, ago=20 * MINUTE, agent="", session=old),
        row(3, ago=10 * MINUTE, agent="", session=new),
        row(4, ago=30_000, agent="", session=new),
        row(5, ago=20_000, agent="agent-1", agent_type="Explore", session=old, routed_model="claude-haiku-5-5"),
        row(6, ago=10_000, agent="", session=old),
    ]
    last = await world.fill(rows)
    world.say(told=status(), seen=live(last))
    async with world.app().run_test() as pilot:
        text = await shows(pilot, "└ Explore")
        names = [line.split()[:2] for line in text.partition("SESSIONS")[2].splitlines()[1:5]]
        assert names == [["api-server", new[:8]], ["api-server", old[:8]], ["└", "Explore"], ["api-server", over[:8]]]
        totals = next(line for line in text.splitlines() if old[:8] in line).split()
        assert totals[3:5] == ["3", "268k"], "the whole session with its subagents, as the Sessions screen says"
        last = await world.fill([row(7, ago=1_000, agent="", session=old)])
        world.say(seen=live(last))
        text = await shows(pilot, "4    357k")
        assert text.index(new[:8]) < text.index(old[:8]) < text.index(over[:8]), "who works does not jump"


async def test_every_figure_of_now_is_whole_at_80_columns(world: World) -> None:
    rows = [row(n, ago=4 * MINUTE - n, latency_ms=9_900, status=200 if n % 20 else 529) for n in range(700)]
    last = await world.fill(rows)
    world.say(told=status(), seen=live(last, flights() * 60))
    async with world.app().run_test() as pilot:
        await shows(pilot, "errors 5.0 %\n", "150.1 req/min")
