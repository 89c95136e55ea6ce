"""Token counts of requests, where a conversation is never counted twice: each message's count is kept."""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Iterator

import msgspec

from conduit_tui.domain.dialects import Dialect
from conduit_tui.routing.tokens import IMAGE_TOKENS, MESSAGE_TOKENS, count, family_ratio, texts_of
from conduit_tui.wire.contents import value_of

KEPT_COUNTS = 65_536  # messages; about 10 MB
_NOTHING = msgspec.Raw()


class _Anthropic(msgspec.Struct):
    system: msgspec.Raw = _NOTHING
    messages: msgspec.Raw = _NOTHING
    tools: msgspec.Raw = _NOTHING


class _Responses(msgspec.Struct):
    instructions: msgspec.Raw = _NOTHING
    input: msgspec.Raw = _NOTHING
    tools: msgspec.Raw = _NOTHING


_decode_messages = msgspec.json.Decoder(_Anthropic).decode
_decode_responses = msgspec.json.Decoder(_Responses).decode
_decode_list = msgspec.json.Decoder(list[msgspec.Raw]).decode


class TokenCounter:
    """Counts system, tools and messages; base64 data is left out, a picture is a flat figure.

    A count is for one block of a request as it came, by its digest: the next request of a conversation brings the same
    blocks and one or two more. Safe to use from several threads.
    """

    def __init__(self, kept: int = KEPT_COUNTS) -> None:
        self._kept = kept
        self._counts: OrderedDict[bytes, tuple[int, int]] = OrderedDict()
        self._lock = threading.Lock()

    def count(self, body: bytes, dialect: Dialect, model: str) -> int:
        """The fact `tokenCount`: count x family ratio, at most one token a byte. 0 for what is no request."""
        tokens = images = 0
        for part in _parts(body, dialect):
            part_tokens, part_images = self._count_part(part)
            tokens += part_tokens
            images += part_images
        return min(len(body), round(tokens * family_ratio(model)) + IMAGE_TOKENS * images)

    def _count_part(self, part: memoryview) -> tuple[int, int]:
        key = hashlib.blake2b(part, digest_size=16).digest()
        with self._lock:
            found = self._counts.get(key)
            if found is not None:
                self._counts.move_to_end(key)
                return found
        tokens, images = MESSAGE_TOKENS, 0
        for text in texts_of(value_of(bytes(part))):
            if text is None:
                images += 1
            else:
                tokens += count(text)
        with self._lock:
            self._counts[key] = (tokens, images)
            if len(self._counts) > self._kept:
                self._counts.popitem(last=False)
        return tokens, images


def _parts(body: bytes, dialect: Dialect) -> Iterator[memoryview]:
    """The blocks of a body that are counted one by one."""
    try:
        if dialect is Dialect.OPENAI_RESPONSES:
            responses = _decode_responses(body)
            members = (responses.instructions, responses.input, responses.tools)
        else:
            request = _decode_messages(body)
            members = (request.system, request.messages, request.tools)
        for member in members:
            view = memoryview(member)
            if view.nbytes and bytes(view[:1]) == b"[":
                yield from (memoryview(part) for part in _decode_list(member))
            elif view.nbytes:
                yield view
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return
