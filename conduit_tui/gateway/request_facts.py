"""The facts of a request, for the rules that ask for them, and what is kept of them for trying rules later."""

import hashlib
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from conduit_tui.domain.facts import Identity
from conduit_tui.domain.runs import Run
from conduit_tui.gateway.http.messages import Request
from conduit_tui.observe.redact import is_credential_name, mask
from conduit_tui.routing.counter import TokenCounter
from conduit_tui.routing.facts import Bounds, Facts, Value
from conduit_tui.wire.contents import Contents
from conduit_tui.wire.requests import RequestPeek

HASHED_CHARACTERS = 4096
LARGE_BODY = 262_144  # bytes from which reading a body's texts holds up the event loop


class RequestFacts:
    """What one request is, as `Facts`. The body is read no further than the rules ask."""

    def __init__(
        self,
        request: Request,
        peek: RequestPeek,
        contents: Contents,
        identity: Identity,
        counter: TokenCounter,
        run: Run | None = None,
    ) -> None:
        self._request = request
        self._peek = peek
        self.identity = identity
        self._counter = counter
        self._of_command_line = run.flags if run is not None else ()
        self.contents = contents
        self.budget_used: float | None = None  # percent; set before the rules are asked, where one of them asks

    @cached_property
    def facts(self) -> Facts:
        """Each found out when a condition asks for it, and once."""
        peek, identity, body = self._peek, self.identity, self._request.body
        now = datetime.now(UTC)
        return Facts(
            {
                "tokenCount": lambda: self._counter.count(body, identity.dialect, peek.model),
                "message": self.contents.message,
                "system": lambda: self.contents.system,
                "flags": self.flags,
                "agentType": identity.agent_type or None,
                "model": peek.model,
                "project": identity.project,
                "agent": identity.agent or None,
                "session": identity.session or None,
                "requestClass": identity.request_class or None,
                "dialect": identity.dialect.value,
                "maxTokens": peek.max_tokens or None,
                "toolCount": peek.tools,
                "messageCount": peek.messages,
                "hour": now.hour,
                "weekday": now.isoweekday(),
                "budgetUsed": self.budget_used,
            },
            families={"header": self._header, "metadata": self.contents.metadata},
            bounds={"tokenCount": lambda: Bounds(0, len(body))},  # a token is at least a byte
            slow={"tokenCount", "system"} if len(body) >= LARGE_BODY else {"tokenCount"},
        )

    def flags(self) -> tuple[str, ...]:
        """The request's switches that are on, and the flags that its run was launched with."""
        peek = self._peek
        switches = {
            "stream": peek.stream,
            "thinking": peek.has_thinking,
            "tools": peek.tools > 0,
            "images": self.contents.has_images,
            "json": peek.json_schema_output,
        }
        return (*(name for name, on in switches.items() if on), *self._of_command_line)

    def kept(self) -> dict[str, Any]:
        """The numbers, switches and hashes that a backtest needs; a token count only if it was counted."""
        kept: dict[str, Any] = {
            "bytes": len(self._request.body),
            "maxTokens": self._peek.max_tokens,
            "toolCount": self._peek.tools,
            "messageCount": self._peek.messages,
            "flags": self.flags(),
            "messageHash": _hash(self.contents.message),
        }
        if "facts" in self.__dict__ and "tokenCount" in self.facts:
            kept["tokenCount"] = self.facts["tokenCount"]
        return kept

    def _header(self, name: str) -> Value:
        value = self._request.header(name.encode("latin-1", "replace"))
        if value is None:
            return None
        text = value.decode("utf-8", "replace")
        return mask(text) if is_credential_name(name) else text


def _hash(message: str) -> str:
    """Tells messages apart by their length and their beginning; to read all of a long one takes too long."""
    text = f"{len(message)} {message[:HASHED_CHARACTERS]}"
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).hexdigest()
