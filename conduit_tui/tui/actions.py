"""The one registry of what can be done: bindings, footer, palette, `?` help and the keys table in the docs read it."""

from collections.abc import Iterable
from enum import StrEnum
from functools import partial
from typing import Any, NamedTuple

from textual.binding import Binding, BindingType


class Scope(StrEnum):
    """Where an action is at home."""

    EVERYWHERE = "everywhere"
    LISTS = "lists"
    OVERVIEW = "overview"
    REQUESTS = "requests"
    FILTER = "filter"
    DETAIL = "detail"
    PROCESS = "process"


class Action(NamedTuple):
    """One thing that can be done.

    `run` is a Textual action; `label` its word in the footer (none: not shown there); `palette` its words in the
    command palette (none: not offered there); `dangerous` asks before it acts.
    """

    id: str
    scope: Scope
    keys: tuple[str, ...]
    run: str
    help: str
    label: str = ""
    palette: str = ""
    dangerous: bool = False


def _at(scope: Scope, name: str, keys: str, run: str, says: str, label: str = "", **more: Any) -> Action:
    return Action(f"{scope}.{name}", scope, tuple(keys.split()), run, says, label, **more)


_overview = partial(_at, Scope.OVERVIEW)
_requests = partial(_at, Scope.REQUESTS)
_filter = partial(_at, Scope.FILTER)
_detail = partial(_at, Scope.DETAIL)
_process = partial(_at, Scope.PROCESS)
_lists = partial(_at, Scope.LISTS)
_everywhere = partial(_at, Scope.EVERYWHERE)

ACTIONS = (
    _overview("open", "enter", "open", "Open what the cursor is on", "open"),
    _overview("restart", "r", "app.restart", "Hand over to a new gateway", "restart", dangerous=True),
    _overview("start", "s", "app.start", "Start the gateway, or try again"),
    _requests("open", "enter", "open", "Open the request under the cursor", "open"),
    _requests("filter", "slash", "filter", "Filter by words, model: status: project: session:", "filter"),
    _requests("follow", "G end", "bottom", "Go to the newest request and follow", "follow"),
    _requests("clear", "escape", "clear", "Clear the filter"),
    _filter("keep", "enter", "keep", "Keep the filter and go back to the list", "keep"),
    _filter("clear", "escape", "clear", "Clear the filter", "clear"),
    _detail("next", "j n", "step(1)", "Next request", "next"),
    _detail("previous", "k p", "step(-1)", "Previous request", "previous"),
    _detail("down", "down", "scroll_by(1)", "Scroll down"),
    _detail("up", "up", "scroll_by(-1)", "Scroll up"),
    _detail("page_down", "ctrl+d pagedown space", "scroll_page(1)", "Scroll a page down", "scroll"),
    _detail("page_up", "ctrl+u pageup", "scroll_page(-1)", "Scroll a page up"),
    _detail("top", "g home", "scroll_edge(-1)", "To the top"),
    _detail("bottom", "G end", "scroll_edge(1)", "To the bottom"),
    _detail("section", "tab", "section", "To the next section"),
    _detail("back", "escape enter", "back", "Back to the list", "back"),
    _process("start", "s", "app.start", "Start the gateway", "start", palette="Start the gateway"),
    _process("stop", "x", "app.stop", "Drain and stop the gateway; the daemon stays", "stop",
             palette="Stop the gateway", dangerous=True),
    _process("restart", "r", "app.restart", "Hand over to a new gateway; no connection is refused", "restart",
             palette="Restart the gateway", dangerous=True),
    _process("level", "l", "level", "Show the log from info, warnings or errors up", "log level"),
    _lists("down", "j down", "move(1)", "Down"),
    _lists("up", "k up", "move(-1)", "Up"),
    _lists("half_page_down", "ctrl+d", "half_page(1)", "Half a page down"),
    _lists("half_page_up", "ctrl+u", "half_page(-1)", "Half a page up"),
    _lists("page_down", "pagedown space", "page(1)", "A page down"),
    _lists("page_up", "pageup", "page(-1)", "A page up"),
    _lists("top", "g home", "top", "To the top"),
    _lists("bottom", "G end", "bottom", "To the bottom"),
    _everywhere("project", "p", "app.project", "Choose the project to look at", "project", palette="Choose a project"),
    _everywhere("commands", "colon ctrl+p", "app.command_palette", "Find a command by its name", "commands"),
    _everywhere("help", "question_mark f1", "app.help", "Help for what is on the screen", "help",
                palette="Show the keys"),
    _everywhere("leave", "q ctrl+c ctrl+q", "app.leave", "Leave: detach, or stop the gateway", "quit",
                palette="Leave"),
    _everywhere("overview", "1", "app.show('overview')", "State, spending, sessions, needs", palette="Overview"),
    _everywhere("requests", "2", "app.show('requests')", "Every request as it comes", palette="Requests"),
    _everywhere("process", "3", "app.show('process')", "Daemon and gateway, health, history, log", palette="Process"),
    _everywhere("theme", "", "app.theme", "Switch between dark and light", palette="Switch between dark and light"),
)  # fmt: skip

_KEY_NAMES = {
    "slash": "/", "colon": ":", "question_mark": "?", "escape": "esc", "pagedown": "pgdn", "pageup": "pgup",
    "down": "↓", "up": "↑",
}  # fmt: skip


def key_name(key: str) -> str:
    """A key as it is written for people."""
    return _KEY_NAMES.get(key, key)


def of(*scopes: Scope) -> list[Action]:
    """The actions of these scopes; a key belongs to the first scope that claims it."""
    claimed: set[str] = set()
    found = []
    for scope in scopes:
        here = [action for action in ACTIONS if action.scope is scope]
        for action in here:
            keys = tuple(key for key in action.keys if key not in claimed)
            if keys or not action.keys:
                found.append(action._replace(keys=keys))
        claimed.update(key for action in here for key in action.keys)
    return found


def bindings(*scopes: Scope) -> list[BindingType]:
    """Textual's bindings for a screen or a widget."""
    return [
        Binding(",".join(action.keys), action.run, action.help, id=action.id) for action in of(*scopes) if action.keys
    ]


def keys_table(actions: Iterable[Action] = ACTIONS) -> str:
    """All keys as a Markdown table, for the docs."""
    lines = ["| where | keys | does |", "|---|---|---|"]
    for action in actions:
        if action.keys:
            keys = " ".join(f"`{key_name(key)}`" for key in action.keys)
            asks = " (asks first)" if action.dangerous else ""
            lines.append(f"| {action.scope} | {keys} | {action.help}{asks} |")
    return "\n".join(lines) + "\n"
