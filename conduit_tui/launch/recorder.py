"""Books what an agent says of its usage and the gateway has not: now and then while it runs, the rest at its end."""

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from conduit_tui.control.plane import ControlError, ControlPlane
from conduit_tui.domain.runs import Reported, Run
from conduit_tui.domain.usage import Usage
from conduit_tui.launch.account import Account
from conduit_tui.launch.joining import Joining, worth_booking
from conduit_tui.store.interface import Reader, StoreError

TICK_SECONDS = 1.0
MOST_NOTES = 200  # events of one run; a flood of them would hide all others
SETTLING_SECONDS = 2.0  # in which the gateway has written the row of an answer that was shown
_BATCH = 200
_POLL_SECONDS = 0.05
_MOST_ROWS = 1_000  # of one look

Control = Callable[[], AbstractAsyncContextManager[ControlPlane]]
Reading = Callable[[], AbstractAsyncContextManager[Reader | None]]


class Recorder:
    """The books of one run. `first_id` is the newest usage row before it; `problem` is why something is not booked."""

    def __init__(self, run: Run, account: Account, control: Control, reading: Reading, first_id: int) -> None:
        self.problem = ""
        self._run = run
        self._account = account
        self._control = control
        self._reading = reading
        self._seen_id = first_id  # up to which usage row was looked
        self._joining = Joining()
        self._waiting: list[tuple[Reported, float]] = []
        self._missing: list[Reported] = []  # to be booked
        self._notes: list[str] = []  # to be noted
        self._noted = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work, name="recorder", daemon=True)

    def start(self) -> None:
        """Begin to book metadata lines as they come."""
        self._thread.start()

    def finish(self) -> None:
        """Book all the rest; to be called once, when no more will be said."""
        self._over.set()
        if self._thread.ident is not None:
            self._thread.join()
        self._guarded(last=True)

    def _work(self) -> None:
        while not self._over.wait(TICK_SECONDS):
            self._guarded(last=False)

    def _guarded(self, *, last: bool) -> None:
        now = time.monotonic()
        self._waiting += [(report, now) for report in self._account.take_metadata()]
        to_end = last and (self._account.said_anything or self._noted > MOST_NOTES)
        if not (self._waiting or self._missing or self._notes or to_end):
            return
        self.problem = ""
        try:
            asyncio.run(self._book(last=last))
        except (ControlError, StoreError, OSError) as error:
            self.problem = str(error)

    async def _book(self, *, last: bool) -> None:
        await self._look()
        self._sort(last=False)
        deadline = time.monotonic() + SETTLING_SECONDS
        while last and self._may_still_come() and time.monotonic() < deadline:
            await asyncio.sleep(_POLL_SECONDS)
            await self._look()
            self._sort(last=False)
        if last:
            self._sort(last=True)
            if self._noted > MOST_NOTES:
                more = self._noted - MOST_NOTES
                self._notes.append(f"{self._run.agent} of project {self._run.project}: {more:,} more lines of usage")
            await self._write()  # so that what metadata told is in the books before a result is compared with them
            self._missing += await self._beyond_what_is_booked(self._joining.missing(self._account))
        await self._write()

    def _sort(self, *, last: bool) -> None:
        """Of the waiting metadata, tell what the gateway has from what it has not and will not have any more."""
        waiting = []
        now = time.monotonic()
        for report, since in self._waiting:
            if self._joining.claim(report):
                self._note(report, "the gateway has it")
            elif last or self._run.direct or now - since > SETTLING_SECONDS:
                self._note(report, "booked from the agent's account")
                self._missing += worth_booking([report])
            else:
                waiting.append((report, since))
        self._waiting = waiting

    async def _beyond_what_is_booked(self, reports: list[Reported]) -> list[Reported]:
        """A result tells of its whole session; what earlier runs of that session used is in the books already."""
        async with self._reading() as reader:
            if reader is None:
                return reports
            known = {
                session: await reader.booked(self._run.id, session, self._run.session)
                for session in {report.session for report in reports if report.source == "result"}
            }
        return worth_booking(
            [report.beyond(known.get(report.session, {}).get(report.model, Usage())) for report in reports]
        )

    def _may_still_come(self) -> bool:
        return not self._run.direct and (bool(self._waiting) or self._joining.waits_for(self._account))

    async def _look(self) -> None:
        """Read the rows that the gateway has written meanwhile."""
        if self._run.direct:
            return
        async with self._reading() as reader:
            while reader is not None:
                newest = await reader.last_usage_id()
                rows = await reader.run_usage(self._run.id, self._seen_id, _MOST_ROWS)
                self._joining.add(rows)
                if len(rows) < _MOST_ROWS:
                    self._seen_id = max(newest, rows[-1].id if rows else 0)
                    return
                self._seen_id = rows[-1].id

    async def _write(self) -> None:
        if not self._missing and not self._notes:
            return
        async with self._control() as control:
            while self._missing:
                await control.report_usage(self._run.id, self._missing[:_BATCH])
                del self._missing[:_BATCH]
            while self._notes:
                await control.note_usage(self._run.id, self._notes[:_BATCH])
                del self._notes[:_BATCH]

    def _note(self, report: Reported, what: str) -> None:
        self._noted += 1
        if self._noted <= MOST_NOTES:
            self._notes.append(
                f"{self._run.agent} of project {self._run.project}: {report.model}, {report.input_tokens:,} tokens in, "
                f"{report.output_tokens:,} out; {what}"
            )
