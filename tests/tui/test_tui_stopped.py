"""Terminals that go away for a while: Ctrl-Z, a reader that stops, tmux detached and attached. Faults V1 and U7."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from scenes import World, served
from terminal import RUN, control_centre

from tests.launch.shell import PROMPT, Shell
from tests.waiting import eventually

pytestmark = pytest.mark.fault


def test_control_z_gives_the_terminal_back_and_fg_takes_it(busy: World, tmp_path: Path) -> None:
    script = tmp_path / "centre.py"
    script.write_text(f"{RUN}\nsys.exit(run(StateDir(Path(sys.argv[1]))))")
    environment = {**os.environ, "LANG": "C.UTF-8", "PYTHONPATH": os.getcwd()}
    with served(busy), Shell(environment, tmp_path) as shell:
        shell.until(PROMPT)
        shell.type(f"{sys.executable} {script} {busy.folder}\n")
        shell.until("NOW")
        shell.type("\x1a")
        assert "\x1b[?1049l" in shell.until("Stopped")
        shell.until(PROMPT)
        shell.type("echo shell\x20is\x20here\n")
        shell.until("shell is here")
        shell.type("fg\n")
        assert "\x1b[?1049h" in shell.until("NOW")
        shell.type("7")
        shell.until("memory")
        shell.type("q")
        shell.until("leave everything running")
        shell.type("\r")
        assert "\x1b[?1049l" in shell.until(PROMPT)


def processor_seconds(process: psutil.Process, seconds: float) -> float:
    """What the process takes of the processor within so many seconds."""
    before = sum(process.cpu_times()[:2])
    time.sleep(seconds)
    return sum(process.cpu_times()[:2]) - before


def test_a_reader_that_stops_holds_up_nothing_but_the_screen(busy: World) -> None:
    """As when a laptop is shut: what is not read waits, takes no processor and no memory, and SIGTERM still ends it."""
    with served(busy), control_centre(busy.folder) as terminal:
        terminal.read_until(lambda written: b"SESSIONS" in written)
        process = psutil.Process(terminal.pid)
        for key in "2345678" * 30:
            terminal.press(key)
        eventually(lambda: processor_seconds(process, 0.5) < 0.1)
        memory = process.memory_info().rss
        assert processor_seconds(process, 1.0) < 0.2
        assert process.memory_info().rss - memory < 20_000_000
        os.kill(terminal.pid, signal.SIGTERM)
        eventually(terminal.ended)
        assert terminal.code == 143


@pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")
def test_tmux_is_detached_and_attached_in_another_size(busy: World, tmp_path: Path) -> None:
    socket = str(tmp_path / "tmux")
    program = f"{RUN}\nsys.exit(run(StateDir(Path(sys.argv[1]))))"
    script = tmp_path / "centre.py"
    script.write_text(program)

    def tmux(*words: str) -> str:
        return subprocess.run(
            ["tmux", "-S", socket, "-f", "/dev/null", *words],
            capture_output=True, text=True, check=False, timeout=100, env={**os.environ, "LANG": "C.UTF-8"},
        ).stdout  # fmt: skip

    with served(busy):
        command = f"{sys.executable} {script} {busy.folder}"
        tmux(
            "-u",
            "new-session",
            "-d",
            "-s",
            "c",
            "-x",
            "80",
            "-y",
            "24",
            f"cd {os.getcwd()} && PYTHONPATH=. exec {command}",
        )
        try:
            eventually(lambda: "SESSIONS" in tmux("capture-pane", "-p", "-t", "c"))
            (pid,) = map(int, tmux("list-panes", "-t", "c", "-F", "#{pane_pid}").split())
            tmux("resize-window", "-t", "c", "-x", "120", "-y", "40")
            tmux("send-keys", "-t", "c", "7")
            eventually(lambda: "memory" in tmux("capture-pane", "-p", "-t", "c"))
            eventually(lambda: "─" * 20 in tmux("capture-pane", "-p", "-t", "c"))
            eventually(lambda: any(len(line) == 120 for line in tmux("capture-pane", "-p", "-t", "c").splitlines()))
        finally:
            tmux("kill-server")
        eventually(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
