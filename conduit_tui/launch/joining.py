"""An agent's account against the gateway's rows: what both know is joined, so that nothing is counted twice."""

from collections.abc import Sequence

from conduit_tui.domain.runs import Reported, RunUsage
from conduit_tui.domain.usage import Usage
from conduit_tui.launch.account import Account

_SYNTHETIC = "<synthetic>"  # Claude Code's name for answers that no model gave


class Joining:
    """The rows that the gateway has written for a run, each to be claimed by one report at most."""

    def __init__(self) -> None:
        self._unclaimed: dict[int, RunUsage] = {}
        self.known_ids: set[str] = set()  # by which the gateway knows an answer of the run
        self._has_rows = False

    def add(self, rows: Sequence[RunUsage]) -> None:
        """More rows, in their order."""
        for row in rows:
            self._has_rows = True
            self._unclaimed[row.id] = row
            self.known_ids |= row.ids

    def claim(self, report: Reported) -> bool:
        """Whether the gateway has this usage: by its request id, else by model and tokens."""
        for row in self._unclaimed.values():
            if report.request_id in row.ids if report.request_id else _alike(report, row):
                del self._unclaimed[row.id]
                return True
        return False

    def missing(self, account: Account) -> list[Reported]:
        """What the messages and results of an agent say that the gateway has no row of."""
        known, shown = self.known_ids, account.request_ids
        if not self._has_rows or (shown and not shown & known):
            return worth_booking(account.results() if account.has_results else account.messages())
        return worth_booking(account.messages(unknown_to=frozenset(known))) if shown - known else []

    def waits_for(self, account: Account) -> bool:
        """Whether rows may still be on their way to the database."""
        shown = account.request_ids
        return bool(shown - self.known_ids) or (not shown and account.has_results and not self._has_rows)


def worth_booking(reports: Sequence[Reported]) -> list[Reported]:
    """The reports that say something was used."""
    return [
        report
        for report in reports
        if report.model != _SYNTHETIC and (report.usage != Usage() or (report.cost or 0) > 0)
    ]


def _alike(report: Reported, row: RunUsage) -> bool:
    usage = row.usage
    uncached = usage.input_tokens - usage.cache_read_tokens - usage.cache_write_5m_tokens - usage.cache_write_1h_tokens
    return (
        report.model in (row.model, row.requested_model)
        and report.output_tokens == usage.output_tokens
        and report.input_tokens in (usage.input_tokens, uncached)
    )
