"""How much the terminal is given to draw: a local one, one behind SSH, or a plain one."""

import locale
import os
import sys
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Profile:
    """What a kind of terminal gets.

    `data_repaints` is the greatest number of repaints per second for new data, `clock_seconds` how often relative
    times are looked at again.
    """

    name: str
    data_repaints: float
    clock_seconds: float
    theme: str
    frames: int
    mouse: bool
    ascii_only: bool = False

    @property
    def lean(self) -> bool:
        """Whether bytes count more than shades."""
        return self.name != "local"


LOCAL = Profile("local", data_repaints=10, clock_seconds=1, theme="conduit-dark", frames=60, mouse=True)
SSH = Profile("ssh", data_repaints=2, clock_seconds=10, theme="conduit-ansi", frames=15, mouse=False)
PLAIN = Profile(
    "plain", data_repaints=2, clock_seconds=10, theme="conduit-plain", frames=15, mouse=False, ascii_only=True
)
PROFILES = {profile.name: profile for profile in (LOCAL, SSH, PLAIN)}


def choose(given: str | None, environ: Mapping[str, str] = os.environ) -> Profile:
    """The profile asked for, else (or for `auto`) what the environment tells."""
    if given and given != "auto":
        return PROFILES[given]
    if environ.get("TERM") == "dumb" or "utf" not in _encoding().lower():
        return PLAIN
    if environ.get("SSH_CONNECTION") or environ.get("SSH_TTY"):
        return SSH
    return LOCAL


def prepare(profile: Profile, environ: MutableMapping[str, str] = os.environ) -> None:
    """Set what Textual reads once, at its import; call before that. What the user has set stays."""
    environ.setdefault("TEXTUAL_ANIMATIONS", "none")
    environ.setdefault("TEXTUAL_SMOOTH_SCROLL", "0")
    environ.setdefault("TEXTUAL_FPS", str(profile.frames))


def _encoding() -> str:
    return getattr(sys.stdout, "encoding", None) or locale.getpreferredencoding(do_setlocale=False)
