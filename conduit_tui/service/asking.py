"""Asking a service manager, by the commands that come with it."""

import os
import subprocess
from pathlib import Path

COMMAND_SECONDS = 60.0
START_SECONDS = 120.0  # systemd gives a service 90
STOP_SECONDS = 700.0  # the longest drain, and what comes after it


class ServiceError(Exception):
    """The service manager did not do what it was asked; the message has its words."""


def run(*command: str, seconds: float = COMMAND_SECONDS) -> None:
    """Run a command to its end. Raises ServiceError when it fails."""
    done = call(*command, seconds=seconds)
    if done.returncode:
        words = (done.stderr or done.stdout).strip().splitlines()
        raise ServiceError(f"`{' '.join(command)}` failed: {words[0] if words else f'exit code {done.returncode}'}")


def ask(*command: str) -> str:
    """What a command says; empty when it says nothing or is not there."""
    return call(*command).stdout.strip()


def call(*command: str, seconds: float = COMMAND_SECONDS) -> subprocess.CompletedProcess[str]:
    """Run a command, whatever comes of it: 127 where it is not installed, 124 when it takes too long."""
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False, env=_environment())
    except FileNotFoundError:
        return subprocess.CompletedProcess(command, 127, "", f"{command[0]} is not installed")
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 124, "", f"no answer within {seconds:g} s")


def _environment() -> dict[str, str]:
    """A shell of `su` or cron does not know where the user's manager listens, also where one runs."""
    variables = {**os.environ, "LC_ALL": "C"}
    place = Path(f"/run/user/{os.getuid()}")
    if not variables.get("XDG_RUNTIME_DIR") and place.is_dir():
        variables["XDG_RUNTIME_DIR"] = str(place)
    return variables
