"""A gateway that follows another: how it comes to its turn, and what happens when either of the two fails."""

import json
import os
import signal
from typing import Any

import pytest

from conduit_tui.domain.processes import GatewayState as S
from conduit_tui.paths import StateDir
from tests.supervisor.daemons import Daemon, alive, ask, running, tell, wish
from tests.waiting import until

pytestmark = [pytest.mark.anyio, pytest.mark.fault]


def orders(state_dir: StateDir) -> list[dict[str, Any]]:
    """What the daemon told its gateways, in order."""
    path = state_dir.root / "orders.log"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


async def retired(daemon: Daemon, *generations: int) -> None:
    """Wait until just these generations end their streams."""

    async def so() -> bool:
        return tuple(one.generation for one in (await daemon.client.status()).retiring) == generations

    await until(so)


async def test_the_next_one_gets_ready_beside_the_one_that_serves(state_dir: StateDir) -> None:
    wish(state_dir, until_told=["drain"])
    with running(state_dir) as daemon:
        first = await daemon.until(S.READY)
        await daemon.client.restart()
        second = await daemon.until(S.READY, generation=2)
        assert alive(first.gateway_pid or 0), "its streams go on"
        [older] = second.retiring
        assert (older.generation, older.pid) == (1, first.gateway_pid)
        assert older.until > second.since
        told = await daemon.until(S.READY, reason=f"serving at {second.url}; generation 1 drains 1 stream")
        assert told.generation == 2
        assert daemon.transitions() == ["STARTING", "READY", "DRAINING", "STARTING", "READY"]
        tell(state_dir, "drain")
        await until(lambda: not alive(first.gateway_pid or 0))
        assert (await daemon.until(S.READY, reason=f"serving at {second.url}")).retiring == ()
    assert orders(state_dir) == [
        {"to": 1, "type": "hand-over"},
        {"to": 2, "type": "take-over", "living": [1]},
        {"to": 2, "type": "ended", "generation": 1},
    ]


async def test_three_generations_live_after_two_quick_restarts(state_dir: StateDir) -> None:
    wish(state_dir, until_told=["drain"])
    with running(state_dir) as daemon:
        await daemon.until(S.READY)
        await daemon.client.restart()
        await daemon.until(S.DRAINING, S.READY, S.STARTING, starts=2)
        await daemon.client.restart()  # while the second is on its way
        third = await daemon.until(S.READY, generation=3)
        await retired(daemon, 1, 2)
        assert ask(third.url) == (200, b"3")
        tell(state_dir, "drain")
        await retired(daemon)
    given = [(one["to"], one["type"], one.get("living", one.get("generation"))) for one in orders(state_dir)]
    assert given[:4] == [
        (1, "hand-over", None),
        (2, "take-over", [1]),
        (2, "hand-over", None),
        (3, "take-over", [1, 2]),
    ]
    assert sorted(given[4:]) == [(3, "ended", 1), (3, "ended", 2)], "both drain at once, and either may be the first"


@pytest.mark.parametrize("how", ["exits", "hangs"])
async def test_one_that_does_not_get_ready_leaves_the_one_before_it_in_place(state_dir: StateDir, how: str) -> None:
    with running(state_dir, start_seconds=4.0) as daemon:
        first = await daemon.until(S.READY)
        wish(
            state_dir,
            **({"exit": 78, "failed": "the newer version is broken"} if how == "exits" else {"prepared": False}),
        )
        await daemon.client.restart()
        why = "the newer version is broken" if how == "exits" else "not ready within 4 s"
        still = await daemon.until(S.READY, renewal_failure=why)
        assert (still.gateway_pid, still.generation) == (first.gateway_pid, 1)
        assert ask(first.url) == (200, b"1")
        assert daemon.transitions() == ["STARTING", "READY"]
        wish(state_dir)
        await daemon.client.restart()
        third = await daemon.until(S.READY, generation=3)
        assert third.renewal_failure == ""


async def test_one_that_crashes_while_the_next_gets_ready_is_followed_at_once(state_dir: StateDir) -> None:
    with running(state_dir, quick_delay_seconds=[30.0, 30.0]) as daemon:
        first = await daemon.until(S.READY)
        wish(state_dir, until_told=["prepared"])
        await daemon.client.restart()
        await daemon.until(S.READY, starts=2)
        os.kill(first.gateway_pid or 0, signal.SIGKILL)
        tell(state_dir, "prepared")
        second = await daemon.until(S.READY, generation=2)
        assert ask(second.url) == (200, b"2")
        assert "BACKOFF" not in daemon.transitions()
    [taking_over] = [one for one in orders(state_dir) if one["type"] == "take-over"]
    assert taking_over.get("living", []) == [], "it has ended: what it held is charged before the next is READY"


async def test_one_that_never_lets_go_is_cut(state_dir: StateDir) -> None:
    wish(state_dir, keep=True, drain=60)
    with running(state_dir, hand_over_seconds=0.5) as daemon:
        first = await daemon.until(S.READY)
        wish(state_dir)
        await daemon.client.restart()
        second = await daemon.until(S.READY, generation=2)
        assert not alive(first.gateway_pid or 0)
        assert second.retiring == ()
        reasons = [event["reason"] for event in daemon.events() if event.get("state") == "STOPPING"]
        assert reasons == ["it did not let go of the database within 0.5 s"]


async def test_one_that_hangs_while_it_should_let_go_is_aborted(state_dir: StateDir) -> None:
    with running(state_dir, health_seconds=60.0, health_soon_seconds=60.0) as daemon:
        first = await daemon.until(S.READY)
        wish(state_dir, until_told=["prepared"])
        await daemon.client.restart()
        await daemon.until(S.READY, starts=2)
        os.kill(first.gateway_pid or 0, signal.SIGSTOP)
        tell(state_dir, "prepared")
        await daemon.until(S.READY, generation=2)
        assert not alive(first.gateway_pid or 0)


async def test_older_ones_that_outstay_their_time_are_killed_and_the_living_one_is_told(state_dir: StateDir) -> None:
    wish(state_dir, drain=60)
    with running(state_dir, drain_seconds=0.5, settle_seconds=0.3) as daemon:
        first = await daemon.until(S.READY)
        await daemon.client.restart()
        await daemon.until(S.READY, generation=2)
        await until(lambda: not alive(first.gateway_pid or 0))
        await until(lambda: {"to": 2, "type": "ended", "generation": 1} in orders(state_dir))
        [end] = [event for event in daemon.events() if event["kind"] == "exit"]
        assert (end["reason"], end["generation"]) == ("the gateway was killed by SIGKILL", 1)


async def test_a_stop_waits_for_older_ones_too(state_dir: StateDir) -> None:
    wish(state_dir, drain=1.0)
    with running(state_dir) as daemon:
        first = await daemon.until(S.READY)
        await daemon.client.restart()
        second = await daemon.until(S.READY, generation=2)
        await daemon.client.stop()
        await daemon.until(S.STOPPED)
        assert not alive(first.gateway_pid or 0)
        assert not alive(second.gateway_pid or 0)


async def test_a_stop_takes_back_the_restart_that_is_on_its_way(state_dir: StateDir) -> None:
    with running(state_dir) as daemon:
        await daemon.until(S.READY)
        wish(state_dir, prepared=False)
        await daemon.client.restart()
        await daemon.until(S.READY, starts=2)
        await until(lambda: len(daemon.starts()) == 2)
        await daemon.client.stop()
        await daemon.until(S.STOPPED)
        assert not any(alive(pid) for _at, pid, _generation in daemon.starts())


async def test_stop_now_cuts_older_ones_too(state_dir: StateDir) -> None:
    wish(state_dir, drain=600)
    with running(state_dir, drain_seconds=600.0) as daemon:
        await daemon.until(S.READY)
        await daemon.client.restart()
        await daemon.until(S.READY, generation=2)
        await daemon.client.stop(now=True)
        await daemon.until(S.STOPPED)


async def test_a_gateway_that_somebody_else_told_to_drain_hands_over(state_dir: StateDir) -> None:
    wish(state_dir, until_told=["drain"])
    with running(state_dir) as daemon:
        first = await daemon.until(S.READY)
        os.kill(first.gateway_pid or 0, signal.SIGTERM)
        await daemon.until(S.READY, generation=2)
        assert alive(first.gateway_pid or 0), "its streams go on"
        tell(state_dir, "drain")
        assert "BACKOFF" not in daemon.transitions()


async def test_a_gateway_that_grows_beyond_the_limit_is_replaced(state_dir: StateDir) -> None:
    wish(state_dir, eat=150, eat_after=1.0)
    policy: dict[str, Any] = {"memory_limit_bytes": 120 << 20, "memory_seconds": 0.1, "steady_seconds": 0.5}
    with running(state_dir, **policy) as daemon:
        await daemon.until(S.READY)
        wish(state_dir)
        second = await daemon.until(S.READY, generation=2)
        assert second.starts == 2
        assert "BACKOFF" not in daemon.transitions()
        notes = [event["reason"] for event in daemon.events() if event["reason"].startswith("memory: ")]
        assert len(notes) == 2
        assert notes[0].endswith("MB pass the limit of 120 MB; another gateway follows")


async def test_a_gateway_that_is_never_quiet_is_replaced_all_the_same(state_dir: StateDir) -> None:
    wish(state_dir, eat=150, eat_after=0.5, busy=3)
    policy: dict[str, Any] = {"memory_limit_bytes": 120 << 20, "memory_seconds": 0.1, "steady_seconds": 0.1}
    with running(state_dir, **policy, quiet_seconds=1.0) as daemon:
        first = await daemon.until(S.READY, in_flight=3)
        wish(state_dir)
        await daemon.until(S.READY, generation=2)
        assert first.starts == 1
        grown, followed = memory_notes(daemon)
        assert followed - grown > 800


async def test_one_that_needs_as_much_from_the_beginning_is_not_replaced_over_and_over(state_dir: StateDir) -> None:
    wish(state_dir, eat=150)
    policy: dict[str, Any] = {"memory_limit_bytes": 120 << 20, "memory_seconds": 0.05, "steady_seconds": 0.3}
    with running(state_dir, **policy) as daemon:
        await daemon.until(S.READY, generation=2)
        ready = next(event["at"] for event in daemon.events() if event.get("state") == "READY")
        _, followed = memory_notes(daemon)
        assert followed - ready > 2_500, "ten times as seldom"


def memory_notes(daemon: Daemon) -> list[int]:
    """When its memory was written down: that it has grown, and that another follows for it. Milliseconds."""
    return [event["at"] for event in daemon.events() if event["reason"].startswith("memory: ")]
