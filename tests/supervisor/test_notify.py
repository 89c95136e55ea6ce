"""What a service manager hears."""

import asyncio
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from conduit_tui.supervisor.notify import Notifier, without_variables

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["file", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    address = str(tmp_path / "notify") if request.param == "file" else f"@conduit-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind("\0" + address[1:] if address.startswith("@") else address)
        listening.settimeout(10)
        yield listening, address


def test_words_arrive_on_one_line_each(manager: tuple[socket.socket, str]) -> None:
    listening, address = manager
    Notifier({"NOTIFY_SOCKET": address}).say(READY="1", STATUS="serving\nEVIL=1")
    assert listening.recv(4096) == b"READY=1\nSTATUS=serving EVIL=1"


async def test_the_watchdog_is_fed_while_the_loop_runs(manager: tuple[socket.socket, str]) -> None:
    listening, address = manager
    notifier = Notifier({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "60000", "WATCHDOG_PID": str(os.getpid())})
    async with notifier.alive():
        heard = [await asyncio.to_thread(listening.recv, 4096) for _ in range(3)]
    assert heard == [b"WATCHDOG=1"] * 3


async def test_a_watchdog_for_another_process_is_not_fed(manager: tuple[socket.socket, str]) -> None:
    listening, address = manager
    notifier = Notifier({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "60000", "WATCHDOG_PID": "1"})
    async with notifier.alive():
        notifier.say(STOPPING="1")
        assert listening.recv(4096) == b"STOPPING=1"


def test_nobody_there_is_no_error(tmp_path: Path) -> None:
    Notifier({}).say(READY="1")
    Notifier({"NOTIFY_SOCKET": str(tmp_path / "gone")}).say(READY="1")


def test_children_do_not_speak_for_the_daemon() -> None:
    assert without_variables({"NOTIFY_SOCKET": "x", "WATCHDOG_USEC": "1", "HOME": "/"}) == {"HOME": "/"}
