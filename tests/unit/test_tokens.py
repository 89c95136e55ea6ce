import json
import random
import subprocess
import sys
import time

import pytest

from conduit_tui.domain.dialects import Dialect
from conduit_tui.routing import tokens
from conduit_tui.routing.tokens import count, estimate_request_tokens, family_ratio
from conduit_tui.wire.requests import BadBody


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", 0),
        ("hello world", 2),
        ("tiktoken is great!", 6),  # with cl100k too, from tiktoken's own documentation
        ("<|endoftext|>", 7),  # in a text it is no special token
        ("お誕生日おめでとう", 8),
        ("2 + 2 = 4", 7),
    ],
)
def test_known_counts(text: str, expected: int) -> None:
    assert count(text) == expected


def test_a_lone_surrogate_is_counted() -> None:
    assert count("cut \ud83d") > 0


def test_long_text_is_counted_in_pieces_without_a_difference() -> None:
    encoding = tokens._get_encoding()
    words = [
        "def f(x):\n",
        "    return x\n",
        "\n",
        "some prose, with commas. ",
        "ünïcödé ",
        "1234 ",
        "{'a': [1, 2]}\n",
        "  ",
    ]
    generator = random.Random(5)
    text = "".join(generator.choice(words) for _ in range(20_000))
    assert len(text) > 5 * tokens.PIECE_CHARACTERS
    assert count(text) == len(encoding.encode_ordinary(text))


@pytest.mark.parametrize("character", ["a", " ", "!", "\n", "中", "0"])
def test_long_runs_take_linear_time(character: str) -> None:
    def seconds(size: int) -> float:
        before = time.process_time()
        count(character * size)
        return time.process_time() - before

    count(character)
    small = min(seconds(100_000) for _ in range(3))
    assert seconds(800_000) < 8 * small * 3 + 0.1


@pytest.mark.parametrize(
    ("model", "ratio"),
    [
        ("claude-3-5-sonnet-20241022", 1.15),
        ("claude-sonnet-4-20250514", 1.15),
        ("claude-opus-4-6", 1.15),
        ("claude-opus-4-6-20260101", 1.15),
        ("us.anthropic.claude-sonnet-4-5-v1:0", 1.15),
        ("claude-2.1", 1.15),
        ("claude-opus-4-7", 1.55),
        ("claude-opus-4-8", 1.55),
        ("anthropic/claude-opus-4.7", 1.55),
        ("claude-sonnet-5", 1.55),
        ("claude-opus-5-5", 1.55),
        ("Claude-Fable-5-5", 1.55),
        ("claude-latest", 1.55),
        ("gpt-5.5", 1.0),
        ("llama-4", 1.0),
        ("", 1.0),
    ],
)
def test_family_ratio(model: str, ratio: float) -> None:
    assert family_ratio(model) == ratio


def estimate(body: object, dialect: Dialect = Dialect.ANTHROPIC, model: str = "gpt-5.5") -> int:
    return estimate_request_tokens(json.dumps(body).encode(), dialect, model)


def user(content: object) -> dict[str, object]:
    return {"messages": [{"role": "user", "content": content}]}


def test_system_tools_and_messages_count() -> None:
    tools_text = '[{"name":"Bash","input_schema":{"type":"object"}}]'
    body = {**user("hello world"), "system": [{"type": "text", "text": "Be brief."}], "tools": json.loads(tools_text)}
    assert estimate(body) == 4 + 2 + count("Be brief.") + count(tools_text)


def test_the_family_ratio_applies() -> None:
    body = user("word " * 1000)
    assert estimate(body, model="claude-opus-5-5") == round(estimate(body) * 1.55)
    assert estimate(body, model="claude-opus-4-6") == round(estimate(body) * 1.15)


def test_blocks_of_every_kind() -> None:
    blocks = [
        {"type": "text", "text": "one two"},
        {"type": "thinking", "thinking": "three four", "signature": "c2lnbmF0dXJl" * 1000},
        {"type": "tool_use", "id": "toolu_1", "name": "Bash", "input": {"command": "ls"}},
        {"type": "tool_result", "tool_use_id": "toolu_1", "content": [{"type": "text", "text": "five six"}]},
        {"type": "tool_result", "tool_use_id": "toolu_1", "content": "seven"},
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "eight nine"}},
    ]
    texts = ["one two", "three four", "Bash", '{"command":"ls"}', "five six", "seven", "eight nine"]
    assert estimate(user(blocks)) == 4 + sum(map(count, texts))


def test_base64_is_left_out_and_an_image_is_a_flat_figure() -> None:
    data = "iVBORw0KGgo" * 10_000
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}}
    for block in (image, {"type": "tool_result", "content": [image]}, {"type": "document", "source": image["source"]}):
        assert estimate(user([block])) == 4 + tokens.IMAGE_TOKENS
    chat = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + data}}
    assert estimate(user([chat]), Dialect.OPENAI_CHAT) == 4 + tokens.IMAGE_TOKENS


def test_chat_and_responses_requests() -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "ls", "arguments": '{"a":1}'}}
    chat = {
        "messages": [{"role": "user", "content": "one"}, {"role": "assistant", "content": None, "tool_calls": [call]}]
    }
    assert estimate(chat, Dialect.OPENAI_CHAT) == 8 + count("one") + count("ls") + count('{"a":1}')
    responses = {
        "instructions": "be brief",
        "input": [
            {"role": "user", "content": [{"type": "input_text", "text": "one"}]},
            {"type": "function_call", "name": "ls", "arguments": '{"a":1}', "call_id": "c"},
            {"type": "function_call_output", "call_id": "c", "output": "two"},
            {"type": "reasoning", "summary": [{"text": "three"}], "encrypted_content": "x" * 1000},
        ],
    }
    texts = ["be brief", "one", "ls", '{"a":1}', "two", "three"]
    assert estimate(responses, Dialect.OPENAI_RESPONSES) == 16 + sum(map(count, texts))
    assert estimate({"input": "hello world"}, Dialect.OPENAI_RESPONSES) == 4 + 2


@pytest.mark.parametrize("content", [None, 5, {}, [None, 5, [[["x"]]]], [{"type": ["odd"]}], [{"type": "image"}]])
def test_odd_contents_are_survived(content: object) -> None:
    assert estimate(user(content)) >= 4


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"a":' + b"[" * 100_000])
def test_unusable_bodies_are_refused(body: bytes) -> None:
    with pytest.raises(BadBody):
        estimate_request_tokens(body, Dialect.ANTHROPIC, "m")


@pytest.mark.parametrize("odd", [b'"\xff"', b"1e400", b"9" * 10_000])
def test_a_body_that_cannot_be_decoded_is_judged_by_its_length(odd: bytes) -> None:
    body = b'{"messages":[],"x":' + odd + b"}"
    assert estimate_request_tokens(body, Dialect.ANTHROPIC, "m") == -(-len(body) * 10 // 26)


def test_deep_nesting_is_survived() -> None:
    depth = 400
    body = b'{"messages":' + b'[{"content":' * depth + b'"x"' + b"}]" * depth + b"}"
    assert estimate_request_tokens(body, Dialect.ANTHROPIC, "m") == 4 + 1


def test_counts_without_a_network_and_loads_once_for_all_threads() -> None:
    script = """
import socket, sys, threading, time
def refuse(*_, **__): raise AssertionError("network")
socket.socket.connect = socket.getaddrinfo = refuse
from conduit_tui.routing import tokens
assert "tiktoken" not in sys.modules
built = []
build = tokens._build_encoding
tokens._build_encoding = lambda: (built.append(1), build())[1]
threads = [threading.Thread(target=tokens.load) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
assert tokens.count("hello world") == 2
assert len(built) == 1, built
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=100)
