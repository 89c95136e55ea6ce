"""Gateways that crash, hang, lie or flood, and what the daemon makes of them."""

import asyncio
import json
import os
import signal
import socket

import pytest

from conduit_tui.domain.processes import GatewayState as S
from conduit_tui.paths import StateDir
from tests.supervisor.daemons import alive, ask, running, tell, wish
from tests.waiting import PATIENCE_SECONDS, until

pytestmark = [pytest.mark.anyio, pytest.mark.fault]


async def test_a_crash_loop_ends_in_cooldowns_with_no_more_starts_than_the_policy_says(state_dir: StateDir) -> None:
    wish(state_dir, exit=1)
    with running(state_dir, quick_restarts=2, intensity_starts=2, cooldown_seconds=[1.5, 60.0]) as daemon:
        cooling = await daemon.until(S.COOLDOWN)
        assert len(daemon.starts()) == 1 + 2 + 2
        assert cooling.retry_at is not None
        assert cooling.gateway_pid is None
        assert (await asyncio.to_thread(ask, cooling.url))[0] == 503
        again = await daemon.until(S.COOLDOWN, starts=6)
        assert len(daemon.starts()) == 6
        assert "exited with 1" in again.reason
        wish(state_dir)
        await daemon.client.start()
        assert (await daemon.until(S.READY)).starts == 7


async def test_an_exit_with_zero_that_nobody_asked_for_is_a_crash(state_dir: StateDir) -> None:
    wish(state_dir, exit=0, after=0.2)
    with running(state_dir) as daemon:
        await daemon.until(S.READY, generation=3)
        assert daemon.transitions()[:5] == ["STARTING", "READY", "BACKOFF", "STARTING", "READY"]


@pytest.mark.parametrize("code", [77, 78])
async def test_exit_77_and_78_are_not_retried(state_dir: StateDir, code: int) -> None:
    wish(state_dir, exit=code, failed="the database is of a newer version")
    with running(state_dir) as daemon:
        failed = await daemon.until(S.FAILED)
        assert failed.reason == "the database is of a newer version"
        assert (await asyncio.to_thread(ask, failed.url))[0] == 503
        await asyncio.sleep(0.3)
        assert len(daemon.starts()) == 1
        wish(state_dir)
        await daemon.client.start()
        await daemon.until(S.READY)


async def test_a_gateway_that_never_gets_ready_is_ended(state_dir: StateDir) -> None:
    wish(state_dir, ready=False)
    with running(state_dir, start_seconds=1.0, settle_seconds=0.3) as daemon:
        waiting = await daemon.until(S.BACKOFF)
        assert waiting.reason.startswith("not READY within 1 s: the gateway was killed by SIGKILL")


async def test_a_start_can_be_extended(state_dir: StateDir) -> None:
    wish(state_dir, extend=60, ready_after=5.0)
    with running(state_dir, start_seconds=4.0) as daemon:
        assert (await daemon.until(S.STARTING, reason="migration")).starts == 1
        assert (await daemon.until(S.READY)).starts == 1


@pytest.mark.parametrize("how", ["stop", "busy"])
async def test_a_hung_gateway_is_replaced_and_its_stacks_are_kept(state_dir: StateDir, how: str) -> None:
    wish(state_dir, hang=how)
    with running(state_dir, health_seconds=60.0, health_soon_seconds=60.0) as daemon:
        first = await daemon.until(S.READY)
        wish(state_dir)
        second = await daemon.until(S.READY, generation=2)
        assert not alive(first.gateway_pid or 0)
        assert second.starts == 2
        reasons = [event["reason"] for event in daemon.events() if event["kind"] == "signal"]
        assert reasons[0] == "SIGABRT: no heartbeat for 3 s: its stacks go to the process log"
        if how == "busy":  # a stopped process cannot show its stacks
            log = state_dir.process_log.read_text()
            assert "Fatal Python error: Aborted" in log
            assert "stub_gateway.py" in log
        else:
            assert reasons[1] == "SIGKILL: no heartbeat for 3 s"


async def test_a_daemon_that_was_stopped_itself_does_not_blame_the_gateway(state_dir: StateDir) -> None:
    with running(state_dir) as daemon:
        first = await daemon.until(S.READY)
        daemon.process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(4.5)
        daemon.process.send_signal(signal.SIGCONT)
        await asyncio.sleep(0.5)
        status = await daemon.client.status()
        assert (status.gateway_pid, status.starts) == (first.gateway_pid, 1)


async def test_failing_health_degrades_and_never_restarts(state_dir: StateDir) -> None:
    wish(state_dir, health=503)
    with running(state_dir) as daemon:
        degraded = await daemon.until(S.DEGRADED)
        assert degraded.reason == "/health fails: HTTP 503"
        assert len(degraded.health) >= 3
        assert not any(check.ok for check in degraded.health)
        assert degraded.starts == 1


async def test_what_the_gateway_says_of_itself_is_shown(state_dir: StateDir) -> None:
    reports = ['{"type":"degraded","reason":"the disk is full"}', "no report", '{"type":"a-later-invention"}']
    wish(state_dir, reports=reports)
    with running(state_dir) as daemon:
        assert (await daemon.until(S.DEGRADED)).reason == "the disk is full"


async def test_while_a_start_takes_long_clients_are_answered_not_left_hanging(state_dir: StateDir) -> None:
    wish(state_dir, until_told=["ready"])
    with running(state_dir, unserved_seconds=0.3) as daemon:
        starting = await daemon.until(S.STARTING)
        status, body = await asyncio.to_thread(ask, starting.url)
        assert status == 503
        assert "error" in json.loads(body)
        tell(state_dir, "ready")
        await daemon.until(S.READY)
        assert await asyncio.to_thread(ask, starting.url) == (200, b"1")


async def test_a_silent_client_does_not_hold_the_answerer(state_dir: StateDir) -> None:
    wish(state_dir, exit=78)
    with running(state_dir, answer_read_seconds=0.3) as daemon:
        failed = await daemon.until(S.FAILED)
        host, port = failed.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()
        with socket.create_connection((host, int(port)), PATIENCE_SECONDS) as sending:
            sending.sendall(b"POST /v1/messages HTTP/1.1\r\nContent-Length: 500000\r\n\r\n" + b"x" * 500_000)
            answer = await asyncio.to_thread(sending.recv, 65_536)
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b"\r\nRetry-After: " in answer


async def test_what_a_gateway_writes_cannot_harm_the_log(state_dir: StateDir) -> None:
    hostile = "\x1b]0;owned\x07\x9b2J‮ sk-ant-api03-abcdefghijklmnop0123456789"
    record = '{"process": "gateway", "event": "in order", "level": "info", "timestamp": "2026-01-01T00:00:00Z"}'
    wish(state_dir, say=[hostile, record, "x" * 200_000])
    with running(state_dir) as daemon:
        await daemon.until(S.READY)
        await until(lambda: b"x" * 1000 in state_dir.process_log.read_bytes())
    raw = state_dir.process_log.read_bytes()
    assert all(byte == 0x0A or 0x20 <= byte < 0x7F for byte in raw)
    lines = [json.loads(line) for line in raw.splitlines()]
    assert any(line["event"].startswith("\x1b]0;owned") for line in lines)
    assert json.loads(record) in lines
    assert b"abcdefghijklmnop" not in raw


async def test_a_flood_is_bounded_and_what_is_dropped_is_counted(state_dir: StateDir) -> None:
    wish(state_dir, say=["y" * 1000] * 20_000)
    with running(state_dir) as daemon:
        await daemon.until(S.READY)
        wish(state_dir, say=["the line after"])
        await asyncio.sleep(0.1)
        await daemon.client.restart()
        await daemon.until(S.READY, generation=2)
        await until(lambda: "the line after" in state_dir.process_log.read_text())
    assert "lines of the gateway dropped: it wrote too fast" in state_dir.process_log.read_text()
    assert state_dir.process_log.stat().st_size < 2 * 1024 * 1024


async def test_structured_lines_fill_two_files_at_most(state_dir: StateDir) -> None:
    wish(state_dir, say=[json.dumps({"event": "z" * 1000})] * 20_000)
    with running(state_dir) as daemon:
        await daemon.until(S.READY)
    kept = [path.stat().st_size for path in state_dir.root.glob("process.log*")]
    assert len(kept) == 2
    assert all(size <= 8 * 1024 * 1024 for size in kept)


async def test_a_stop_during_the_backoff_is_heard(state_dir: StateDir) -> None:
    wish(state_dir, exit=1)
    with running(state_dir, quick_delay_seconds=[30.0, 30.0]) as daemon:
        await daemon.until(S.BACKOFF)
        await daemon.client.stop()
        stopped = await daemon.until(S.STOPPED)
        assert stopped.retry_at is None


async def test_sigterm_to_the_gateway_from_elsewhere_is_a_restart(state_dir: StateDir) -> None:
    with running(state_dir) as daemon:
        first = await daemon.until(S.READY)
        os.kill(first.gateway_pid or 0, signal.SIGTERM)
        await daemon.until(S.READY, generation=2)
        assert daemon.transitions()[-2:] == ["STARTING", "READY"]
