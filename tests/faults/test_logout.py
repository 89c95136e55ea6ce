"""The service under a real systemd, and what real logouts end. Fault V2; see box.py for the machine that it runs on."""

import json
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.box import USER, Box, missing
from tests.gateway.raw import ANTHROPIC_HEADERS, Answer, ask, message
from tests.ports import free_port
from tests.providers import FakeProvider
from tests.waiting import eventually

pytestmark = [
    pytest.mark.fault,
    pytest.mark.slow,
    pytest.mark.skipif(bool(missing()), reason=missing()),
]

STATE = f"home/{USER}/.local/state/conduit-tui"
END = b'data: {"type":"message_stop"}\n\n'
GONE_SECONDS = 60.0  # systemd waits ten before it ends a user's services


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Box:
    kept = os.environ.get("BOX_FOLDER")
    folder = Path(kept) if kept else tmp_path_factory.mktemp("box")
    folder.mkdir(parents=True, exist_ok=True)
    box = Box(folder)
    box.build()
    return box


class Served:
    """A box, and a provider beside it that streams for half a minute."""

    def __init__(self, box: Box, fake: FakeProvider) -> None:
        self.box, self.port = box, free_port()
        self._script = fake.script("slow", {"text": "word " * 120, "gap": 0.5})
        self._fake = fake

    def begin(self) -> None:
        """A new user's first steps, up to the configuration."""
        self.box.run("loginctl", "disable-linger", USER)
        self.config()
        added = self.box.login(
            f"conduit-tui providers add fake --base-url {self._fake.url} --dialect anthropic --default"
        )
        assert added.returncode == 0, added.stderr

    def config(self, more: str = "") -> None:
        text = f"[gateway]\\nport = {self.port}\\n{more}"
        done = self.box.login(
            f"umask 077; mkdir -p ~/.local/state/conduit-tui; printf '{text}' > ~/.local/state/conduit-tui/config.toml"
        )
        assert done.returncode == 0, done.stderr

    def stream(self) -> Callable[[], Answer]:
        """Begin a stream; what is returned gives its answer at its end."""
        answers: list[Answer] = []

        def one() -> None:
            answers.append(
                ask(self.port, "POST", "/v1/messages", message(stream=True), ANTHROPIC_HEADERS | self._script)
            )

        seen = len(self._fake.requests(script="slow"))
        thread = threading.Thread(target=one)
        thread.start()
        self._fake.wait_for(lambda found: len(found) > seen and bool(found[-1].first_byte_at), script="slow")

        def end() -> Answer:
            thread.join(120)
            return answers[0]

        return end

    def processes(self) -> dict[int, str]:
        """Ours in the box: pid to control group."""
        found = self.box.run("sh", "-c", "for p in $(pgrep -f '[p]ython3 -P -m conduit_tui'); do "
                             "echo $p $(tail -n 1 /proc/$p/cgroup); done").stdout  # fmt: skip
        return {int(line.split()[0]): line.split()[1] for line in found.splitlines() if len(line.split()) == 2}

    def unit(self, name: str) -> str:
        return self.box.login(f"systemctl --user show conduit-tui --property={name} --value").stdout.strip()

    def ready(self) -> dict[str, int]:
        """Wait until it serves; what its status says."""

        def status() -> dict[str, int] | None:
            said = self.box.login("conduit-tui status --json").stdout
            found: dict[str, int] = json.loads(said) if said else {}
            return found if found.get("state") == "READY" else None

        ready: dict[str, int] = eventually(status)
        return ready


@pytest.fixture
def served(built: Box, request: pytest.FixtureRequest) -> Iterator[Served]:
    with FakeProvider() as fake:
        one = Served(built, fake)
        try:
            built.boot(kills_at_logout=getattr(request, "param", False))
            one.begin()
            yield one
        finally:
            built.login("conduit-tui service uninstall; conduit-tui down --now; rm -rf ~/.local/state/conduit-tui")
            built.power_off()


def test_the_service_and_systemd_understand_each_other(served: Served) -> None:
    box = served.box
    with box.session():
        assert box.login("conduit-tui service install").returncode == 0
        first = served.ready()
        assert served.unit("StatusText").startswith("READY: serving at http://")
        assert served.unit("MainPID") == str(first["daemon_pid"])

        box.run("kill", "-9", str(first["gateway_pid"]))
        eventually(lambda: served.ready()["gateway_pid"] != first["gateway_pid"])
        assert served.ready()["daemon_pid"] == first["daemon_pid"]

        answer = served.stream()
        assert box.login("systemctl --user reload conduit-tui && conduit-tui restart --daemon").returncode == 0
        assert answer().body.endswith(END)
        assert served.unit("MainPID") == str(first["daemon_pid"])

        for signal in ("-9", "-STOP"):  # the second one is for the watchdog
            before = served.ready()
            box.run("kill", signal, str(before["daemon_pid"]))
            eventually(lambda: served.unit("MainPID") not in ("0", str(before["daemon_pid"])))  # noqa: B023
            assert served.ready()["daemon_pid"] != before["daemon_pid"]
            assert len(served.processes()) == 2
        assert served.unit("NRestarts") == "2"

        box.run("kill", "-9", str(served.ready()["daemon_pid"]))
        served.ready()
        for _ in range(3):
            box.login("systemctl --user restart conduit-tui")
        assert served.unit("Result") == "start-limit-hit"
        assert "start-limit-hit" in box.login("conduit-tui doctor --offline").stdout
        assert box.login("conduit-tui up").returncode == 0
        assert served.unit("MainPID") == str(served.ready()["daemon_pid"])

        assert box.login("conduit-tui service uninstall").returncode == 0
        assert served.processes() == {}
        assert box.login("find ~/.config/systemd -type f -o -type l").stdout == ""
        assert box.login("systemctl --user list-units --all --no-legend 'conduit*'").stdout == ""


def test_a_drain_longer_than_the_unit_waits_is_waited_for(served: Served) -> None:
    served.config("[supervision]\\ndrain_seconds = 100\\n")
    with served.box.session():
        assert served.box.login("conduit-tui service install").returncode == 0
        served.ready()
        # what the unit itself allows is shorter than the stream
        served.box.login(
            "mkdir -p ~/.config/systemd/user/conduit-tui.service.d && printf '[Service]\\nTimeoutStopSec=5\\n' "
            "> ~/.config/systemd/user/conduit-tui.service.d/short.conf && systemctl --user daemon-reload"
        )
        answer = served.stream()
        served.box.login("systemctl --user stop conduit-tui")
        assert answer().body.endswith(END)
        assert served.unit("Result") == "success"
        served.box.login("rm -r ~/.config/systemd/user/conduit-tui.service.d")


def test_what_cannot_start_is_not_left_behind(served: Served) -> None:
    with served.box.session():
        taken = (
            f"python3 -c 'import socket,time; s=socket.create_server((\"127.0.0.1\",{served.port})); time.sleep(600)'"
        )
        served.box.login(f"nohup {taken} >/dev/null 2>&1 & sleep 1")
        done = served.box.login("conduit-tui service install")
        assert done.returncode == 1
        assert f"port {served.port} is taken" in done.stderr
        assert served.box.login("find ~/.config/systemd -type f -o -type l").stdout == ""
        assert served.unit("ActiveState") == "inactive"


@pytest.mark.parametrize("served", [False, True], indirect=True, ids=["kept", "killed"])
def test_a_daemon_started_by_hand_ends_with_its_session_where_doctor_says_so(
    served: Served, request: pytest.FixtureRequest
) -> None:
    killed = request.node.callspec.params["served"]
    with served.box.session():
        said = served.box.login("conduit-tui up && conduit-tui doctor --offline").stdout
        assert ("ends the daemon when you log out" in said) == killed
        assert ("goes on after a logout here" in said) != killed
    if killed:
        eventually(lambda: not served.processes(), seconds=GONE_SECONDS)
        log = (served.box.tree / STATE / "process.log").read_text()
        assert "exited with 0" in log, "its gateway had the time to write down what streams had cost"
    else:
        answer = served.stream()
        assert answer().body.endswith(END)  # longer than systemd waits
        assert len(served.processes()) == 2
        assert not any("user@" in group for group in served.processes().values())


def test_a_service_ends_with_the_last_session_and_starts_with_the_next(served: Served) -> None:
    with served.box.session():
        assert served.box.login("conduit-tui service install").returncode == 0
        served.ready()
        assert "ends at logout" in served.box.login("conduit-tui doctor --offline").stdout
        answer = served.stream()
    assert answer().body.endswith(END), "its end drains"
    eventually(lambda: not served.processes(), seconds=GONE_SECONDS)
    with served.box.session():
        assert served.unit("MainPID") == str(served.ready()["daemon_pid"])


@pytest.mark.parametrize("served", [True], indirect=True, ids=["killed"])
def test_a_service_that_lingers_outlives_logout_and_reboot(served: Served) -> None:
    with served.box.session():
        assert served.box.login("conduit-tui service install && loginctl enable-linger").returncode == 0
        before = served.ready()
        assert "goes on after a logout" in served.box.login("conduit-tui doctor --offline").stdout
        answer = served.stream()
    assert answer().body.endswith(END)
    assert set(served.processes()) == {before["daemon_pid"], before["gateway_pid"]}
    served.box.power_off()
    served.box.boot(kills_at_logout=True)
    eventually(lambda: len(served.processes()) == 2)  # nobody has logged in
    served.ready()
