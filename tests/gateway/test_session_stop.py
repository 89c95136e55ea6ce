"""A stopped session's further requests are refused in words that every client shows, and nobody tries again."""

import asyncio
import sqlite3
import threading
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest

from conduit_tui.control.plane import ControlError
from conduit_tui.control.remote import RemoteControl
from tests.gateway.conftest import Gateway
from tests.gateway.raw import ANTHROPIC_HEADERS, OPENAI_HEADERS, ask, chat, message, response
from tests.gateway.running import RunningGateway, fake_provider
from tests.waiting import eventually

WORDS = "Session stopped: it loops; resume it in conduit-tui or with `conduit-tui sessions resume s-1`"
S1 = {"x-conduit-session": "s-1"}


def stop(gateway: RunningGateway, session: str = "s-1", project: str = "default", reason: str = "it loops") -> None:
    asyncio.run(RemoteControl(gateway.state_dir).stop_session(project, session, reason))


def resume(gateway: RunningGateway, session: str = "s-1", project: str = "default") -> None:
    asyncio.run(RemoteControl(gateway.state_dir).resume_session(project, session))


def test_it_is_refused_in_each_dialect_and_only_it(gateway: Gateway) -> None:
    before = gateway.new_rows()
    stop(gateway)
    gateway.fake.reset()
    try:
        refused = ask(gateway.port, "POST", "/v1/messages", message(), {**ANTHROPIC_HEADERS, **S1})
        assert refused.status == 402
        assert refused.header("x-should-retry") == "false"
        assert refused.header("retry-after") is None
        assert refused.json == {"type": "error", "error": {"type": "billing_error", "message": WORDS}}
        refused = ask(gateway.port, "POST", "/v1/chat/completions", chat(), {**OPENAI_HEADERS, **S1})
        assert (refused.status, refused.json["error"]["message"]) == (400, WORDS)
        refused = ask(gateway.port, "POST", "/v1/responses", response(), {**OPENAI_HEADERS, **S1})
        assert (refused.status, refused.json["error"]["message"]) == (400, WORDS)
        assert gateway.fake.requests() == []
        for headers in ({"x-conduit-session": "s-2"}, {}, {**S1, "x-conduit-project": "docs"}):
            allowed = ask(gateway.port, "POST", "/v1/messages", message(), {**ANTHROPIC_HEADERS, **headers})
            assert allowed.status == 200
        counted = ask(
            gateway.port, "POST", "/v1/messages/count_tokens", message(), {**ANTHROPIC_HEADERS, **S1}
        )  # costs nothing
        assert counted.status == 200
    finally:
        resume(gateway)
    assert ask(gateway.port, "POST", "/v1/messages", message(), {**ANTHROPIC_HEADERS, **S1}).status == 200
    rows = [stored.row for stored in gateway.wait_rows(before + 7)[before:]]
    refusals = [row for row in rows if row.error_type == "session_stopped"]
    assert [row.status for row in refusals] == [402, 400, 400]
    assert [(row.session, row.cost_nanodollars, row.input_tokens) for row in refusals] == [("s-1", 0, 0)] * 3
    assert asyncio.run(RemoteControl(gateway.state_dir).budgets()) == []


def test_clients_do_not_try_again(gateway: Gateway) -> None:
    before = gateway.new_rows()
    stop(gateway)
    try:
        claude = anthropic.Anthropic(base_url=gateway.url, api_key="sk-ant-fake", default_headers=S1)
        with pytest.raises(anthropic.APIStatusError, match="it loops") as refused:
            claude.messages.create(max_tokens=9, model="claude-opus-5-5", messages=[{"role": "user", "content": "hi"}])
        assert refused.value.status_code == 402
        claude.close()
        client = openai.OpenAI(base_url=f"{gateway.url}/v1", api_key="sk-fake", default_headers=S1)
        with pytest.raises(openai.APIStatusError, match="it loops"):
            client.chat.completions.create(model="gpt-5.5", messages=[{"role": "user", "content": "hi"}])
        with pytest.raises(openai.APIStatusError, match="it loops"):
            client.responses.create(model="gpt-5.5", input="hi")
        client.close()
        assert gateway.new_rows() == before + 3
    finally:
        resume(gateway)


def test_what_is_under_way_ends_and_the_next_is_refused(gateway: Gateway) -> None:
    gateway.fake.script("slow", {"words": 20, "stall": {"after": 3, "seconds": 0.8}})
    headers = {**ANTHROPIC_HEADERS, **S1}
    answers: list[Any] = []

    def send() -> None:
        body = message("[[script:slow]]", stream=True)
        answers.append(ask(gateway.port, "POST", "/v1/messages", body, headers))

    thread = threading.Thread(target=send)
    thread.start()
    gateway.fake.wait_for(lambda requests: requests and requests[0].first_byte_at, script="slow")
    stop(gateway)
    try:
        assert ask(gateway.port, "POST", "/v1/messages", message(), headers).status == 402
        thread.join(60)
        assert answers[0].status == 200
        assert b"message_stop" in answers[0].body
    finally:
        resume(gateway)


def test_it_outlives_the_gateway_and_is_audited(gateway: Gateway, tmp_path: Path) -> None:
    other = RunningGateway(tmp_path / "other", [fake_provider(gateway.fake.url)])
    headers = {**ANTHROPIC_HEADERS, **S1}
    try:
        stop(other)
        other.process.kill()
        other.process.wait()
        other.again()
        assert ask(other.port, "POST", "/v1/messages", message(), headers).status == 402
        resume(other)
        assert ask(other.port, "POST", "/v1/messages", message(), headers).status == 200
        eventually(lambda: len(other.rows()) == 2)
        database = sqlite3.connect(f"file:{other.state_dir.database}?mode=ro", uri=True)
        audited = database.execute("SELECT action, subject, detail FROM audit_log ORDER BY id").fetchall()
        database.close()
        assert [(action, subject) for action, subject, _ in audited] == [
            ("session.stop", "s-1"), ("session.resume", "s-1"),
        ]  # fmt: skip
        assert "it loops" in audited[0][2]
    finally:
        other.close()


@pytest.mark.parametrize(
    ("project", "session", "reason", "field"),
    [
        ("default", "", "it loops", "session"),
        ("default", "s" * 129, "it loops", "session"),
        ("default", "s-1", " \n ", "reason"),
        ("default", "s-1", "x" * 201, "reason"),
        ("nobody", "s-1", "it loops", "project"),
    ],
)
def test_a_stop_that_cannot_be_meant_is_refused(
    gateway: Gateway, project: str, session: str, reason: str, field: str
) -> None:
    with pytest.raises(ControlError) as refused:
        stop(gateway, session, project, reason)
    assert refused.value.field == field


def test_only_a_stopped_session_is_resumed(gateway: Gateway) -> None:
    with pytest.raises(ControlError, match="is not stopped"):
        resume(gateway, "never")
