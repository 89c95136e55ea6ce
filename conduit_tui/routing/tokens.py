"""Token counts without a network: tiktoken with the o200k ranks that are part of this package."""

import base64
import gzip
import hashlib
import re
import threading
from collections.abc import Iterator
from importlib import resources
from typing import TYPE_CHECKING, Any

import msgspec

from conduit_tui.domain.dialects import Dialect
from conduit_tui.wire.members import BadBody, decode
from conduit_tui.wire.meter import estimate

if TYPE_CHECKING:
    import tiktoken

RANKS_FILE = "o200k_base.tiktoken.gz"
RANKS_SHA256 = "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d"

# How o200k_base cuts text before the ranks are applied; as in tiktoken.
_WORDS = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"\p{N}{1,3}",
    r" ?[^\s\p{L}\p{N}]+[\r\n/]*",
    r"\s*[\r\n]+",
    r"\s+(?!\S)",
    r"\s+",
)

PIECE_CHARACTERS = 20_000  # a run of one character takes more than linear time
MESSAGE_TOKENS = 4  # what the roles and borders of a message cost
IMAGE_TOKENS = 1600

_CLAUDE_VERSION = re.compile(r"(\d+)(?:[.-](\d{1,2})(?!\d))?")
_NEW_TOKENIZER = (4, 7)
_MEDIA = ("image", "image_url", "input_image", "document", "file", "input_file", "input_audio")
_TEXT_KEYS = (
    "text",
    "thinking",
    "reasoning_content",
    "content",
    "summary",
    "name",
    "arguments",
    "output",
    "refusal",
    "title",
    "context",
    "function",
    "tool_calls",
)

_json = msgspec.json.Decoder(Any)
_lock = threading.Lock()
_encoding: "tiktoken.Encoding | None" = None


def load() -> None:
    """Load the ranks: about 0.3 s and 77 MB. Done at the first count otherwise. Raises ValueError for damaged ranks."""
    _get_encoding()


def count(text: str) -> int:
    """The number of o200k tokens in `text`."""
    encoding = _get_encoding()
    return sum(len(encoding.encode_ordinary(piece)) for piece in _pieces(text))


def family_ratio(model: str) -> float:
    """How many tokens of its own this model needs for one of o200k, on a mixture of code and English.

    1.15 for Claude up to 4.6, 1.55 for Claude from 4.7 on, 1 for all others. Measured with a reconstruction of Claude's
    tokenizers, not at the API; between kinds of text it varies by a tenth.
    """
    _, claude, rest = model.lower().partition("claude")
    if not claude:
        return 1.0
    version = _CLAUDE_VERSION.search(rest)
    if version is not None and (int(version[1]), int(version[2] or 0)) < _NEW_TOKENIZER:
        return 1.15
    return 1.55


def estimate_request_tokens(body: bytes, dialect: Dialect, model: str) -> int:
    """About how many input tokens a request takes: system, tools and messages, by the model's family.

    Base64 data is left out; an image (or a PDF, whose pages are not counted) is 1600 tokens, what Anthropic's vision
    guide gives for the largest image that is not scaled down (width * height / 750). A body with a text that is no
    UTF-8 or a number out of range is judged by its length. Raises BadBody for what is no JSON object.
    """
    try:
        request = decode(_json, body)
    except (UnicodeDecodeError, msgspec.ValidationError):  # broken text or a number out of range, somewhere inside
        return estimate(len(body), 0).input_tokens
    if not isinstance(request, dict):
        raise BadBody("body must be a JSON object")
    if dialect is Dialect.OPENAI_RESPONSES:
        prompt, messages = request.get("instructions"), request.get("input")
    else:
        prompt, messages = request.get("system"), request.get("messages")

    tokens = MESSAGE_TOKENS * (len(messages) if isinstance(messages, list) else 1)
    images = 0
    for text in texts_of([prompt, messages]):
        if text is None:
            images += 1
        else:
            tokens += count(text)
    if request.get("tools"):
        tokens += count(_compact(request["tools"]))
    return round(tokens * family_ratio(model)) + IMAGE_TOKENS * images


def texts_of(value: Any) -> Iterator[str | None]:
    """Every text in messages and their blocks, None for each piece of media."""
    waiting = [value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, list):
            waiting += value
        elif isinstance(value, dict):
            source = value.get("source")
            if value.get("type") not in _MEDIA:
                waiting += [value[key] for key in _TEXT_KEYS if key in value]
                if "input" in value:  # a tool call's arguments
                    waiting.append(value["input"] if isinstance(value["input"], str) else _compact(value["input"]))
            elif isinstance(source, dict) and source.get("type") in ("text", "content"):
                waiting += [source.get("data"), source.get("content")]
            else:
                yield None


def _compact(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _pieces(text: str) -> Iterator[str]:
    """The text in pieces, cut at line ends where that is possible: there a token ends anyway."""
    start = 0
    while len(text) - start > PIECE_CHARACTERS:
        end = text.rfind("\n", start, start + PIECE_CHARACTERS) + 1 or start + PIECE_CHARACTERS
        yield text[start:end]
        start = end
    yield text[start:]


def _get_encoding() -> "tiktoken.Encoding":
    global _encoding
    if _encoding is None:
        with _lock:
            if _encoding is None:
                _encoding = _build_encoding()
    return _encoding


def _build_encoding() -> "tiktoken.Encoding":
    import tiktoken

    packed = resources.files("conduit_tui.routing").joinpath("data", RANKS_FILE).read_bytes()
    ranks = gzip.decompress(packed)
    if hashlib.sha256(ranks).hexdigest() != RANKS_SHA256:
        raise ValueError(f"{RANKS_FILE} is damaged: install the package again")
    pairs = (line.split() for line in ranks.splitlines())
    return tiktoken.Encoding(
        "o200k_base",
        pat_str="|".join(_WORDS),
        mergeable_ranks={base64.b64decode(token): int(rank) for token, rank in pairs},
        special_tokens={},
    )
