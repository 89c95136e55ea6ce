"""The launched runs that the gateway knows: by their tokens, by their headers, by the prefix of their base URL."""

import time

from conduit_tui.control import run_lock
from conduit_tui.control.token import RUN_PREFIX, digest
from conduit_tui.domain.runs import Run
from conduit_tui.gateway.door import credentials
from conduit_tui.gateway.http.messages import Request
from conduit_tui.paths import StateDir
from conduit_tui.store.interface import Store

LOOK_SECONDS = 1.0  # how long a run that was there is believed to be there
_PREFIX = RUN_PREFIX.encode()


class ActiveRuns:
    """The runs that have begun and whose launchers live; a run whose launcher is gone is none, nor is its token."""

    def __init__(self, store: Store | None = None, state_dir: StateDir | None = None) -> None:
        self._store = store
        self._state_dir = state_dir
        self._by_id: dict[str, Run] = {}
        self._by_digest: dict[bytes, Run] = {}
        self._seen: dict[str, float] = {}

    async def reload(self) -> None:
        """Read them anew. Raises StoreError."""
        if self._store is None:
            return
        found = await self._store.active_runs()
        self._by_id = {active.run.id: active.run for active in found}
        self._by_digest = {active.token_digest: active.run for active in found if active.token_digest}
        self._seen = {id_: at for id_, at in self._seen.items() if id_ in self._by_id}

    def of_token(self, credential: bytes) -> Run | None:
        """The run that a credential is the token of."""
        if not credential.startswith(_PREFIX):
            return None
        run = self._by_digest.get(digest(credential.decode("latin-1")))
        return run if run is not None and self._lives(run.id) else None

    def is_token(self, credential: bytes) -> bool:
        """Whether a credential is the token of a run that goes on."""
        return self.of_token(credential) is not None

    def of_request(self, request: Request, prefix: str) -> Run | None:
        """The run that a request belongs to: by its path, else by its header, else by the token that it shows.

        What an agent starts may send neither path nor header, but has inherited the token.
        """
        if not self._by_id:
            return None
        name = prefix or (request.header(b"x-conduit-run") or b"").decode("latin-1")
        if name:
            run = self._by_id.get(name)
            return run if run is not None and self._lives(run.id) else None
        shown = (*request.headers_named(b"x-conduit-token"), *credentials(request))
        return next((run for one in shown if (run := self.of_token(one)) is not None), None)

    def _lives(self, run_id: str) -> bool:
        now = time.monotonic()
        if now - self._seen.get(run_id, -LOOK_SECONDS) < LOOK_SECONDS:
            return True
        if self._state_dir is None or not run_lock.is_alive(self._state_dir, run_id):
            return False
        self._seen[run_id] = now
        return True
