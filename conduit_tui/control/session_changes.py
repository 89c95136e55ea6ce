"""What it means to stop a session and to let it go on."""

import time
from collections.abc import Awaitable, Callable
from typing import Any

from conduit_tui.control.plane import ControlError, ControlPlane
from conduit_tui.domain.sessions import StoppedSession
from conduit_tui.store.interface import Store

LONGEST_NAME = 128  # characters, as the gateway keeps them of what a client says
LONGEST_REASON = 200


class SessionChanges(ControlPlane):
    """The part of `LocalControl` that is about sessions."""

    _store: Store
    _changed: Callable[[str, str, dict[str, Any] | None], Awaitable[None]]

    async def stop_session(self, project: str, session: str, reason: str) -> StoppedSession:
        await self.project(project)
        if not session or len(session) > LONGEST_NAME:
            raise ControlError("bad-input", "name one session; requests without one cannot be stopped", "session")
        reason = " ".join(reason.split())
        if not reason:
            raise ControlError("bad-input", "say why: the client is told, and so is who looks later", "reason")
        if len(reason) > LONGEST_REASON:
            raise ControlError("bad-input", f"say it in {LONGEST_REASON} characters or fewer", "reason")
        stop = StoppedSession(project, session, reason, int(time.time() * 1000))
        await self._store.stop_session(stop)
        await self._changed("session.stop", session, {"project": project, "reason": reason})
        return stop

    async def resume_session(self, project: str, session: str) -> None:
        try:
            await self._store.resume_session(project, session)
        except KeyError:
            raise ControlError(
                "not-found", f"session {session!r} of project {project!r} is not stopped", "session"
            ) from None
        await self._changed("session.resume", session, {"project": project})
