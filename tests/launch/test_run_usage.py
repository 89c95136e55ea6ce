"""What an agent says of its usage: booked where the gateway has it not, joined where it has, priced by our prices."""

import json
import subprocess
from typing import Any

from conduit_tui.domain.usage import UsageRow
from tests.launch.box import Box
from tests.waiting import eventually

DIRECT = ("run", "--no-gateway", "--")


def metadata(model: str, given: int, made: int, cost: object = 0.25, **data: Any) -> str:
    usage = {"inputTokens": given, "outputTokens": made, "cost": cost}
    decision = {"model": model, "source": "rule", "tokenCount": given}
    return json.dumps({"type": "conduit_metadata", "data": {"routingDecision": decision, "usage": usage, **data}})


def say(box: Box, *lines: str, name: str = "claude") -> None:
    box.stand_in("import sys\nfor line in " + repr(list(lines)) + ":\n    print(line, flush=True)\n", name)


def test_a_metadata_line_yields_a_row_and_an_event(idle: Box) -> None:
    lines = ["hello", metadata("claude-sonnet-5-5", 1_000_000, 100_000), "{broken", '{"type": "conduit_metadata"}']
    say(idle, *lines)
    done = idle.conduit(*DIRECT, "claude", "-p", "hi")
    assert (done.returncode, done.stdout) == (0, "".join(f"{line}\n" for line in lines))
    (row,) = idle.rows()
    assert (row.routed_model, row.input_tokens, row.output_tokens) == ("claude-sonnet-5-5", 1_000_000, 100_000)
    assert (row.flags, row.project, row.client, row.routing_source) == ("reported", "default", "claude", "rule")
    assert row.cost_nanodollars == 3_000_000_000  # $2 and $10 a million, not what the line says
    assert json.loads(row.metadata)["reported"]["cost"] == 0.25
    (event,) = idle.events("usage-tracked")
    assert event.startswith("claude of project default: claude-sonnet-5-5, 1,000,000 tokens in, 100,000 out")


def test_a_flood_of_lines_is_booked_and_does_not_flood_the_events(idle: Box) -> None:
    idle.stand_in(f"for _ in range(1000): print({metadata('claude-haiku-5-5', 10, 1)!r})\n")
    assert idle.conduit(*DIRECT, "claude").stderr == ""
    assert len(idle.rows()) == 1000
    assert len(idle.events("usage-tracked")) == 201
    assert idle.events("usage-tracked")[-1].endswith("800 more lines of usage")


def test_a_flood_that_was_booked_long_before_the_end_is_counted_in_the_events_too(idle: Box) -> None:
    told = idle.folder / "told"
    idle.stand_in(
        f"import os, time\nfor _ in range(300): print({metadata('claude-haiku-5-5', 10, 1)!r}, flush=True)\n"
        f"while not os.path.exists({str(told)!r}): time.sleep(0.02)\n"
    )
    process = idle.start(*DIRECT, "claude")
    try:
        eventually(lambda: len(idle.rows()) == 300 and len(idle.events("usage-tracked")) == 200)
    finally:
        told.touch()
        process.communicate(timeout=100)
    assert len(idle.rows()) == 300
    assert idle.events("usage-tracked")[-1].endswith("100 more lines of usage")


def test_the_result_of_a_direct_run_is_booked_by_model(idle: Box) -> None:
    def used(given: int, made: int, cost: float, **more: int) -> dict[str, Any]:
        return {"inputTokens": given, "outputTokens": made, "costUSD": cost, **more}

    first = {"claude-opus-5-5": used(100, 10, 9.0)}
    cached = {"cacheReadInputTokens": 5000, "cacheCreationInputTokens": 700, "cacheCreationEphemeral1hInputTokens": 200}
    last = {
        "claude-opus-5-5": used(300, 30, 99.0, **cached),
        "claude-haiku-5-5": used(50, 5, 0.1),
        "SmolLM2-135M": used(4000, 40, 0.000644),
        "unused": used(0, 0, 0.0),
    }
    results = [
        json.dumps({"session_id": "s1", "num_turns": 1, "modelUsage": models, "type": "result", "total_cost_usd": 99})
        for models in (first, last)
    ]
    say(idle, *results)
    idle.conduit(*DIRECT, "claude", "-p", "hi")
    rows = {row.routed_model: row for row in idle.rows()}
    assert set(rows) == {"claude-opus-5-5", "claude-haiku-5-5", "SmolLM2-135M"}
    opus = rows["claude-opus-5-5"]
    assert opus[UsageRow._fields.index("input_tokens") :][:5] == (6000, 30, 5000, 500, 200)
    assert (opus.session, opus.flags, opus.routing_source) == ("s1", "reported", "bypass")
    assert 0 < opus.cost_nanodollars < 20_000_000
    assert rows["SmolLM2-135M"].flags == "reported,unpriced"
    assert rows["SmolLM2-135M"].cost_nanodollars != 644_000


def test_a_session_that_is_taken_up_again_is_not_booked_twice(idle: Box) -> None:
    """Its result tells of the whole session, earlier runs included; so do lines of metadata beside it."""

    def result(given: int, session: str = "5e551011-aaaa-bbbb-cccc-123456789012") -> str:
        used = {"claude-haiku-5-5": {"inputTokens": given, "outputTokens": given // 10, "costUSD": 1.0}}
        return json.dumps({"type": "result", "session_id": session, "modelUsage": used})

    def booked(*lines: str, options: tuple[str, ...] = ()) -> list[tuple[int, int]]:
        before = len(idle.rows())
        say(idle, *lines)
        idle.conduit("run", "--no-gateway", *options, "--", "claude")
        return [(row.input_tokens, row.output_tokens) for row in idle.rows(before)]

    assert booked(result(1000)) == [(1000, 100)]
    assert booked(result(1500)) == [(500, 50)]
    assert booked(result(1500)) == []
    assert booked(result(1700), options=("--session", "mine")) == [(200, 20)]
    assert booked(result(1800), options=("--session", "mine")) == [(100, 10)]
    assert booked(result(300, "0ther000-aaaa-bbbb-cccc-123456789012"), options=("--session", "mine")) == [(300, 30)]
    assert booked(metadata("claude-haiku-5-5", 60, 6), result(100, "s3")) == [(60, 6), (40, 4)]


def test_a_result_in_a_list_and_without_an_end_of_line_is_found(idle: Box) -> None:
    result = {
        "type": "result",
        "session_id": "s",
        "modelUsage": {"claude-haiku-5-5": {"inputTokens": 9, "outputTokens": 1}},
    }
    idle.stand_in(f"import sys\nsys.stdout.write({json.dumps([{'type': 'system'}, result])!r})\n")
    idle.conduit(*DIRECT, "claude")
    assert [row.input_tokens for row in idle.rows()] == [9]


def test_absurd_accounts_change_nothing(idle: Box) -> None:
    nonsense = [
        metadata("m", -5, 1 << 70, float("inf")),
        metadata("m" * 5000, 0, 0),
        metadata("x", True, "9"),  # type: ignore[arg-type]
        json.dumps({"type": "result", "modelUsage": {"m": 7, "n": {"inputTokens": [1], "outputTokens": {}}}}),
        json.dumps({"type": "result", "modelUsage": []}),
        json.dumps({"type": "assistant", "message": {"id": 7, "usage": {"input_tokens": 5}}}),
        '{"type": "result", "modelUsage": ' + "[" * 100_000,
        '{"type": "conduit_metadata", "data": {"routingDecision": {"model": "\\ud800"}, "usage": {"cost": 1e308}}}',
    ]
    say(idle, *nonsense)
    done = idle.conduit(*DIRECT, "claude")
    assert (done.returncode, done.stderr) == (0, "")
    assert all(row.input_tokens == row.output_tokens == 0 for row in idle.rows())


def test_what_the_gateway_has_is_not_counted_again(box: Box) -> None:
    """By request id or by model and tokens for lines and messages, by run for a result."""
    for options in (["--metadata"], ["--result"], ["--messages", "--result"], ["--metadata", "--messages"]):
        before, events = len(box.rows()), len(box.events("usage-tracked"))
        done = box.conduit("run", "--", "claude", "--send", "2", *options)
        assert done.returncode == 0, done.stderr
        eventually(lambda: len(box.rows(before)) >= 2)  # noqa: B023
        assert [row.flags for row in box.rows(before)] == ["", ""], options
        said = box.events("usage-tracked")[events:]
        assert len(said) == (2 if "--metadata" in options else 0)
        assert all(event.endswith("the gateway has it") for event in said)


def test_what_the_gateway_has_not_is_booked_beside_it(box: Box) -> None:
    before = len(box.rows())
    more = metadata("claude-sonnet-5-5", 77, 7, requestId="req_elsewhere")
    box.stand_in(
        f"import os,sys\nprint({more!r}, flush=True)\nos.execv({str(box.bin / 'other')!r}, ['other', *sys.argv[1:]])\n"
    )
    box.sender("other")
    try:
        done = box.conduit("run", "--", "claude", "--send", "1", "--metadata")
    finally:
        box.sender()
    assert done.returncode == 0, done.stderr
    rows = eventually(lambda: len(box.rows(before)) >= 2 and box.rows(before))
    assert sorted(row.flags for row in rows) == ["", "reported"]


def test_a_run_whose_requests_went_elsewhere_is_booked_from_its_result(box: Box) -> None:
    before = len(box.rows())
    box.conduit("run", "--", "claude", "--result")
    (row,) = box.rows(before)
    assert (row.flags, row.input_tokens, row.output_tokens) == ("reported", 2200, 300)


def test_booked_usage_counts_for_the_budget(idle: Box) -> None:
    idle.do("budget", "set", "--daily", "2")
    say(idle, metadata("claude-sonnet-5-5", 1_000_000, 10_000))
    assert idle.conduit(*DIRECT, "claude").returncode == 0
    refused = idle.conduit(*DIRECT, "claude")
    assert refused.returncode == 75
    assert "Daily cost limit exceeded: $2.10 of $2.00 spent" in refused.stderr


def test_long_runs_are_booked_while_they_go_on(idle: Box) -> None:
    idle.stand_in(f"import time\nprint({metadata('claude-haiku-5-5', 10, 1)!r}, flush=True)\ntime.sleep(600)\n")
    process = idle.start(*DIRECT, "claude")
    try:
        assert process.stdout is not None
        process.stdout.readline()
        eventually(idle.rows)
        eventually(lambda: idle.events("usage-tracked"))
    finally:
        process.terminate()
        process.communicate(timeout=100)
    assert len(idle.rows()) == 1


def test_nothing_is_watched_on_a_terminal_or_kept_of_other_programs_words(idle: Box) -> None:
    say(idle, "[1, 2", '{"type": "result"}', '{"type": "assistant", "message": {}}', "x" * 100_000)
    done: subprocess.CompletedProcess[str] = idle.conduit(*DIRECT, "claude")
    assert done.returncode == 0
    assert idle.rows() == []
