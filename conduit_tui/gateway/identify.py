"""Who sent a request: project, agent, session and class, from headers and body.

The header names of Claude Code, codex and opencode are those their releases of November 2026 send. Ours
(`x-conduit-*`) come first.
"""

import msgspec

from conduit_tui.domain.dialects import Dialect
from conduit_tui.domain.facts import Identity
from conduit_tui.domain.projects import DEFAULT_PROJECT
from conduit_tui.domain.runs import Run
from conduit_tui.gateway.codex_turn import codex_turn
from conduit_tui.gateway.http.messages import Request
from conduit_tui.observe.redact import redact_text
from conduit_tui.wire.requests import RequestPeek

LONGEST = 128  # characters kept of anything a client says about itself

_SESSION_HEADERS = (
    b"x-conduit-session",
    b"x-claude-code-session-id",
    b"session-id",
    b"session_id",
    b"x-session-affinity",
)
_AGENT_TYPE_HEADERS = (b"x-conduit-agent-type", b"x-claude-code-agent-type")


class _UserId(msgspec.Struct):
    session_id: str = ""


_decode_user_id = msgspec.json.Decoder(_UserId).decode


def project_name(request: Request, prefix: str, run: Run | None = None) -> str:
    """The project a request names: by path prefix, by header, by its run, else the default one."""
    named = prefix or _text(request.header(b"x-conduit-project"))
    return named or (run.project if run is not None else DEFAULT_PROJECT)


def identify(request: Request, peek: RequestPeek, dialect: Dialect, project: str, run: Run | None = None) -> Identity:
    """What the request says about its sender, and what is known of the run that it belongs to."""
    client = client_family(_text(request.header(b"user-agent")))
    agent = _text(request.header(b"x-claude-code-agent-id"))
    agent_type = _first(request, _AGENT_TYPE_HEADERS)
    request_class = _text(request.header(b"x-claude-code-request-class"))
    subagent = bool(agent) or "cc_is_subagent=true" in peek.billing_header
    if not request_class and client == "claude-cli":
        request_class = _claude_request_class(peek, subagent)
    elif client.startswith("codex"):
        turn = codex_turn(request)
        agent, request_class = redact_text(turn.agent[:LONGEST]), turn.request_class
        subagent = bool(agent)
    if not agent_type and run is not None:
        agent_type = run.agent_type
    if not agent_type:
        agent_type = "subagent" if subagent else "main" if request_class == "main" else ""
    session = _first(request, _SESSION_HEADERS) or _session_of(peek.metadata_user_id)
    if run is not None:
        session = run.session or session or run.id
    return Identity(dialect, project, agent, agent_type, session, request_class, client)


def client_family(user_agent: str) -> str:
    """The product of a user agent without its version: `claude-cli/2.1 (...)` is `claude-cli`."""
    product = user_agent.partition(" ")[0].lower()
    name, _, version = product.partition("/")
    return product if version[:1].isalpha() else name


def _claude_request_class(peek: RequestPeek, subagent: bool) -> str:
    """For sessions without the hint headers (they come with CLAUDE_CODE_GATEWAY_HINT_HEADERS=1)."""
    if subagent:
        return "subagent"
    if peek.tools == 0 and peek.json_schema_output and not peek.has_thinking:
        return "auxiliary"
    return "main"


def _session_of(user_id: str) -> str:
    if not user_id.startswith("{"):
        return ""
    try:
        return redact_text(_decode_user_id(user_id).session_id[:LONGEST])
    except msgspec.MsgspecError:
        return ""


def _first(request: Request, names: tuple[bytes, ...]) -> str:
    for name in names:
        value = request.header(name)
        if value:
            return _text(value)
    return ""


def _text(value: bytes | None) -> str:
    # Whoever puts a key into the wrong header shall not find it in the list of sessions.
    return redact_text(value.decode("utf-8", "replace")[:LONGEST]) if value else ""
