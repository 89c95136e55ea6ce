"""What an agent says of its own usage: metadata lines, and the messages and results of Claude Code."""

import math
import time
from collections.abc import Iterator
from threading import Lock
from typing import Any, NamedTuple

from conduit_tui.domain.runs import Reported

MOST_METADATA = 10_000  # lines of one run that are booked
MOST_MESSAGES = 10_000  # messages of one run that are remembered
MOST_MODELS = 64  # of one session
_LARGEST = 10**12
_NAME = 200  # characters of a model
_ID = 128


class Message(NamedTuple):
    """An answer as Claude Code's stream shows it. Its output count is that of the answer's beginning."""

    model: str
    session: str
    request_id: str
    usage: dict[str, int]


class Account:
    """Collects; `metadata` may be taken while more comes, the rest when the run is over."""

    def __init__(self) -> None:
        self.dropped = 0  # what was more than anybody can mean
        self._lock = Lock()
        self._number = 0
        self._metadata: list[Reported] = []
        self._taken = 0
        self._results: dict[str, dict[str, Any]] = {}
        self._messages: dict[str, Message] = {}

    def note(self, value: dict[str, Any]) -> None:
        """An object that the agent printed on a line of its own."""
        kind = value.get("type")
        if kind == "conduit_metadata" and isinstance(value.get("data"), dict):
            self._note_metadata(value["data"])
        elif kind == "result" and isinstance(value.get("modelUsage"), dict):
            session = _text(value.get("session_id"), _ID)
            if session in self._results or len(self._results) < MOST_MODELS:
                self._results[session] = value["modelUsage"]  # of the whole session, so the last one counts
        elif kind == "assistant" and isinstance(value.get("message"), dict):
            self._note_message(value, value["message"])

    def take_metadata(self) -> list[Reported]:
        """The metadata lines that came since the last call."""
        with self._lock:
            taken, self._metadata = self._metadata, []
            return taken

    @property
    def request_ids(self) -> frozenset[str]:
        """The ids by which the gateway knows the answers that were shown."""
        return frozenset(message.request_id for message in self._messages.values() if message.request_id)

    @property
    def has_results(self) -> bool:
        return bool(self._results)

    @property
    def said_anything(self) -> bool:
        """Whether there are messages or results."""
        return bool(self._results or self._messages)

    def results(self) -> list[Reported]:
        """The whole of each session, by model, as its last result says."""
        return list(self._of_results())

    def messages(self, unknown_to: frozenset[str] = frozenset()) -> list[Reported]:
        """The answers whose request ids are none of these: what is known where no result came."""
        return [
            self._report("messages", message.model, message.session, message.usage, request_id=message.request_id)
            for message in self._messages.values()
            if message.request_id not in unknown_to
        ]

    def _note_metadata(self, data: dict[str, Any]) -> None:
        routing, usage = data.get("routingDecision"), data.get("usage")
        routing = routing if isinstance(routing, dict) else {}
        usage = usage if isinstance(usage, dict) else {}
        if not usage:
            return
        with self._lock:
            if self._taken >= MOST_METADATA:
                self.dropped += 1
                return
            self._taken += 1
            counts = {
                "input_tokens": _count(usage.get("inputTokens")),
                "output_tokens": _count(usage.get("outputTokens")),
            }
            report = self._report(
                "conduit_metadata",
                _text(routing.get("model"), _NAME),
                _text(data.get("sessionId"), _ID),
                counts,
                request_id=_text(data.get("requestId"), _ID),
                cost=_dollars(usage.get("cost")),
                routing_source=_text(routing.get("source"), 32),
            )
            self._metadata.append(report)

    def _note_message(self, value: dict[str, Any], message: dict[str, Any]) -> None:
        usage = message.get("usage")
        name = _text(message.get("id"), _ID)
        if not isinstance(usage, dict) or not name:
            return
        if name not in self._messages and len(self._messages) >= MOST_MESSAGES:
            self.dropped += 1
            return
        written = usage.get("cache_creation")
        written = written if isinstance(written, dict) else {}
        an_hour = _count(written.get("ephemeral_1h_input_tokens"))
        cached = _count(usage.get("cache_creation_input_tokens"))
        self._messages[name] = Message(
            _text(message.get("model"), _NAME),
            _text(value.get("session_id"), _ID),
            _text(value.get("request_id"), _ID),
            _whole_prompt(
                _count(usage.get("input_tokens")),
                _count(usage.get("output_tokens")),
                _count(usage.get("cache_read_input_tokens")),
                max(0, cached - an_hour),
                an_hour,
            ),
        )

    def _of_results(self) -> Iterator[Reported]:
        for session, models in self._results.items():
            for model, usage in list(models.items())[:MOST_MODELS]:
                if not isinstance(usage, dict):
                    continue
                an_hour = _count(usage.get("cacheCreationEphemeral1hInputTokens"))
                counts = _whole_prompt(
                    _count(usage.get("inputTokens")),
                    _count(usage.get("outputTokens")),
                    _count(usage.get("cacheReadInputTokens")),
                    max(0, _count(usage.get("cacheCreationInputTokens")) - an_hour),
                    an_hour,
                )
                name = _text(usage.get("canonicalModel"), _NAME) or _text(model, _NAME)
                yield self._report("result", name, session, counts, cost=_dollars(usage.get("costUSD")))

    def _report(self, source: str, model: str, session: str, counts: dict[str, int], **more: Any) -> Reported:
        self._number += 1
        return Reported(
            number=self._number,
            source=source,
            model=model or "unknown",
            session=session,
            whole=source != "messages",
            at=int(time.time() * 1000),
            **counts,
            **more,
        )


def _whole_prompt(rest: int, output: int, read: int, written_5m: int, written_1h: int) -> dict[str, int]:
    """Token counts in our shape, where cache reads and writes are part of the input."""
    return {
        "input_tokens": rest + read + written_5m + written_1h,
        "output_tokens": output,
        "cache_read_tokens": read,
        "cache_write_5m_tokens": written_5m,
        "cache_write_1h_tokens": written_1h,
    }


def _count(value: Any) -> int:
    """A token count; 0 for what cannot be one."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return 0
    return int(value) if 0 <= value <= _LARGEST // 8 else 0


def _dollars(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value) if 0 <= value <= 1e6 else None


def _text(value: Any, longest: int) -> str:
    return value[:longest].encode("utf-8", "replace").decode() if isinstance(value, str) else ""
