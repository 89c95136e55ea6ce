"""The state machine of the gateway process."""

import itertools

import pytest

from conduit_tui.domain.processes import GatewayState as S
from conduit_tui.supervisor.health import Health
from conduit_tui.supervisor.policy import Policy
from conduit_tui.supervisor.states import TRANSITIONS, IllegalTransition, Machine


class Ticks:
    def __init__(self) -> None:
        self.now = 0

    def __call__(self) -> int:
        self.now += 1
        return self.now


def test_the_whole_road() -> None:
    machine = Machine(Ticks())
    for state in (S.STARTING, S.READY, S.DEGRADED, S.READY, S.DRAINING, S.STOPPING, S.STOPPED):
        before = machine.since
        machine.to(state, f"to {state}")
        assert (machine.state, machine.reason) == (state, f"to {state}")
        assert machine.since > before


@pytest.mark.parametrize("pair", itertools.product(S, S), ids=str)
def test_every_transition_that_is_not_in_the_table_is_refused(pair: tuple[S, S]) -> None:
    origin, target = pair
    machine = Machine(Ticks())
    machine.state = origin
    if target in TRANSITIONS[origin]:
        machine.to(target, "allowed")
        assert machine.state is target
    else:
        with pytest.raises(IllegalTransition):
            machine.to(target, "not allowed")
        assert machine.state is origin


def test_every_state_can_be_reached_and_left() -> None:
    reached, fresh = {S.STOPPED}, {S.STOPPED}
    while fresh:
        fresh = {target for state in fresh for target in TRANSITIONS[state]} - reached
        reached |= fresh
    assert reached == set(S)
    assert all(TRANSITIONS[state] for state in S)


def test_nothing_but_a_ready_gateway_ever_serves() -> None:
    assert [state for state in S if S.READY in TRANSITIONS[state]] == [S.STARTING, S.DEGRADED]


def test_three_failures_down_two_successes_up() -> None:
    health = Health(Policy())
    told = [health.observe(ok) for ok in (False, False, True, False, False, False, True, False, True, True)]
    assert told == [False] * 5 + [True] + [False] * 3 + [True]
    assert health.up


def test_checks_come_quickly_until_all_is_well() -> None:
    health = Health(Policy())
    intervals = [health.interval]
    for ok in (True, True, False, True, True):
        health.observe(ok)
        intervals.append(health.interval)
    assert intervals == [1.0, 1.0, 5.0, 1.0, 1.0, 5.0]
