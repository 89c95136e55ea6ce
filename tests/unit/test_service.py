"""The service: what is written is what a service manager takes, and what it says is passed on."""

import json
import os
import plistlib
import pwd
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from conduit_tui.service import logout
from conduit_tui.service.unit import Service, launchd_plist, launchd_serves, systemd_serves, systemd_unit
from tests.faults.whole import free_port

AWKWARD = Path('/tmp/state "of" 100% $HOME')
Run = Callable[..., subprocess.CompletedProcess[str]]


def words_of(unit: str) -> list[str]:
    """ExecStart as systemd splits it."""
    line = next(line for line in unit.splitlines() if line.startswith("ExecStart="))
    words, word, quoted, escaped = [], "", False, False
    for c in line.removeprefix("ExecStart=") + " ":
        if escaped:
            word, escaped = word + c, False
        elif c == "\\":
            escaped = True
        elif c == '"':
            quoted = not quoted
        elif c == " " and not quoted:
            words.append(word.replace("%%", "%").replace("$$", "$"))
            word = ""
        else:
            word += c
    return words


def test_the_unit_runs_this_interpreter_with_this_state_directory() -> None:
    unit = systemd_unit(Service(AWKWARD))
    assert words_of(unit)[0] == sys.executable
    assert words_of(unit)[-2:] == ["--state-dir", str(AWKWARD)]
    for line in ("Type=notify", "WatchdogSec=10", "KillMode=mixed", "RestartPreventExitStatus=2 78", "UMask=0077"):
        assert line in unit.splitlines()


def test_a_service_is_known_by_its_state_directory(tmp_path: Path) -> None:
    for state_dir in (tmp_path, AWKWARD):
        ours, other = Service(state_dir), Service(state_dir / "other")
        elsewhere = Service(state_dir, Path("/another/python"), options=("--port", "4142"))
        assert systemd_serves(systemd_unit(elsewhere), ours)
        assert not systemd_serves(systemd_unit(elsewhere), other)
        assert not systemd_serves(systemd_unit(other), ours)
        assert launchd_serves(launchd_plist(elsewhere).decode(), ours)
        assert not launchd_serves(launchd_plist(other).decode(), ours)
    for nonsense in ("", "ExecStart=", "<plist", "no plist"):
        assert not systemd_serves(nonsense, Service(tmp_path))
        assert not launchd_serves(nonsense, Service(tmp_path))


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    path = tmp_path / "conduit-tui.service"
    path.write_text(systemd_unit(Service(tmp_path)))
    done = subprocess.run(["systemd-analyze", "verify", path], capture_output=True, text=True, timeout=100, check=False)
    assert "conduit-tui.service" not in done.stderr
    path.write_text(systemd_unit(Service(tmp_path)).replace("Type=notify", "Type=nonsense"))
    done = subprocess.run(["systemd-analyze", "verify", path], capture_output=True, text=True, timeout=100, check=False)
    assert "conduit-tui.service" in done.stderr  # it does look


def test_launchd_reads_the_plist() -> None:
    read = plistlib.loads(launchd_plist(Service(AWKWARD)))
    assert read["ProgramArguments"][0] == sys.executable
    assert read["ProgramArguments"][-1] == str(AWKWARD)
    assert read["KeepAlive"] == {"SuccessfulExit": False}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A verb, with a home of its own and service managers that write down what they are asked."""
    tools = tmp_path / "bin"
    tools.mkdir()
    (tmp_path / "home").mkdir()

    def begin(*words: str, **answers: str) -> subprocess.CompletedProcess[str]:
        for name in ("systemctl", "loginctl", "systemd-analyze", "busctl"):
            tool = tools / name
            tool.write_text(
                f'#!/bin/sh\necho "{name} $@" >> {tmp_path}/asked\n{answers.get(name.replace("-", "_"), "")}\n'
            )
            tool.chmod(0o755)
        environment = {
            "HOME": str(tmp_path / "home"),
            "PATH": f"{tools}:/usr/bin:/bin",
            "CONDUIT_STATE_DIR": str(tmp_path / "s"),
        }
        verb = ("service",) if words[0] in ("install", "status", "uninstall") else ()
        return subprocess.run(
            [sys.executable, "-m", "conduit_tui", *verb, *words],
            capture_output=True, text=True, timeout=100, check=False, env=environment, cwd=os.getcwd(),
        )  # fmt: skip

    return begin


def test_install_writes_checks_and_starts(run: Run, tmp_path: Path) -> None:
    done = run("install", loginctl="echo no")
    assert done.returncode == 0, done.stderr
    unit = tmp_path / "home/.config/systemd/user/conduit-tui.service"
    assert done.stdout.strip() == str(unit)
    assert words_of(unit.read_text())[-1] == str(tmp_path / "s")
    asked = (tmp_path / "asked").read_text()
    assert "systemd-analyze --user verify" in asked
    assert "systemctl --user enable conduit-tui.service" in asked
    # starts of before do not count against it
    assert asked.index("--user reset-failed conduit-tui.service") < asked.index("--user start conduit-tui.service")
    assert "enable-linger" in done.stderr
    facts = "ActiveState=active\nMainPID=4711\nStatusText=READY: serving at x=y"
    shown = run("status", "--json", loginctl="echo yes", systemctl=f"echo '{facts}'")
    told = json.loads(shown.stdout)
    assert (told["installed"], told["state"], told["survives_logout"]) == (True, "active", True)
    assert (told["pid"], told["says"]) == (4711, "READY: serving at x=y")
    ended = "ActiveState=failed\nMainPID=0\nResult=start-limit-hit\nStatusText=STARTING: start"
    told = json.loads(run("status", "--json", systemctl=f"echo '{ended}'").stdout)
    assert (told["state"], told["pid"], told["says"]) == ("failed", None, "start-limit-hit")
    assert run("uninstall").returncode == 0
    assert not unit.exists()
    assert "no service was installed" in run("uninstall").stderr


def test_what_the_manager_says_is_passed_on(run: Run) -> None:
    done = run("install", systemctl='case "$*" in *enable*) echo "Failed to connect to bus" >&2; exit 1;; esac')
    assert done.returncode == 1
    assert "Failed to connect to bus" in done.stderr


def test_a_unit_that_systemd_refuses_is_not_started(run: Run, tmp_path: Path) -> None:
    done = run("install", systemd_analyze='echo "conduit-tui.service:9: bad" >&2; exit 1')
    assert done.returncode == 1
    assert "does not accept" in done.stderr
    assert "enable" not in (tmp_path / "asked").read_text()
    unit = tmp_path / "home/.config/systemd/user/conduit-tui.service"
    assert not unit.exists()
    assert run("install").returncode == 0
    before = unit.read_text()
    assert run("install", systemd_analyze='echo "conduit-tui.service:9: bad" >&2; exit 1').returncode == 1
    assert unit.read_text() == before


STARTS_NOT = (
    'case "$*" in *" start "*) echo "Job for it failed." >&2; echo "See elsewhere." >&2; exit 1;; '
    '*" show "*) echo "ActiveState=failed"; echo "StatusText=port 1 is taken";; esac'
)


def test_a_service_that_does_not_start_is_taken_away_again(run: Run, tmp_path: Path) -> None:
    done = run("install", systemctl=STARTS_NOT)
    assert done.returncode == 1
    assert "Job for it failed. It said: port 1 is taken" in done.stderr
    assert not (tmp_path / "home/.config/systemd/user/conduit-tui.service").exists()
    asked = (tmp_path / "asked").read_text().splitlines()
    assert "systemctl --user disable --now conduit-tui.service" in asked
    assert asked[-2:] == ["systemctl --user daemon-reload", "systemctl --user reset-failed conduit-tui.service"]


def test_a_service_that_was_there_before_is_put_back(run: Run, tmp_path: Path) -> None:
    unit = tmp_path / "home/.config/systemd/user/conduit-tui.service"
    assert run("install").returncode == 0
    before = unit.read_text() + "# of another version\n"
    unit.write_text(before)
    assert run("install", systemctl=STARTS_NOT).returncode == 1
    assert unit.read_text() == before


def test_a_service_of_another_state_directory_is_not_overwritten(run: Run, tmp_path: Path) -> None:
    unit = tmp_path / "home/.config/systemd/user/conduit-tui.service"
    unit.parent.mkdir(parents=True)
    unit.write_text(systemd_unit(Service(tmp_path / "other")))
    done = run("install")
    assert done.returncode == 1
    assert "another state directory" in done.stderr
    assert unit.read_text() == systemd_unit(Service(tmp_path / "other"))
    assert "of another state directory" in run("status").stdout


@pytest.fixture
def started_by_manager(tmp_path: Path) -> str:
    """What makes `systemctl start` start the daemon, and `systemctl show` name it."""
    pid, port = tmp_path / "pid", free_port()
    return (
        f'case "$*" in *" start "*) '
        f"nohup {sys.executable} -m conduit_tui --port {port} up --foreground </dev/null >/dev/null 2>&1 & "
        f'echo $! > {pid}; until [ -S {tmp_path}/s/daemon.sock ]; do sleep 0.02; done;; *" show "*) '
        f"echo ActiveState=active; echo MainPID=$(cat {pid} 2>/dev/null || echo 0);; esac"
    )


def test_up_starts_the_service_that_is_installed(run: Run, tmp_path: Path, started_by_manager: str) -> None:
    unit = tmp_path / "home/.config/systemd/user/conduit-tui.service"
    unit.parent.mkdir(parents=True)
    unit.write_text(systemd_unit(Service(tmp_path / "s")))
    try:
        done = run("up", "--json", systemctl=started_by_manager)
        assert done.returncode == 0, done.stderr
        assert str(json.loads(done.stdout)["daemon_pid"]) == (tmp_path / "pid").read_text().strip()
        starts = (tmp_path / "asked").read_text().count(" start ")
        assert run("up", systemctl=started_by_manager).returncode == 0
        assert (tmp_path / "asked").read_text().count(" start ") == starts  # it runs already
        assert "service install" in run("--port", "1", "restart", "--daemon", systemctl=started_by_manager).stderr
        beside = run("doctor", "--offline", systemctl="echo ActiveState=inactive; echo MainPID=0")
        assert "runs beside it" in beside.stdout
    finally:
        run("down", "--now")


def test_up_says_what_the_service_said_when_it_does_not_start(run: Run, tmp_path: Path) -> None:
    assert run("install").returncode == 0
    done = run("up", systemctl=STARTS_NOT)
    assert done.returncode == 1
    assert "port 1 is taken" in done.stderr


@pytest.mark.parametrize(
    ("every", "only", "spared", "kills"),
    [
        ("true", "", "root", True),
        ("false", "", "root", False),
        ("true", "", "ME", False),
        ("false", "ME", "", True),
        ("true", "somebody", "", False),
    ],
)
def test_logind_is_read_as_it_reads_itself(
    every: str, only: str, spared: str, kills: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    me = pwd.getpwuid(os.getuid()).pw_name
    lists = [f'as 1 "{name.replace("ME", me)}"' if name else "as 0" for name in (only, spared.replace("root", "other"))]
    tool = tmp_path / "busctl"
    tool.write_text("#!/bin/sh\ncat <<'E'\n" + "\n".join([f"b {every}", *lists]) + "\nE\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert logout.kills_at_logout() is kills


def test_nobody_to_ask_about_logouts_kills_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not logout.kills_at_logout()
    assert not logout.lingers()


def test_without_a_manager_it_says_how_to_go_on(run: Run) -> None:
    done = run("install", systemctl="exit 1")
    assert done.returncode == 78
    assert "conduit-tui up" in done.stderr
    assert "@reboot" in done.stderr


def test_print_writes_nothing(run: Run, tmp_path: Path) -> None:
    done = run("install", "--print", systemctl="exit 1")
    assert done.stdout == systemd_unit(Service(tmp_path / "s"))
    assert list((tmp_path / "home").iterdir()) == []
