"""What this terminal can show. Nothing is written to it: an answer that never comes would hold everything up."""

import locale
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping

from conduit_tui.doctor.check import Check, ok, warn

TMUX_SECONDS = 1.0
SMALLEST = (80, 24)


def terminal(environ: Mapping[str, str] = os.environ) -> Iterator[Check]:
    """Checks of the terminal that this command runs in; one line where there is none."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        yield ok("terminal", "none here: not looked at")
        return
    yield kind(environ)
    yield colours(environ)
    yield encoding(environ, locale.getpreferredencoding(do_setlocale=False))
    yield size(os.get_terminal_size(sys.stderr.fileno()))
    yield clipboard(environ)


def kind(environ: Mapping[str, str]) -> Check:
    name = environ.get("TERM", "")
    if name in ("", "dumb"):
        return warn("terminal", f"TERM is {name or 'not set'}", "the screens need a terminal; the verbs do not")
    where = "behind SSH" if environ.get("SSH_CONNECTION") or environ.get("SSH_TTY") else "local"
    inside = ", in tmux" if environ.get("TMUX") else ", in screen" if environ.get("STY") else ""
    return ok("terminal", f"{name}, {where}{inside}")


def colours(environ: Mapping[str, str]) -> Check:
    if environ.get("NO_COLOR"):
        return ok("colours", "off (NO_COLOR)")
    if environ.get("COLORTERM", "").lower() in ("truecolor", "24bit"):
        return ok("colours", "16.7 million")
    if "256" in environ.get("TERM", ""):
        return ok("colours", "256")
    return ok("colours", "16: the theme conduit-ansi suits it")


def encoding(environ: Mapping[str, str], name: str) -> Check:
    if "utf" in name.lower().replace("-", ""):
        return ok("encoding", name)
    return warn("encoding", f"{name}: the screens keep to ASCII", "`export LANG=C.UTF-8`")


def size(here: os.terminal_size) -> Check:
    shown = f"{here.columns}x{here.lines}"
    if here.columns < SMALLEST[0] or here.lines < SMALLEST[1]:
        return warn("size", shown, f"the screens are made for {SMALLEST[0]}x{SMALLEST[1]} and more")
    return ok("size", shown)


def clipboard(environ: Mapping[str, str]) -> Check:
    """Whether a copy (OSC 52) gets through to the user's own machine, as far as can be told without trying."""
    if environ.get("STY"):
        return ok("clipboard", "OSC 52 through screen's passthrough")
    if not environ.get("TMUX"):
        return ok("clipboard", "OSC 52, if the terminal allows it")
    allowed = _tmux_option("set-clipboard") in ("on", "external"), _tmux_option("allow-passthrough") in ("on", "all")
    if any(allowed):
        return ok("clipboard", "OSC 52 through tmux")
    return warn("clipboard", "tmux keeps copies to itself", "`set -g set-clipboard on` in ~/.tmux.conf")


def _tmux_option(name: str) -> str:
    try:
        done = subprocess.run(
            ["tmux", "show-options", "-gqv", name], capture_output=True, text=True, timeout=TMUX_SECONDS, check=False
        )
        if not done.stdout.strip():
            done = subprocess.run(
                ["tmux", "show-options", "-sqv", name],
                capture_output=True,
                text=True,
                timeout=TMUX_SECONDS,
                check=False,
            )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip()
