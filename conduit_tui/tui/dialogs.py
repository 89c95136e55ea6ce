"""What is asked before something is done, and what the daemon is then told to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conduit_tui.control.plane import ControlError
from conduit_tui.store.interface import StoreError
from conduit_tui.tui.clean import clean
from conduit_tui.tui.screens.base import unsaved_on
from conduit_tui.tui.screens.dialog import Choice, Dialog
from conduit_tui.tui.state import Link

if TYPE_CHECKING:
    from conduit_tui.tui.conduit import Conduit


async def choose_project(app: Conduit) -> str | None:
    """The project to look at, empty for all; None to leave it as it is. Projects are made and archived here too."""
    from conduit_tui.tui.screens import settings_projects

    return await settings_projects.choose(app)


async def may_lose(app: Conduit, question: str) -> bool:
    """Whether nothing is unsaved on any screen, or may be dropped."""
    unsaved = unsaved_on(app)
    if not unsaved:
        return True
    choices = (Choice("", "n", "no, back"), Choice("drop", "d", "drop it"))
    said = [clean(f"not saved: {each}") for each in unsaved]
    return await app.push_screen_wait(Dialog(question, said, choices)) == "drop"


async def start(app: Conduit) -> None:
    """Start the gateway under the daemon that is there."""
    if app.state.serving:
        app.notify("the gateway is running", markup=False)
        return
    try:
        await app.sources.process.start()
    except (ControlError, OSError) as error:
        _refused(app, "start", error)


async def stop(app: Conduit) -> None:
    """Drain and stop the gateway, if that is meant."""
    flying = app.state.live.in_flight_count if app.state.live else 0
    said = f"{flying} in flight; they may end first." if flying else "Nothing is in flight."
    choices = (
        Choice("", "n", "no, keep it running"),
        Choice("drain", "x", "drain, then stop", "30 s at most"),
        Choice("now", "!", "cut and stop now"),
    )
    chosen = await app.push_screen_wait(Dialog("Stop the gateway?", (said,), choices))
    if not chosen:
        return
    try:
        await app.sources.process.stop(now=chosen == "now")
    except (ControlError, OSError) as error:
        _refused(app, "stop", error)


async def restart(app: Conduit) -> None:
    """Hand over to a new gateway, if that is meant."""
    said = "A new gateway takes the port over; no connection is refused."
    choices = (Choice("restart", "r", "restart"), Choice("", "n", "no"))
    if not await app.push_screen_wait(Dialog("Restart the gateway?", (said,), choices)):
        return
    try:
        await app.sources.process.restart()
    except (ControlError, OSError) as error:
        _refused(app, "restart", error)


async def bypass(app: Conduit) -> bool:
    """Switch the bypass on or off, if that is meant; whether it was done."""
    if app.state.bypass_forced:
        app.notify("the gateway was started with CONDUIT_BYPASS=1; start it without", markup=False)
        return False
    on = not app.state.bypass
    said = ["Rules and project limits act again, from the next request on."]
    if on:
        said = ["Every request goes to the model that its client asked for, and no project"]
        said += ["limit holds. The overall budget holds, and everything is recorded."]
    choices = (Choice("yes", "y", "switch it on" if on else "switch it off"), Choice("", "n", "no"))
    if not await app.push_screen_wait(Dialog(f"Bypass {'on' if on else 'off'}?", said, choices)):
        return False
    try:
        async with app.sources.open_control() as control:
            await control.set_bypass(on)
    except (ControlError, StoreError, OSError) as error:
        _refused(app, f"switch the bypass {'on' if on else 'off'}", error)
        return False
    return True


async def leave(app: Conduit) -> None:
    """End the app: detached, or after stopping daemon and gateway. What is not saved is asked about first."""
    if not await may_lose(app, "Leave without saving?"):
        return
    if app.state.link is not Link.ATTACHED:
        app.exit(0)
        return
    if app.preferences.on_detach != "ask":
        await _leave(app, "detach" if app.preferences.on_detach == "keep" else "stop")
        return
    running = app.state.serving
    said = "The gateway goes on serving after you detach." if running else "The daemon stays when you detach."
    choices = (
        Choice("detach", "d", "detach", "leave everything running"),
        Choice("stop", "s", "stop", "drain the gateway and end the daemon"),
    )
    chosen = await app.push_screen_wait(Dialog("Leave", (said,), choices, again="ctrl+c"))
    if chosen:
        await _leave(app, chosen)


async def _leave(app: Conduit, chosen: str) -> None:
    if chosen == "stop":
        try:
            await app.sources.process.shutdown()
        except (ControlError, OSError) as error:
            _refused(app, "stop", error)
            return
    app.exit(0)


def _refused(app: Conduit, what: str, error: Exception) -> None:
    app.notify(clean(str(error)), title=f"cannot {what}", severity="error", markup=False)
