"""How fast the relay is, side by side in one run: `pytest -m benchmark tests/benchmarks/test_relay_speed.py -s`.

Needs `wrk` and `nginx` (Debian: `apt-get install wrk nginx-light`) and two cores. LiteLLM is installed into an
environment of its own at the first run. Nothing is asserted about time; that no request is lost is.
"""

import statistics
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.benchmarks import targets

pytestmark = [pytest.mark.benchmark, pytest.mark.skipif(bool(targets.missing_tools()), reason="needs wrk and nginx")]

ROUNDS = 3
Measure = Callable[[int], dict[str, float]]


def small(port: int) -> dict[str, float]:
    targets.wrk(port, 16, 1, 2048)
    one = targets.wrk(port, 1, 2, 2048)
    many = targets.wrk(port, 16, 2, 2048)
    more = targets.wrk(port, 64, 2, 2048)
    return {
        "req/s c1": one["requests"] / one["seconds"],
        "p50 us c1": one["p50_us"],
        "req/s c16": many["requests"] / many["seconds"],
        "req/s c64": more["requests"] / more["seconds"],
        "p99 us c16": many["p99_us"],
        "errors": one["errors"] + many["errors"] + more["errors"],
    }


def large(port: int) -> dict[str, float]:
    targets.wrk(port, 8, 1, 200_000)
    result = targets.wrk(port, 8, 3, 200_000)
    return {"req/s": result["requests"] / result["seconds"], "p50 us": result["p50_us"], "errors": result["errors"]}


def side_by_side(tmp_path: Path, provider: int, measure: Measure) -> dict[str, list[dict[str, float]]]:
    """Interleaved rounds over all targets."""
    results: dict[str, list[dict[str, float]]] = {}
    for number in range(ROUNDS):
        folder = tmp_path / str(number)
        folder.mkdir()
        results.setdefault("direct", []).append(measure(provider))
        with targets.nginx(folder, provider) as (port, pid):
            results.setdefault("nginx", []).append(measure(port) | {"MB": targets.memory_mb(pid)})
        with targets.conduit(folder, provider) as gateway:
            idle = targets.memory_mb(gateway.process.pid)
            found = measure(gateway.port) | {"MB idle": idle, "MB": targets.memory_mb(gateway.process.pid)}
            results.setdefault("conduit-tui", []).append(found)
        with targets.litellm(folder, provider) as (port, pid, started):
            idle = targets.memory_mb(pid)
            found = measure(port) | {"MB idle": idle, "MB": targets.memory_mb(pid), "start ms": started}
            results.setdefault("LiteLLM", []).append(found)
    return results


def show(title: str, results: dict[str, list[dict[str, float]]]) -> None:
    """A Markdown table of medians."""
    columns = list(dict.fromkeys(name for rounds in results.values() for one in rounds for name in one))
    print(f"\n\n{title} (median of {ROUNDS})\n\n| target | {' | '.join(columns)} |\n|---|{'---:|' * len(columns)}")
    for target, rounds in results.items():
        cells = [
            f"{statistics.median(one[name] for one in rounds):,.0f}" if name in rounds[0] else "" for name in columns
        ]
        print(f"| {target} | {' | '.join(cells)} |")


def test_small_bodies(tmp_path: Path) -> None:
    with targets.json_provider(tmp_path) as provider:
        results = side_by_side(tmp_path, provider, small)
    show("2 KB bodies", results)
    assert all(one["errors"] == 0 for one in results["conduit-tui"])


def test_large_bodies(tmp_path: Path) -> None:
    with targets.json_provider(tmp_path) as provider:
        results = side_by_side(tmp_path, provider, large)
    show("200 KB bodies, 8 connections", results)
    assert all(one["errors"] == 0 for one in results["conduit-tui"])


@pytest.mark.parametrize(("count", "deltas", "gap_ms"), [(64, 100, 20), (500, 10, 500)])
def test_streams(tmp_path: Path, count: int, deltas: int, gap_ms: float) -> None:
    with targets.stream_provider(tmp_path, deltas, gap_ms) as provider:
        results = side_by_side(tmp_path, provider, lambda port: targets.streams(port, count))
    show(f"{count} streams, a delta every {gap_ms} ms", results)
    assert all(one["errors"] == 0 for one in results["conduit-tui"])


def test_every_request_has_its_row(tmp_path: Path) -> None:
    """Speed is not bought with lost rows: the provider's own count is the number of rows."""
    with targets.json_provider(tmp_path) as provider, targets.conduit(tmp_path, provider) as gateway:
        before = targets.provider_count(provider)
        targets.wrk(gateway.port, 16, 3, 2048)
        gateway.stop()
        served = targets.provider_count(provider) - before - 1
        assert len(gateway.rows()) == served > 0
