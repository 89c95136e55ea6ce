"""The terminal belongs to the agent: keys, size and job control are as without us."""

import socket
import sys
from collections.abc import Iterator

import pytest

from tests.launch.box import Box, marked
from tests.launch.shell import PROMPT, Shell
from tests.waiting import eventually

AGENT = """
import os, shutil, signal, sys
def say(*words): os.write(1, (" ".join(map(str, words)) + "\\n").encode())
def size(*_): say("size", *shutil.get_terminal_size())
signal.signal(signal.SIGWINCH, size)
signal.signal(signal.SIGINT, lambda *_: say("interrupted"))
signal.signal(signal.SIGCONT, lambda *_: say("continued", os.tcgetpgrp(0) == os.getpgrp()))
say("terminal", *map(os.isatty, (0, 1, 2)), "foreground", os.tcgetpgrp(0) == os.getpgrp() == os.getpid())
size()
for line in sys.stdin:
    say("read", line.strip())
    if line.startswith("end"):
        sys.exit(int(line.split()[1]))
"""
PIPED = """
import os, signal, time
signal.signal(signal.SIGCONT, lambda *_: os.write(1, b"continued\\n"))
os.write(1, b"begun\\n")
signal.signal(signal.SIGINT, signal.SIG_DFL)
while True:
    time.sleep(60)
"""
RUN = f"{sys.executable} -m conduit_tui run --no-gateway --"


@pytest.fixture
def shell(idle: Box) -> Iterator[Shell]:
    idle.stand_in(AGENT)
    environment = {**idle.environment, "CONDUIT_STATE_DIR": str(idle.state_dir.root)}
    with Shell(environment, idle.work) as shell:
        shell.until(PROMPT)
        yield shell


def start(shell: Shell, command: str = f"{RUN} claude") -> None:
    shell.type(f"{command}\n")
    shell.until("terminal True True True foreground True")
    shell.until("size 80 24")


def until_said(shell: Shell, text: str) -> None:
    """Press enter until the shell says what became of a job, as it does before a prompt."""
    for _ in range(100):
        shell.type("\n")
        if text in shell.until(PROMPT):
            return
    raise AssertionError(f"the shell never said {text!r}")


def test_keys_and_size_reach_the_agent_alone(shell: Shell) -> None:
    start(shell)
    shell.type("\x03")
    shell.until("interrupted")
    shell.resize(40, 99)
    shell.resize(40, 100)
    shell.until("size 100 40")
    shell.type("hello\nend 9\n")
    shell.until("read hello")
    shell.until(PROMPT)
    shell.type("echo code $?\n")
    shell.until("code 9")


def test_it_stops_goes_on_in_the_background_and_comes_back(shell: Shell) -> None:
    start(shell)
    for _ in range(2):
        shell.type("\x1a")
        shell.until("Stopped")
        shell.until(PROMPT)
        shell.type("fg\n")
        shell.until("continued True")
    shell.type("\x1a")
    shell.until(PROMPT)
    shell.type("bg\n")
    shell.until("continued False")
    until_said(shell, "Stopped")  # it wanted to read, and may not there
    shell.type("fg\n")
    shell.until("continued True")
    shell.type("again\nend 0\n")
    shell.until("read again")
    shell.until(PROMPT)


def test_ctrl_c_ends_one_that_does_not_mind_it(shell: Shell, idle: Box) -> None:
    shell.type(f"{RUN} sh -c 'echo begun; exec sleep 60'\n")
    shell.until("begun\r\n")
    shell.type("\x03")
    shell.until(PROMPT)
    shell.type("echo code $?\n")
    shell.until("code 130")
    assert eventually(lambda: idle.runs()[-1]["exit_code"] == 130)


def test_in_front_of_a_pipe_ctrl_c_and_ctrl_z_reach_everybody(shell: Shell, idle: Box) -> None:
    idle.stand_in(PIPED)
    shell.type(f"{RUN} claude < /dev/null | cat\n")
    shell.until("begun")
    shell.type("\x1a")
    shell.until("Stopped")
    shell.until(PROMPT)
    shell.type("fg\n")
    shell.until("continued")
    shell.type("\x03")
    shell.until(PROMPT)
    shell.type("echo codes ${PIPESTATUS[*]}\n")
    shell.until("codes 130")


def test_an_agent_in_front_of_a_pipe_gets_the_keyboard_when_it_reads(shell: Shell) -> None:
    shell.type(f"{RUN} sh -c 'read line; echo got $line' | cat\n")
    shell.until("|")
    shell.type("the words\n")
    shell.until("got the words")
    shell.until(PROMPT)


def test_without_a_shell_to_continue_it_nothing_is_stopped(idle: Box) -> None:
    """As in `tmux new-session "conduit-tui run ..."`: Ctrl-Z has nobody to go back to."""
    idle.stand_in(AGENT)
    environment = {**idle.environment, "CONDUIT_STATE_DIR": str(idle.state_dir.root)}
    with Shell(environment, idle.work, sys.executable, "-m", "conduit_tui", "run", "--no-gateway", "claude") as shell:
        shell.until("size 80 24")
        shell.type("\x1a")
        shell.until("continued True")
        shell.type("still here\nend 4\n")
        shell.until("read still here")
        assert shell.process.wait(60) == 4


@pytest.mark.parametrize(("answer", "code"), [("y", 6), ("n", 1)])
def test_a_person_is_asked_when_the_gateway_is_down(idle: Box, answer: str, code: int) -> None:
    idle.stand_in("import sys\nprint('begun', flush=True)\nsys.exit(6)\n")
    environment = {**idle.environment, "CONDUIT_STATE_DIR": str(idle.state_dir.root)}
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = (sys.executable, "-m", "conduit_tui", "--port", port, "run", "claude")
        with Shell(environment, idle.work, *command) as shell:
            shell.until("Run claude WITHOUT the gateway? Nothing will be routed or limited [y/N]")
            shell.type(f"{answer}\n")
            shell.until("begun" if answer == "y" else "claude was not started")
            assert shell.process.wait(60) == code


def test_a_lost_terminal_ends_the_run(idle: Box) -> None:
    idle.stand_in("import time\nprint('begun', flush=True)\ntime.sleep(60)\n")
    environment = {**idle.environment, "CONDUIT_STATE_DIR": str(idle.state_dir.root)}
    with Shell(environment, idle.work) as shell:
        shell.until(PROMPT)
        shell.type(f"{RUN} claude\n")
        shell.until("begun\r\n")
    run_id = idle.runs()[-1]["id"]
    eventually(lambda: not marked(run_id))
    eventually(lambda: idle.runs()[-1]["exit_code"] == 129)
