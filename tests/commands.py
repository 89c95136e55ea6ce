"""The command as tests call it: quickly in this process, or as a process of its own."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from click.testing import CliRunner, Result

from conduit_tui.cli.main import cli
from conduit_tui.paths import StateDir

Run = Callable[..., Result]
Conduit = Callable[..., subprocess.CompletedProcess[str]]


def in_this_process(state_dir: StateDir) -> Run:
    """Runs `conduit-tui` on a state directory."""

    def run(*arguments: str, stdin: str | None = None, **environment: str) -> Result:
        words = [*arguments, "--state-dir", str(state_dir.root)]
        return CliRunner().invoke(cli, words, prog_name="conduit-tui", input=stdin, env=environment)

    return run


def as_a_process(root: Path) -> Conduit:
    """Runs `conduit-tui` on the state directory that this folder is."""

    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "conduit_tui", "--state-dir", str(root), *arguments],
            capture_output=True, text=True, timeout=100, stdin=subprocess.DEVNULL, env={**os.environ, **environment},
            check=False,
        )  # fmt: skip

    return run
