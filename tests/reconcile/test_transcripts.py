"""Reading transcripts: what Claude Code wrote, and what anybody else might have put there."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from conduit_tui.reconcile.transcripts import projects_folder, read_transcripts

AT = "2026-11-24T10:44:04.086Z"
AT_MS = 1_795_517_044_086
USAGE = {"input_tokens": 10, "cache_read_input_tokens": 5, "cache_creation_input_tokens": 2, "output_tokens": 7}


def answer(message: str = "msg_1", session: str = "s-1", **changes: Any) -> bytes:
    usage = changes.pop("usage", USAGE)
    model = changes.pop("model", "claude-opus-5-5")
    line = {
        "type": "assistant",
        "sessionId": session,
        "timestamp": AT,
        "requestId": f"req_{message}",
        "message": {"id": message, "role": "assistant", "model": model, "content": [], "usage": usage},
    }
    return json.dumps(line | changes).encode()


def write(folder: Path, name: str, *lines: bytes, end: bytes = b"\n") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\n".join(lines) + end)
    return path


def test_the_last_entry_of_an_answer_counts(tmp_path: Path) -> None:
    first = answer(usage=USAGE | {"output_tokens": 1})
    write(tmp_path, "p/s-1.jsonl", first, b'{"type":"user"}', answer(), b"")
    found = read_transcripts(tmp_path)
    (one,) = found.answers.values()
    assert (one.session, one.message_id, one.request_id, one.at) == ("s-1", "msg_1", "req_msg_1", AT_MS)
    assert (one.usage.input_tokens, one.usage.output_tokens, one.usage.cache_read_tokens) == (17, 7, 5)
    assert (found.reading.files, found.reading.lines, found.reading.invalid) == (1, 3, 0)


def test_subagents_belong_to_their_session(tmp_path: Path) -> None:
    write(tmp_path, "p/s-1.jsonl", answer("msg_1"))
    write(tmp_path, "p/s-1/subagents/agent-a.jsonl", answer("msg_2", isSidechain=True, agentId="a"))
    found = read_transcripts(tmp_path)
    assert {one.session for one in found.answers.values()} == {"s-1"}
    assert len(found.answers) == 2


def test_a_fork_that_repeats_an_answer_does_not_count_it_twice(tmp_path: Path) -> None:
    write(tmp_path, "p/a.jsonl", answer("msg_1", "s-1"))
    write(tmp_path, "p/b.jsonl", answer("msg_1", "s-2"), answer("msg_2", "s-2"))
    found = read_transcripts(tmp_path)
    assert sorted((one.message_id, one.session) for one in found.answers.values()) == [
        ("msg_1", "s-1"), ("msg_2", "s-2"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("line", "invalid"),
    [
        (b"not json", 1),
        (b'{"type":"assistant","sessionId":7}', 1),
        (b'{"type":"user","message":{"usage":', 1),
        (b"\xff\xfe{}", 1),
        (b"[" * 100_000, 1),
        (answer(timestamp="yesterday"), 1),
        (answer(usage=None), 1),
        (answer(usage={"input_tokens": "many"}), 1),
        (answer(model="<synthetic>"), 0),
        (b'{"type":"summary","leafUuid":"x"}', 0),
        (b'{"type":{"a":1}}', 0),
        (b"", 0),
    ],
)
def test_what_is_no_answer_is_counted_or_passed_over(tmp_path: Path, line: bytes, invalid: int) -> None:
    write(tmp_path, "p/s-1.jsonl", answer("msg_1"), line, answer("msg_2"))
    found = read_transcripts(tmp_path)
    assert len(found.answers) == 2
    assert (found.reading.invalid, found.reading.unfinished) == (invalid, 0)


def test_a_torn_last_line_is_said_and_a_whole_one_without_its_end_counts(tmp_path: Path) -> None:
    write(tmp_path, "p/torn.jsonl", answer("msg_1"), answer("msg_2")[:-40], end=b"")
    write(tmp_path, "p/whole.jsonl", answer("msg_3"), end=b"")
    found = read_transcripts(tmp_path)
    assert {one.message_id for one in found.answers.values()} == {"msg_1", "msg_3"}
    assert (found.reading.unfinished, found.reading.invalid) == (1, 0)


def test_an_endless_line_is_left_out_and_the_next_one_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("conduit_tui.reconcile.transcripts.LONGEST_LINE", 3_000_000)
    write(tmp_path, "p/s-1.jsonl", answer("msg_1"), b"x" * 9_000_000, answer("msg_2"))
    found = read_transcripts(tmp_path)
    assert len(found.answers) == 2
    assert found.reading.too_long == 1


def test_lines_are_whole_wherever_the_file_is_read_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("conduit_tui.reconcile.transcripts._CHUNK", 7)
    write(tmp_path, "p/s-1.jsonl", *(answer(f"msg_{number}") for number in range(20)))
    assert len(read_transcripts(tmp_path).answers) == 20


def test_links_pipes_and_other_files_are_not_read(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    write(outside, "secret.jsonl", answer("msg_9"))
    inside = tmp_path / "projects"
    write(inside, "p/s-1.jsonl", answer("msg_1"))
    write(inside, "p/notes.txt", answer("msg_2"))
    (inside / "p" / "link.jsonl").symlink_to(outside / "secret.jsonl")
    (inside / "away").symlink_to(outside)
    (inside / "p" / "loop").symlink_to(inside)
    os.mkfifo(inside / "p" / "pipe.jsonl")
    found = read_transcripts(inside)
    assert {one.message_id for one in found.answers.values()} == {"msg_1"}
    assert found.reading.links == 3
    assert "not a regular file" in found.reading.unreadable[0]


def test_only_what_is_asked_for_is_taken(tmp_path: Path) -> None:
    old = write(tmp_path, "p/old.jsonl", answer("msg_1"))
    os.utime(old, (1, 1))
    write(tmp_path, "p/new.jsonl", answer("msg_2"), answer("msg_3", "t-1"))
    found = read_transcripts(tmp_path, since=AT_MS, session="s-")
    assert {one.message_id for one in found.answers.values()} == {"msg_2"}
    assert found.reading.files == 1
    assert not read_transcripts(tmp_path, since=AT_MS + 1).answers


def test_more_answers_than_are_taken_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("conduit_tui.reconcile.transcripts.MOST_MESSAGES", 3)
    write(tmp_path, "p/s-1.jsonl", *(answer(f"msg_{number}") for number in range(20)))
    found = read_transcripts(tmp_path)
    assert len(found.answers) == 3
    assert found.reading.cut


def test_nothing_is_changed(tmp_path: Path) -> None:
    path = write(tmp_path, "p/s-1.jsonl", answer())
    before = path.read_bytes(), path.stat().st_mtime_ns
    path.chmod(0o400)
    read_transcripts(tmp_path)
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before


def test_where_transcripts_are(tmp_path: Path) -> None:
    (tmp_path / "config" / "projects").mkdir(parents=True)
    home = {"HOME": str(tmp_path / "home")}
    (tmp_path / "home" / ".claude" / "projects").mkdir(parents=True)
    assert projects_folder(home) == tmp_path / "home" / ".claude" / "projects"
    configured = home | {"CLAUDE_CONFIG_DIR": str(tmp_path / "config")}
    assert projects_folder(configured) == tmp_path / "config" / "projects"
    assert projects_folder(configured, tmp_path / "home" / ".claude") == tmp_path / "home" / ".claude" / "projects"
    assert projects_folder(configured, tmp_path / "elsewhere") == tmp_path / "elsewhere"
