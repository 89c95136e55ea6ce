"""The clipboard of the user's own machine, the pager and the editor, on a real terminal. Faults U7 and U8 in part."""

import base64
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scenes import World, served
from terminal import control_centre, text_of

from conduit_tui.tui import outside
from conduit_tui.tui.clipboard import MOST_BYTES, TooLong, sequence
from tests.waiting import eventually

COPIED = re.compile(rb"\x1b\]52;c;([A-Za-z0-9+/=]*)\x07")


def program(folder: Path, name: str, script: str) -> str:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


# The sequence


@given(st.text(max_size=300))
def test_a_plain_terminal_gets_one_sequence(text: str) -> None:
    written = sequence(text, {}).encode()
    assert base64.b64decode(COPIED.fullmatch(written)[1]).decode() == text  # type: ignore[index]


def test_tmux_gets_it_for_itself_and_to_pass_on() -> None:
    written = sequence("x" * 500, {"TMUX": "/tmp/tmux-0/default,1,0"})
    plain, _, passed = written.partition("\x1bPtmux;")
    assert COPIED.fullmatch(plain.encode())
    assert passed.endswith("\x1b\\")
    assert passed.removesuffix("\x1b\\").replace("\x1b\x1b", "\x1b") == plain


def test_screen_gets_short_pieces() -> None:
    pieces = re.findall(r"\x1bP(.*?)\x1b\\", sequence("x" * 900, {"STY": "1.pts"}), re.DOTALL)
    assert all(len(piece) <= 76 for piece in pieces)
    assert base64.b64decode(COPIED.fullmatch("".join(pieces).encode())[1]) == b"x" * 900  # type: ignore[index]


def test_more_than_a_terminal_takes_is_refused() -> None:
    sequence("x" * MOST_BYTES, {})
    with pytest.raises(TooLong):
        sequence("x" * (MOST_BYTES + 1), {})


# On a terminal


def test_what_is_shown_is_copied_and_only_when_asked(busy: World) -> None:
    with served(busy), control_centre(busy.folder) as terminal:
        terminal.read_until(lambda written: b"SESSIONS" in written)
        terminal.press("7")
        terminal.read_until(lambda written: b"memory" in written)
        assert not COPIED.search(bytes(terminal.written))
        terminal.press("y")
        written = terminal.read_until(lambda written: b"\x1b]52" in written and b"\x07" in written)
        copied = base64.b64decode(COPIED.search(written)[1]).decode()  # type: ignore[index]
        assert "HISTORY" in copied
        assert "1 Overview" not in copied
        assert copied.isascii() or copied.replace("\n", "").isprintable()


def test_the_pager_gets_what_is_shown_and_the_screen_comes_back(busy: World, tmp_path: Path) -> None:
    pager = program(tmp_path, "pager", f'cp "$1" {tmp_path}/paged; stat -c %a "$1" > {tmp_path}/mode; echo PAGED')
    with served(busy), control_centre(busy.folder, PAGER=pager) as terminal:
        terminal.read_until(lambda written: b"SESSIONS" in written)
        terminal.press("7")
        terminal.read_until(lambda written: b"memory" in written)
        terminal.wait_quiet()
        terminal.press("o")
        written = terminal.read_until(lambda written: b"PAGED" in written and b"HISTORY" in written)
        # out of the application's screen for the pager, and in again afterwards
        assert written.index(b"\x1b[?1049l") < written.index(b"PAGED") < written.rindex(b"\x1b[?1049h")
        assert "HISTORY" in (tmp_path / "paged").read_text()
        assert (tmp_path / "mode").read_text() == "600\n"
        terminal.press("1")
        terminal.read_until(lambda written: b"SESSIONS" in written)


def test_a_pager_that_is_not_there_is_said(busy: World) -> None:
    with served(busy), control_centre(busy.folder, size=(120, 30), PAGER="nonesuch --here") as terminal:
        terminal.read_until(lambda written: b"SESSIONS" in written)
        terminal.press("o")
        terminal.read_until(lambda written: "nonesuch" in text_of(written))


def test_a_condition_is_written_in_the_editor(busy: World, tmp_path: Path) -> None:
    editor = program(tmp_path, "editor", 'printf \'toolCount > 3\\nand  agentType = "Plan"\\n\' > "$1"')
    with served(busy), control_centre(busy.folder, size=(120, 40), EDITOR=f"{editor}") as terminal:
        terminal.read_until(lambda written: b"SESSIONS" in written)
        terminal.press("3")
        terminal.read_until(lambda written: "writes a new one" in text_of(written))
        terminal.wait_quiet()
        terminal.press("n")
        terminal.read_until(lambda written: b"priority" in written)
        terminal.press("\x05")
        terminal.read_until(lambda written: "toolCount > 3 and  agentType" in text_of(written))


# Without the app


def test_an_editor_that_fails_changes_nothing(tmp_path: Path) -> None:
    from contextlib import nullcontext

    environ = {"VISUAL": program(tmp_path, "editor", 'echo other > "$1"; exit 1'), "EDITOR": "nonesuch", "PATH": "/bin"}
    assert outside.edit("text", ".txt", nullcontext, environ) == "text"
    environ["VISUAL"] = program(tmp_path, "editor", 'echo other > "$1"')
    assert outside.edit("text", ".txt", nullcontext, environ) == "other\n"


@pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")
def test_tmux_keeps_a_copy(tmp_path: Path) -> None:
    """The real tmux takes what is written as its buffer."""
    socket = str(tmp_path / "tmux")
    shown = tmp_path / "shown"
    shown.write_bytes(sequence("kept by tmux", {"TMUX": socket}).encode())

    def tmux(*words: str) -> str:
        done = subprocess.run(
            ["tmux", "-S", socket, "-f", "/dev/null", *words], capture_output=True, text=True, check=False, timeout=100
        )
        return done.stdout

    tmux("new-session", "-d", "-x", "80", "-y", "24", "sleep 60")
    try:
        tmux("set", "-s", "set-clipboard", "on")
        tmux("new-window", f"cat {shown}; sleep 60")
        eventually(lambda: tmux("show-buffer") == "kept by tmux")
    finally:
        tmux("kill-server")
