"""Asks for the reason for which a session is stopped."""

from __future__ import annotations

from collections.abc import Iterable

from conduit_tui.tui.clean import clean
from conduit_tui.tui.screens.form import Form, Problems
from conduit_tui.tui.views import names
from conduit_tui.tui.widgets.fields import FieldRow, TextInput

LONGEST_REASON = 200


class StopForm(Form):
    """Stops a session with a reason."""

    TAB = "requests"
    SAVES = "stop it"
    HELP_TEXT = "The reason is what the client shows, and what stands in the list and in the audit log."

    def __init__(self, project: str, session: str) -> None:
        super().__init__(
            f"stop session {clean(names.session(session))} of {clean(project)}",
            (
                "What is under way ends. Further requests are refused, and the client shows:",
                "",
                "  Session stopped: your reason; resume it in conduit-tui or with",
                f"  `conduit-tui sessions resume {clean(names.session(session))}`",
                "",
                "No client tries again by itself. The stop lasts until you take it back, also",
                "when the gateway is restarted.",
            ),
        )
        self._project = project
        self._session = session

    def rows(self) -> Iterable[FieldRow]:
        yield FieldRow("reason", TextInput("", widget_id="reason"))

    def check(self) -> Problems:
        reason = self.value("reason").strip()
        if len(reason) > LONGEST_REASON:
            return {"reason": f"at most {LONGEST_REASON} characters"}
        return {} if reason else {"reason": "say why"}

    async def submit(self) -> None:
        async with self.conduit.sources.open_control() as control:
            await control.stop_session(self._project, self._session, self.value("reason"))
