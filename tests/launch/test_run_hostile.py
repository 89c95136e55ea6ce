"""V10: agents that hang, flood, die, print escapes, or leave others behind."""

import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.launch.box import Box, marked
from tests.waiting import eventually

pytestmark = pytest.mark.fault

DEAF = "import signal, time\nfor n in (1, 2, 3, 15): signal.signal(n, signal.SIG_IGN)\n"
HANGS = f"""{DEAF}
import subprocess, sys
subprocess.Popen([sys.executable, "-c", {DEAF!r} + "time.sleep(600)"], start_new_session=True)
print("begun", flush=True)
time.sleep(600)
"""
SETSID = """
import subprocess, sys, time
for alone in (True, False):
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=alone)
print("begun", flush=True)
time.sleep(0.5)
"""


def direct(box: Box, *command: str) -> "subprocess.Popen[bytes]":
    return box.start("run", "--no-gateway", "--", *command)


def first_line(process: "subprocess.Popen[bytes]") -> bytes:
    assert process.stdout is not None
    return process.stdout.readline()


def finish(process: "subprocess.Popen[bytes]", seconds: float = 30) -> tuple[bytes, bytes]:
    return process.communicate(timeout=seconds)


def test_one_that_hangs_is_killed_after_its_time(idle: Box) -> None:
    """With what it started, deaf as well and in a session of its own."""
    idle.stand_in(HANGS)
    process = direct(idle, "claude")
    assert first_line(process) == b"begun\n"
    run_id = idle.runs()[-1]["id"]
    assert len(marked(run_id)) == 2
    process.terminate()
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(5)
    finish(process)
    assert process.returncode == 137
    assert not marked(run_id)
    assert idle.runs()[-1]["exit_code"] == 137


def test_nothing_that_it_started_outlives_it(idle: Box) -> None:
    """Not even in a session of its own."""
    idle.stand_in(SETSID)
    process = direct(idle, "claude")
    first_line(process)
    run_id = idle.runs()[-1]["id"]
    eventually(lambda: len(marked(run_id)) == 3)
    finish(process)
    assert process.returncode == 0
    assert not marked(run_id)


def test_its_launcher_killed_takes_it_along(idle: Box) -> None:
    idle.stand_in("import time\nprint('begun', flush=True)\ntime.sleep(600)\n")
    process = direct(idle, "claude")
    first_line(process)
    run_id = idle.runs()[-1]["id"]
    process.kill()
    finish(process)
    eventually(lambda: not marked(run_id))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1, signal.SIGHUP, signal.SIGTERM])
def test_signals_are_passed_on(idle: Box, number: signal.Signals) -> None:
    idle.stand_in(
        "import os, signal, time\n"
        f"signal.signal({int(number)}, lambda *_: (os.write(1, b'heard\\n'), os._exit(5)))\n"
        "print('begun', flush=True)\ntime.sleep(600)\n"
    )
    process = direct(idle, "claude")
    first_line(process)
    process.send_signal(number)
    said, _ = finish(process)
    assert (said, process.returncode) == (b"heard\n", 5)


@pytest.mark.parametrize("size", [100_000_000, pytest.param(1_000_000_000, marks=pytest.mark.slow)])
def test_a_flood_passes_unchanged_in_little_memory(idle: Box, size: int) -> None:
    """Read as slowly as the digest takes: every byte as it was, and the launcher stays small."""
    idle.stand_in(
        "import os\n"
        'block = (b\'{"type": "result" no end of this line \' * 30000 + bytes(range(256)) * 400 + b\'\\n{"x":\' )\n'
        f"left = {size}\n"
        "while left:\n"
        "    left -= os.write(1, block[:left])\n"
    )
    process = direct(idle, "claude")
    assert process.stdout is not None
    digest, seen, most = hashlib.blake2b(), 0, 0
    watched = psutil.Process(process.pid)
    while chunk := os.read(process.stdout.fileno(), 1 << 20):
        digest.update(chunk)
        seen += len(chunk)
        if seen % (16 << 20) < len(chunk):
            most = max(most, watched.memory_info().rss)
    finish(process)
    block = b'{"type": "result" no end of this line ' * 30000 + bytes(range(256)) * 400 + b'\n{"x":'
    expected = hashlib.blake2b()
    for start in range(0, size, len(block)):
        expected.update(block[: size - start])
    assert (process.returncode, seen, digest.digest()) == (0, size, expected.digest())
    assert 0 < most < 120 << 20


def test_what_it_prints_comes_at_once(idle: Box) -> None:
    idle.stand_in(
        "import sys, time\nsys.stdout.write('no end of line'); sys.stdout.flush()\nsys.stdin.read()\ntime.sleep(60)\n"
    )
    process = direct(idle, "claude")
    assert process.stdout is not None
    assert os.read(process.stdout.fileno(), 100) == b"no end of line"
    process.terminate()
    finish(process)


def test_a_reader_that_leaves_is_noticed_by_the_agent(idle: Box) -> None:
    idle.stand_in('#!/bin/sh\nexec yes \'{"type": "result", "modelUsage": {}}\'\n')
    process = direct(idle, "claude")
    assert process.stdout is not None
    process.stdout.read(1000)
    process.stdout.close()
    assert process.wait(60) == 128 + signal.SIGPIPE
    assert process.stderr is not None
    process.stderr.close()


def test_escapes_pass_to_a_pipe_and_never_into_our_own_words(idle: Box) -> None:
    nasty = "\x1b]0;title\x07\x1b[2J\x1b[31m\u202e\x9b5n"
    idle.stand_in(f"import sys\nsys.stdout.buffer.write({nasty!r}.encode())\n")
    process = direct(idle, "claude")
    said, talk = finish(process)
    assert said == nasty.encode()
    assert b"\x1b" not in talk
    named = idle.conduit("run", "--no-gateway", "--", f"no{nasty}such")
    assert named.returncode == 127
    assert "\x1b" not in named.stderr
    assert "\x9b" not in named.stderr
    shown = idle.conduit("run", "--dry-run", "--", "claude", nasty)
    assert "\x1b" not in shown.stdout


@pytest.mark.parametrize(("end", "code"), [("sys.exit(143)", 143), ("os.kill(os.getpid(), 9)", 137)])
def test_the_end_of_one_that_dies_is_written_down(idle: Box, end: str, code: int) -> None:
    line = '{"type": "assistant", "session_id": "s", "message": {"id": "m1", "model": "claude-sonnet-5-5", '
    line += '"usage": {"input_tokens": 700, "output_tokens": 1, "cache_read_input_tokens": 300}}}'
    idle.stand_in(f"import os, sys\nprint({line!r}, flush=True)\n{end}\n")
    process = direct(idle, "claude")
    finish(process)
    assert process.returncode == code
    (row,) = idle.rows()
    assert (row.input_tokens, row.cache_read_tokens, row.session) == (1000, 300, "s")
    assert set(row.flags.split(",")) == {"reported", "estimated", "aborted"}
    assert row.cost_nanodollars > 0
    assert idle.runs()[-1]["exit_code"] == code


def test_a_daemon_that_an_agent_starts_is_not_its_own(idle: Box) -> None:
    idle.stand_in(f"#!/bin/sh\nexec {sys.executable} -m conduit_tui --state-dir {idle.state_dir.root} up --port 0\n")
    try:
        process = direct(idle, "claude")
        finish(process)
        assert process.returncode == 0
        time.sleep(0.2)
        assert "READY" in idle.do("status")
    finally:
        idle.conduit("down", "--now")
        assert Path(idle.state_dir.root).exists()
