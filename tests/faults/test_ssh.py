"""A real SSH session on loopback: cut in the middle of streams, and taken up again. Faults V1 and U4."""

import contextlib
import getpass
import os
import pty
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.faults.whole import conduit, whole
from tests.gateway.raw import ANTHROPIC_HEADERS, Answer, ask, message
from tests.ports import free_port
from tests.providers import FakeProvider
from tests.tui.terminal import Terminal, text_of
from tests.waiting import SOON_SECONDS, eventually

SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")

pytestmark = [
    pytest.mark.fault,
    pytest.mark.slow,
    pytest.mark.skipif(SSHD is None, reason="openssh-server is not installed"),
]


class SSH:
    """A server of this test's own, and sessions to it."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder, self.port = folder, port

    @contextlib.contextmanager
    def session(self, command: str, size: tuple[int, int] = (80, 24)) -> Iterator[Terminal]:
        """A command on a terminal of the other side."""
        words = [
            "ssh", "-tt", "-F", "none", "-p", str(self.port), "-i", str(self.folder / "user"), "-o", "BatchMode=yes",
            "-o", f"UserKnownHostsFile={self.folder / 'known'}", "-o", "StrictHostKeyChecking=accept-new",
            "-o", "IdentitiesOnly=yes", f"{getpass.getuser()}@127.0.0.1", command,
        ]  # fmt: skip
        started = time.perf_counter()
        pid, fd = pty.fork()
        if pid == 0:
            os.execvpe("ssh", words, {**os.environ, "TERM": "xterm-256color"})
        terminal = Terminal(pid, fd, started)
        terminal.resize(*size)
        try:
            yield terminal
        finally:
            if not terminal.ended():
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
            os.close(fd)


@pytest.fixture(scope="module")
def ssh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SSH]:
    folder = tmp_path_factory.mktemp("ssh")
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True, timeout=100)
    keys = folder / "keys"
    shutil.copyfile(folder / "user.pub", keys)
    keys.chmod(0o600)
    port = free_port()
    config = folder / "sshd_config"
    config.write_text(
        f"ListenAddress 127.0.0.1:{port}\nHostKey {folder / 'host'}\nAuthorizedKeysFile {keys}\nPidFile none\n"
        "StrictModes no\nUsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin yes\n"
        "PermitUserEnvironment no\nAcceptEnv LANG\n"
    )
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # sshd of root wants an empty directory there
    assert SSHD is not None
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen([SSHD, "-D", "-e", "-f", str(config)], stderr=log)
    try:
        eventually(lambda: listens(port), (folder / "log").read_text())
        yield SSH(folder, port)
    finally:
        for child in psutil.Process(server.pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()
        server.terminate()
        server.wait(60)


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def control_centres(state_dir: Path) -> list[psutil.Process]:
    """The control centres over a state directory: those that are neither daemon nor gateway."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if str(state_dir) in words and "conduit_tui" in words and not {"up", "status"} & set(words):
            found.append(process)
    return found


def open_command(state_dir: Path) -> str:
    return f"LANG=C.UTF-8 PYTHONPATH={os.getcwd()} exec {sys.executable} -m conduit_tui --state-dir {state_dir}"


def test_a_session_is_cut_and_taken_up_again(ssh: SSH, tmp_path: Path) -> None:
    answers: list[Answer] = []
    with FakeProvider() as fake, whole(tmp_path / "s", fake.url) as running:
        script = fake.script("long", {"text": "word " * 4_000, "gap": 0.1})

        def stream() -> None:
            answers.append(ask(running.port, "POST", "/v1/messages", message(stream=True), ANTHROPIC_HEADERS | script))

        threads = [threading.Thread(target=stream) for _ in range(5)]
        for thread in threads:
            thread.start()
        with ssh.session(open_command(tmp_path / "s")) as terminal:
            terminal.read_until(lambda written: "READY" in text_of(written))
            terminal.press("7")
            terminal.read_until(lambda written: "profile ssh" in text_of(written))
            assert len(control_centres(tmp_path / "s")) == 1
            (centre,) = control_centres(tmp_path / "s")
            # the network goes: the server's end of the connection is killed, as when a client never comes back
            server_side = next(each for each in centre.parents() if each.name().startswith("sshd"))
            server_side.kill()
            eventually(lambda: not control_centres(tmp_path / "s"), seconds=SOON_SECONDS)
            fake.hurry("long")
        for thread in threads:
            thread.join(60)
        assert [answer.status for answer in answers] == [200] * 5
        assert all(answer.body.endswith(b'data: {"type":"message_stop"}\n\n') for answer in answers)
        assert '"state": "READY"' in conduit(tmp_path / "s", "status", "--json").stdout
        with (
            ssh.session(open_command(tmp_path / "s"), (120, 40)) as again,
            ssh.session(open_command(tmp_path / "s")) as two,
        ):
            for terminal in (again, two):
                terminal.read_until(lambda written: "READY" in text_of(written))
            again.press("2")
            again.read_until(lambda written: "5 requests" in text_of(written))
            again.press("q")
            again.read_until(lambda written: "leave everything running" in text_of(written))
            again.press("\r")
            assert again.wait() == 0
            assert b"\x1b[?1049l" in again.written
            two.press("7")
            two.read_until(lambda written: "memory" in text_of(written))
