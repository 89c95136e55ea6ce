"""The entry: prepares terminal, log and signals, then runs the app. Textual is imported only in `run`."""

import contextlib
import gc
import logging
import os
import signal
import sys
import termios
import threading
from collections.abc import Iterator, Mapping, Sequence
from types import FrameType
from typing import TYPE_CHECKING, Any

from conduit_tui.paths import StateDir
from conduit_tui.tui import profile as profiles
from conduit_tui.tui.preferences import Preferences

if TYPE_CHECKING:
    from conduit_tui.tui.app import ConduitApp
    from conduit_tui.tui.sources import Sources

LOG_BYTES = 1024 * 1024
GRACE_SECONDS = 2.0
SIGNALS = {signal.SIGTERM: 143, signal.SIGHUP: 129}

# Everything that Textual may have switched on: synchronised output, mouse, focus, paste, kitty keys, in-band resize.
RESTORE = (
    b"\x1b[?2026l\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?1015l\x1b[?1004l\x1b[?2004l\x1b[?2048l"
    b"\x1b[<u\x1b[?7h\x1b[?25h\x1b[?1049l\x1b[0m"
)


def run(
    state_dir: StateDir,
    *,
    profile: str | None = None,
    project: str | None = None,
    up_arguments: Sequence[str] = (),
    given: Mapping[str, Any] | None = None,
    welcome: bool = True,
) -> int:
    """Show the control centre until the user leaves; returns the exit code.

    `up_arguments` are global options for the `conduit-tui up` that is run when no daemon answers (`--port`, ...);
    `given` are the command line's values by the keys of config.toml. `welcome` greets whoever has nothing here yet.
    Raises StateDirError when the state directory cannot be used.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        sys.stderr.write("conduit-tui: the control centre needs a terminal; try `conduit-tui status`\n")
        return 2
    gc.disable()  # a start makes a great many objects and no garbage; the app switches it on after the first paint
    state_dir.prepare()
    preferences = Preferences.read(state_dir, {**(given or {}), **({"screen.profile": profile} if profile else {})})
    chosen = profiles.choose(preferences.profile)
    profiles.prepare(chosen)
    with _stderr_to_log(state_dir):
        from conduit_tui.tui import actions, keymap, user_themes

        actions.use_keys(keymap.chosen(preferences.keys))

        from conduit_tui.tui.app import ConduitApp

        def connect() -> "Sources":
            from conduit_tui.tui.sources import of_state_dir

            return of_state_dir(state_dir, up_arguments)

        app = ConduitApp(
            connect,
            profile=chosen,
            project=project or "",
            preferences=preferences,
            themes=user_themes.load_all(state_dir.themes).themes,
            welcome=welcome,
        )
        with _signals_end(app):
            result = app.run(mouse={"auto": chosen.mouse, "on": True, "off": False}[preferences.mouse])
        code = app.return_code or 0
        if code == SIGNALS[signal.SIGHUP] and preferences.on_detach == "stop":
            _stop_daemon(state_dir)
    if result is None and code == 1:
        sys.stderr.write(f"conduit-tui ended on an error of its own; see {state_dir.tui_log}. The gateway goes on.\n")
    return code if result is None else result


def _stop_daemon(state_dir: StateDir) -> None:
    """The terminal is gone, and the user wants nothing to go on without it."""
    import asyncio

    from conduit_tui.control.plane import ControlError
    from conduit_tui.control.remote import DaemonClient

    with contextlib.suppress(ControlError, OSError):
        asyncio.run(DaemonClient(state_dir).shutdown())


@contextlib.contextmanager
def _stderr_to_log(state_dir: StateDir) -> Iterator[None]:
    """Send what libraries write to file descriptor 2 into the log; Textual draws on a copy of the terminal's."""
    terminal = os.fdopen(os.dup(2), "w", encoding="utf-8", errors="replace")
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
    log = os.open(state_dir.tui_log, flags, 0o600)
    if os.fstat(log).st_size > LOG_BYTES:
        os.ftruncate(log, 0)
    before = sys.__stderr__
    sys.stderr.flush()
    os.dup2(log, 2)
    os.close(log)
    setattr(sys, "__stderr__", terminal)  # noqa: B010 - declared final, and where Textual looks
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.getLogger().addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)
        sys.stderr.flush()
        with contextlib.suppress(OSError):
            terminal.flush()
        os.dup2(terminal.fileno(), 2)
        setattr(sys, "__stderr__", before)  # noqa: B010
        with contextlib.suppress(OSError):
            terminal.close()


@contextlib.contextmanager
def _signals_end(app: "ConduitApp") -> Iterator[None]:
    """SIGTERM and SIGHUP leave the app and the terminal as `q` does; when the app is stuck, without its help."""
    settings = _terminal_settings()

    def end(number: int, _frame: FrameType | None) -> None:
        code = SIGNALS[signal.Signals(number)]
        helper = threading.Timer(GRACE_SECONDS, _force_end, (code, settings))
        helper.daemon = True
        helper.start()
        app.call_later(app.exit, None, code)

    before = {number: signal.signal(number, end) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _terminal_settings() -> list[Any] | None:
    with contextlib.suppress(termios.error, ValueError, OSError):
        return termios.tcgetattr(sys.stdin.fileno())
    return None


def _force_end(code: int, settings: list[Any] | None) -> None:
    with contextlib.suppress(OSError):
        if sys.__stderr__ is not None:
            os.write(sys.__stderr__.fileno(), RESTORE)
    if settings is not None:
        with contextlib.suppress(termios.error, OSError):
            termios.tcsetattr(sys.stdin.fileno(), termios.TCSANOW, settings)
    os._exit(code)
