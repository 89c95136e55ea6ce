"""Where sockets lie: beside everything else while their path is short enough, in one place of their own otherwise."""

import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from conduit_tui.paths import SOCKET_PATH_LIMIT, StateDir


@pytest.fixture
def short() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        yield Path(folder)


@pytest.mark.parametrize("length", range(80, 96))
def test_both_sockets_can_be_bound_whatever_the_length(short: Path, length: int) -> None:
    root = short / ("x" * (length - len(str(short)) - 1))
    state_dir = StateDir(root)
    state_dir.prepare()
    assert state_dir.daemon_socket.parent == state_dir.gateway_socket.parent
    for path in (state_dir.daemon_socket, state_dir.gateway_socket):
        assert len(os.fsencode(path)) <= SOCKET_PATH_LIMIT
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(str(path))
        path.unlink()
    if state_dir.daemon_socket.parent != root:
        assert state_dir.socket_folder.stat().st_mode & 0o777 == 0o700
        state_dir.socket_folder.rmdir()


def test_another_temporary_directory_finds_the_same_sockets(short: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state_dir = StateDir(short / ("x" * 120))
    before = state_dir.gateway_socket
    monkeypatch.setenv("TMPDIR", str(short / ("y" * 100)))
    assert state_dir.gateway_socket == before
    assert len(os.fsencode(before)) <= SOCKET_PATH_LIMIT
