"""Error bodies that clients of each dialect understand as the provider's own."""

from typing import Any

import msgspec

from conduit_tui.domain.dialects import Dialect

_ANTHROPIC_TYPES = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}

# Type and code.
_OPENAI_TYPES: dict[int, tuple[str, str | None]] = {
    401: ("invalid_request_error", "invalid_api_key"),
    402: ("insufficient_quota", "insufficient_quota"),
    403: ("permission_error", None),
    429: ("rate_limit_error", "rate_limit_exceeded"),
}


def error_body(dialect: Dialect | None, status: int, message: str, *, request_id: str = "") -> bytes:
    """The JSON body of an error; without a dialect `{"error": {"message", "type"}}`.

    `status` says what went wrong. It may differ from the status line: in OpenAI's dialects a spent budget (402) is
    answered with 400, which clients do not try again.
    """
    body: dict[str, Any]
    if dialect is Dialect.ANTHROPIC or dialect is None:
        kind = _ANTHROPIC_TYPES.get(status, "api_error" if status >= 500 else "invalid_request_error")
        error = {"type": kind, "message": message}
        body = {"error": error} if dialect is None else {"type": "error", "error": error}
        if request_id:
            body["request_id"] = request_id
    else:
        fallback = ("server_error" if status >= 500 else "invalid_request_error", None)
        kind, code = _OPENAI_TYPES.get(status, fallback)
        body = {"error": {"message": message, "type": kind, "param": None, "code": code}}
    return msgspec.json.encode(body)


def error_event(dialect: Dialect, status: int, message: str) -> bytes:
    """An error as the last event of a stream, in the form that the dialect's clients raise it from.

    It begins with an empty line, which ends an event that was cut in the middle.
    """
    body = error_body(dialect, status, message)
    if dialect is Dialect.ANTHROPIC:
        return b"\n\nevent: error\ndata: " + body + b"\n\n"
    if dialect is Dialect.OPENAI_CHAT:
        return b"\n\ndata: " + body + b"\n\n"
    code = "server_error" if status >= 500 else "invalid_request_error"
    event = {"type": "error", "code": code, "message": message, "param": None, "sequence_number": 0}
    return b"\n\nevent: error\ndata: " + msgspec.json.encode(event) + b"\n\n"
