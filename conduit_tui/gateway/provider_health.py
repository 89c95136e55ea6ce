"""Which providers fail, by what came of the attempts sent to them. No provider is ever asked for its health."""

import time
from collections.abc import Callable

from conduit_tui.domain.usage import UsageRow
from conduit_tui.gateway.exchange import COST_LIMIT, SESSION_STOPPED

FAILURES = 5  # in a row
FORGET_SECONDS = 300.0  # after the last attempt: nobody knows any more
_OURS = frozenset({"key_missing", "drain", "client_gone", COST_LIMIT, SESSION_STOPPED})  # no word of the provider's


class ProviderHealth:
    """Counts failures in a row: a provider that cannot be reached or answers 500 and above.

    Refusals of its own making (401, 429 and the like) are no failure: the provider lives. `clock` is monotonic.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failing: dict[str, tuple[int, str, float]] = {}  # how often, how, when last

    def attempt(self, row: UsageRow) -> None:
        """An attempt is over."""
        if row.error_type in _OURS:
            return
        if row.error_type.startswith("upstream_"):
            how = row.error_type.removeprefix("upstream_")
        elif row.status >= 500:
            how = f"status {row.status}"
        else:
            self._failing.pop(row.provider, None)
            return
        times = self._failing.get(row.provider, (0, "", 0.0))[0] + 1
        self._failing[row.provider] = times, how, self._clock()

    @property
    def problem(self) -> str:
        """The providers that fail, in words; empty while none does."""
        now = self._clock()
        self._failing = {name: one for name, one in self._failing.items() if now - one[2] < FORGET_SECONDS}
        told = [
            f"provider {name} fails: {times} attempts in a row ({how})"
            for name, (times, how, _at) in sorted(self._failing.items())
            if times >= FAILURES
        ]
        return "; ".join(told)
