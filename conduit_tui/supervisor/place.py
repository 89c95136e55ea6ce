"""Where a supervisor works: what of the daemon it uses."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

from conduit_tui.control.reports import Report
from conduit_tui.paths import StateDir
from conduit_tui.supervisor.answerer import Answerer
from conduit_tui.supervisor.child import Carried, Child
from conduit_tui.supervisor.journal import Journal
from conduit_tui.supervisor.policy import Policy
from conduit_tui.supervisor.watching import Check


class Spawn(Protocol):
    """Starts gateways. Raises OSError.

    `living` are the older generations that still drain. One that `waits` gets ready beside the present gateway.
    """

    def __call__(
        self, generation: int, living: tuple[int, ...], on_report: Callable[[Report], None], *, waits: bool
    ) -> Child: ...


class Place(NamedTuple):
    """`memory_limit` gives bytes, 0 for none; `check` asks a gateway's /health once.

    `ending` is called when the daemon begins to end.
    """

    state_dir: StateDir
    url: str
    policy: Policy
    memory_limit: Callable[[], int]
    spawn: Spawn
    attend: Callable[[Carried, Callable[[Report], None]], Child]
    check: Check
    answerer: Answerer
    journal: Journal
    daemon_pid: int
    ending: Callable[[], None]
