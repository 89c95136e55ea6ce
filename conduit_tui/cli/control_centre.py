"""`conduit-tui` without a verb: the screens."""

import sys

from conduit_tui.cli.errors import BAD_INPUT, Failure
from conduit_tui.cli.settings import Settings


def open_control_centre(settings: Settings) -> None:
    """Open the control centre on this terminal."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise Failure(
            "the control centre needs a terminal; `conduit-tui --help` lists the verbs for scripts", BAD_INPUT
        )
