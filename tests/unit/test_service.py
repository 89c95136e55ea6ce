"""The service: what is written is what a service manager takes, and what it says is passed on."""

import json
import os
import plistlib
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from conduit_tui.service.unit import Service, launchd_plist, systemd_unit

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
    for line in ("Type=notify", "WatchdogSec=10", "KillMode=mixed", "RestartPreventExitStatus=77 78", "UMask=0077"):
        assert line in unit.splitlines()


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
    """The verb, with a home of its own and service managers that write down what they are asked."""
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
        return subprocess.run(
            [sys.executable, "-m", "conduit_tui", "service", *words],
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
    assert "systemctl --user enable --now conduit-tui.service" in asked
    assert "enable-linger" in done.stderr
    shown = run("status", "--json", loginctl="echo yes", systemctl="echo active")
    told = json.loads(shown.stdout)
    assert (told["installed"], told["state"], told["survives_logout"]) == (True, "active", True)
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


def test_without_a_manager_it_says_how_to_go_on(run: Run) -> None:
    done = run("install", systemctl="exit 1")
    assert done.returncode == 78
    assert "conduit-tui up" in done.stderr
    assert "@reboot" in done.stderr


def test_print_writes_nothing(run: Run, tmp_path: Path) -> None:
    done = run("install", "--print", systemctl="exit 1")
    assert done.stdout == systemd_unit(Service(tmp_path / "s"))
    assert list((tmp_path / "home").iterdir()) == []
