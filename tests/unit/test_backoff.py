"""When the daemon starts a gateway again: numbers of an hour, on a clock that the test moves."""

import random

import pytest

from conduit_tui.domain.processes import GatewayState
from conduit_tui.supervisor.backoff import Backoff
from conduit_tui.supervisor.policy import Policy

MIDDLE = 0.75


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def middle(low: float, high: float) -> float:
    return (low + high) / 2


def crash(backoff: Backoff, clock: Clock, lives: float, *, ready: bool = True) -> tuple[GatewayState, float]:
    """One life of a gateway, and the wait after it."""
    if ready:
        backoff.ready()
    clock.now += lives
    delay = backoff.ended()
    clock.now += delay.seconds
    return delay.state, delay.seconds


def test_six_quick_restarts_then_half_jittered_doubling_then_cooldowns() -> None:
    clock = Clock()
    backoff = Backoff(Policy(), clock, middle)
    waits = [crash(backoff, clock, 0.05) for _ in range(17)]
    assert waits[:6] == [(GatewayState.BACKOFF, 0.375)] * 6
    assert waits[6:11] == [(GatewayState.BACKOFF, MIDDLE * step) for step in (0.5, 1, 2, 4, 8)]
    assert waits[11:] == [(GatewayState.COOLDOWN, float(step)) for step in (60, 120, 240, 300, 300, 300)]


def test_delays_stay_within_their_bounds() -> None:
    clock, policy = Clock(), Policy(intensity_starts=1000)
    backoff = Backoff(policy, clock, random.Random(5).uniform)
    waits = [crash(backoff, clock, 20)[1] for _ in range(60)]
    assert all(0.25 <= wait <= 0.5 for wait in waits[:6])
    for step, wait in enumerate(waits[6:]):
        longest = min(30.0, 0.5 * 2**step)
        assert longest / 2 <= wait <= longest


@pytest.mark.parametrize(("lives", "most"), [(0.05, 31), (3.0, 31), (20.0, 101), (50.0, 66)])
@pytest.mark.parametrize("seed", range(20))
def test_starts_in_an_hour(lives: float, most: int, seed: int) -> None:
    clock = Clock()
    backoff = Backoff(Policy(), clock, random.Random(seed).uniform)
    starts, end = 1, clock.now + 3600
    while True:
        crash(backoff, clock, lives)
        if clock.now >= end:
            break
        starts += 1
    assert starts <= most


def test_a_steady_minute_gives_one_quick_restart_back_and_begins_anew() -> None:
    clock = Clock()
    backoff = Backoff(Policy(), clock, middle)
    for _ in range(9):
        crash(backoff, clock, 1)
    assert crash(backoff, clock, 59.9)[1] == MIDDLE * 4
    assert crash(backoff, clock, 60.0)[1] == 0.375
    assert crash(backoff, clock, 1)[1] == MIDDLE * 0.5
    assert crash(backoff, clock, 3600)[1] == 0.375
    assert [crash(backoff, clock, 1)[1] for _ in range(6)] == [0.375] * 5 + [MIDDLE * 0.5]


def test_only_ready_counts_as_steady() -> None:
    clock = Clock()
    backoff = Backoff(Policy(), clock, middle)
    for _ in range(6):
        crash(backoff, clock, 1)
    assert crash(backoff, clock, 600, ready=False) == (GatewayState.BACKOFF, MIDDLE * 0.5)


def test_a_steady_minute_ends_the_cooldowns() -> None:
    clock = Clock()
    backoff = Backoff(Policy(), clock, middle)
    for _ in range(13):
        crash(backoff, clock, 0.05)
    assert crash(backoff, clock, 30) == (GatewayState.COOLDOWN, 240.0)
    assert crash(backoff, clock, 61) == (GatewayState.BACKOFF, 0.375)
    assert crash(backoff, clock, 0.05) == (GatewayState.BACKOFF, MIDDLE * 0.5)


def test_a_persons_start_forgets_the_past() -> None:
    clock = Clock()
    backoff = Backoff(Policy(), clock, middle)
    for _ in range(15):
        crash(backoff, clock, 0.05)
    backoff.reset()
    assert crash(backoff, clock, 0.05) == (GatewayState.BACKOFF, 0.375)
