"""Shell completion: the printed script works in the shells that are here, and names come from the database."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SHELLS = {"bash": "-n", "zsh": "-n", "fish": "--no-execute"}


def conduit(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "conduit_tui", *words],
        capture_output=True, text=True, timeout=100, check=False, env={**os.environ, **environment},
    )  # fmt: skip


def completed(state_dir: Path, *words: str) -> set[str]:
    """What bash would offer after these words."""
    program = "from conduit_tui.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True, text=True, timeout=100, check=False,
        env={
            **os.environ, "CONDUIT_STATE_DIR": str(state_dir), "_CONDUIT_TUI_COMPLETE": "bash_complete",
            "COMP_WORDS": " ".join(["conduit-tui", *words]), "COMP_CWORD": str(len(words)),
        },
    )  # fmt: skip
    assert done.stderr == ""
    return {line.partition(",")[2] for line in done.stdout.splitlines() if line}


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_is_one(shell: str, tmp_path: Path) -> None:
    script = conduit("completion", shell).stdout
    assert "_CONDUIT_TUI_COMPLETE" in script
    if found := shutil.which(shell):
        path = tmp_path / "script"
        path.write_text(script)
        subprocess.run([found, SHELLS[shell], path], check=True, timeout=100)


def test_verbs_and_options_are_completed(tmp_path: Path) -> None:
    assert {"status", "service"} <= completed(tmp_path, "s")
    assert completed(tmp_path, "doctor", "--off") == {"--offline"}
    assert not (tmp_path / "conduit.db").exists()


def test_projects_are_completed_from_the_database(tmp_path: Path) -> None:
    assert completed(tmp_path, "projects", "archive", "de") == {"default"}
    conduit("projects", "add", "api-server", "--state-dir", str(tmp_path))
    assert completed(tmp_path, "status", "--project", "api") == {"api-server"}


def test_names_of_providers_rules_and_keys_are_completed(tmp_path: Path) -> None:
    conduit(
        "providers", "add", "local", "--base-url", "http://127.0.0.1:11434/v1", "--dialect", "openai-chat", "--no-key",
        "--state-dir", str(tmp_path),
    )  # fmt: skip
    conduit(
        "rules", "add", "--name", "explore", "--when", 'agentType = "Explore"', "--use", "claude-haiku-5-5",
        "--state-dir", str(tmp_path),
    )  # fmt: skip
    assert completed(tmp_path, "providers", "edit", "lo") == {"local"}
    assert completed(tmp_path, "providers", "test", "") == {"anthropic", "local", "openai"}
    assert completed(tmp_path, "rules", "rm", "") == {"explore"}
    assert completed(tmp_path, "config", "set", "costLimits.d") == {"costLimits.daily"}
    assert completed(tmp_path, "backup", "restore", "") == {"newest"}


def test_what_cannot_be_read_completes_nothing(tmp_path: Path) -> None:
    (tmp_path / "conduit.db").write_bytes(b"no database" * 99)
    assert completed(tmp_path, "projects", "archive", "") == set()
