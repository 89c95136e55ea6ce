"""The daemon executed anew in its place: what stays, and what happens when that is not possible."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from conduit_tui.domain.processes import GatewayState as S
from conduit_tui.paths import StateDir
from tests.supervisor.daemons import alive, ask, running, tell, wish
from tests.supervisor.test_daemon_life import Knocking
from tests.waiting import until

pytestmark = [pytest.mark.anyio, pytest.mark.fault]


async def test_process_port_and_streams_stay_and_nobody_is_refused(state_dir: StateDir) -> None:
    wish(state_dir, until_told=["drain"])
    with running(state_dir) as daemon:
        first = await daemon.until(S.READY)
        begun = first.daemon_started
        async with Knocking(first.url) as knocking:
            await until(lambda: len(knocking.answered) > 20)
            await daemon.client.restart(daemon=True)
            second = await daemon.until(S.READY, generation=2)
            await until(lambda: 2 in knocking.generations())
        assert (knocking.refused, knocking.cut) == (0, 0)
        assert (second.url, second.daemon_pid, second.starts) == (first.url, first.daemon_pid, 2)
        assert (second.daemon_started or 0) > (begun or 0)
        assert alive(first.gateway_pid or 0), "its streams go on"
        # a second time, with a gateway that drains
        wish(state_dir)
        await daemon.client.restart(daemon=True)
        third = await daemon.until(S.READY, generation=3)
        assert [one.generation for one in third.retiring] == [1, 2]
        tell(state_dir, "drain")
        await until(lambda: not alive(first.gateway_pid or 0))
        await daemon.until(S.READY, retiring=())
        assert daemon.transitions().count("READY") == 3
        os.kill(third.gateway_pid or 0, signal.SIGKILL)
        assert (await daemon.until(S.READY, generation=4)).starts == 4, "it is watched as ever"
        daemon.process.send_signal(signal.SIGTERM)
        assert await daemon.ended() == 0


async def test_the_environment_is_that_of_who_asks(state_dir: StateDir) -> None:
    with running(state_dir) as daemon:
        await daemon.until(S.READY)
        environment = {**os.environ, "A_KEY": "of the shell", "CONDUIT_NONCE": "of somebody else"}
        await daemon.client.restart(daemon=True, environment=environment)
        second = await daemon.until(S.READY, generation=2)
        given = environment_of(second.gateway_pid or 0)
        assert b"A_KEY=of the shell" in given
        assert b"CONDUIT_NONCE=of somebody else" not in given
        assert not any(variable.startswith(b"CONDUIT_RESUME=") for variable in given)


async def test_a_program_that_does_not_start_changes_nothing(state_dir: StateDir) -> None:
    with running(state_dir) as daemon:
        first = await daemon.until(S.READY)
        broken = state_dir.root / "broken"
        (broken / "conduit_tui").mkdir(parents=True)
        (broken / "conduit_tui" / "__init__.py").write_text("raise ImportError('half installed')")
        await daemon.client.restart(daemon=True, environment={**os.environ, "PYTHONPATH": str(broken)})
        why = "the daemon was not replaced: the program that is installed does not start: ImportError: half installed"
        still = await daemon.until(S.READY, renewal_failure=why)
        assert (still.gateway_pid, still.daemon_started) == (first.gateway_pid, first.daemon_started)
        assert ask(first.url) == (200, b"1")
        await daemon.client.restart(daemon=True)
        assert (await daemon.until(S.READY, generation=2)).renewal_failure == ""


async def test_a_signal_that_comes_meanwhile_is_not_lost(state_dir: StateDir) -> None:
    with running(state_dir) as daemon:
        await daemon.until(S.READY)
        await daemon.client.restart(daemon=True)
        await until(lambda: any("executed anew in its place" in event["reason"] for event in daemon.events()))
        daemon.process.send_signal(signal.SIGTERM)
        assert await daemon.ended() == 0
        assert daemon.transitions()[-1] == "STOPPED"
        assert not any(alive(pid) for _at, pid, _generation in daemon.starts())


@pytest.mark.parametrize("state", [S.STOPPED, S.FAILED, S.BACKOFF])
async def test_where_no_gateway_serves_one_is_started(state_dir: StateDir, state: S) -> None:
    if state is not S.STOPPED:
        wish(state_dir, exit=78 if state is S.FAILED else 1)
    with running(state_dir, quick_delay_seconds=[30.0, 30.0]) as daemon:
        if state is S.STOPPED:
            await daemon.until(S.READY)
            await daemon.client.stop()
        before = await daemon.until(state)
        wish(state_dir)
        await daemon.client.restart(daemon=True)
        after = await daemon.until(S.READY)
        assert (after.daemon_pid, after.url) == (before.daemon_pid, before.url)
        assert (after.daemon_started or 0) > (before.daemon_started or 0)
        await asyncio.to_thread(ask, after.url)


def environment_of(pid: int) -> list[bytes]:
    return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
