"""What becomes of errors: a worker that fails is told of and the rest goes on, anything else ends the app."""

import logging
import traceback

from textual.app import App
from textual.worker import Worker, WorkerState

from conduit_tui.tui.clean import clean

log = logging.getLogger(__name__)


class Faults(App[int]):
    """What the app does when something fails. A mixin of `ConduitApp`."""

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        if event.state is WorkerState.ERROR and event.worker.error is not None:
            error = event.worker.error
            log.error("worker %s failed", event.worker.name, exc_info=error)
            self.notify(
                clean(f"{type(error).__name__}: {error}"),
                title=f"{event.worker.name.strip('_')} failed; the rest goes on",
                severity="error",
                markup=False,
            )

    def _fatal_error(self) -> None:
        # Textual's own report would print local variables.
        log.critical("the control centre ended on an error\n%s", traceback.format_exc())
        self._close_messages_no_wait()
