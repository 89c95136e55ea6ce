"""What a logout ends, as systemd-logind is set up here."""

import os
import pwd
import shlex
from pathlib import Path

from conduit_tui.service.asking import ask

_LOGIND = ("org.freedesktop.login1", "/org/freedesktop/login1", "org.freedesktop.login1.Manager")


def ends_at_logout(pid: int) -> bool:
    """Whether a process of this user ends with the session that it belongs to, or with the last one of this user."""
    try:
        groups = Path(f"/proc/{pid}/cgroup").read_text()
    except OSError:
        return False
    if f"/user@{os.getuid()}.service/" in groups:
        return not lingers()
    return "/session-" in groups and kills_at_logout()


def lingers() -> bool:
    """Whether systemd keeps this user's services running without a session."""
    return ask("loginctl", "show-user", str(os.getuid()), "--property=Linger", "--value") == "yes"


def kills_at_logout() -> bool:
    """Whether the end of a session ends its processes: `man logind.conf`, KillUserProcesses= and what follows it."""
    names = ("KillUserProcesses", "KillOnlyUsers", "KillExcludeUsers")
    told = ask("busctl", "get-property", *_LOGIND, *names).splitlines()
    if len(told) != len(names):
        return False
    every, only, spared = (shlex.split(line)[1:] for line in told)
    name = _user_name()
    if name in spared[1:]:
        return False
    return name in only[1:] if only[1:] else every == ["true"]


def _user_name() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return ""
