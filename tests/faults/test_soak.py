"""Two hundred streams at a time, for ten minutes: nothing is lost, nothing is late, memory stays. Fault G1."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.gateway.running import RunningGateway, fake_provider
from tests.ports import free_port
from tests.waiting import eventually

pytestmark = [pytest.mark.fault, pytest.mark.slow]

SECONDS = float(os.environ.get("SOAK_SECONDS", "600"))
STREAMS, DELTAS, GAP_MS = 200, 100, 100  # a round takes ten seconds
LATE_US = 25_000
DRIFT = 1.10
TOOLS = Path(__file__).parents[1] / "benchmarks"


def test_two_hundred_streams_for_ten_minutes(tmp_path: Path) -> None:
    provider_port = free_port()
    provider = subprocess.Popen(
        [sys.executable, TOOLS / "stream_provider.py", str(provider_port), str(DELTAS), str(GAP_MS)]
    )
    gateway = RunningGateway(tmp_path, [fake_provider(f"http://127.0.0.1:{provider_port}")])
    process = psutil.Process(gateway.process.pid)
    rounds, memory = [], []
    try:
        until = time.monotonic() + SECONDS
        while time.monotonic() < until or len(rounds) < 3:
            load = [sys.executable, TOOLS / "stream_load.py", str(gateway.port), str(STREAMS), "claude-opus-5-5"]
            done = subprocess.run(load, capture_output=True, text=True, check=True, timeout=120)
            rounds.append(json.loads(done.stdout))
            memory.append(process.memory_info().rss)
        expected = len(rounds) * STREAMS
        eventually(lambda: gateway.query("SELECT count(*) FROM usage") == [(expected,)])
        (tokens,) = gateway.query("SELECT sum(output_tokens) FROM usage")[0]
    finally:
        gateway.close()
        provider.kill()
        provider.wait()
    full = memory[len(memory) // 2]  # by then what the gateway remembers of requests, within bounds, has filled up
    print(
        f"{len(rounds)} rounds, {expected:,} streams, p99 {max(each['delay_p99_us'] for each in rounds) / 1000:.1f} ms "
        f"at worst, memory {memory[1] / 1e6:.1f}, {full / 1e6:.1f}, {memory[-1] / 1e6:.1f} MB"
    )
    assert sum(each["errors"] for each in rounds) == 0
    assert {each["deltas"] for each in rounds} == {STREAMS * DELTAS}
    assert tokens == expected * DELTAS
    assert sorted(each["delay_p99_us"] for each in rounds)[len(rounds) // 2] < LATE_US
    assert memory[-1] < full * DRIFT
