"""The one registry of what can be done: bindings, footer, palette, `?` help and the keys table in the docs read it."""

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from textual.binding import Binding


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


ACTIONS = (
    # Overview
    Action("overview.open", Scope.OVERVIEW, ("enter",), "open", "Open what the cursor is on", "open"),
    Action("overview.restart", Scope.OVERVIEW, ("r",), "app.restart", "Hand over to a new gateway", "restart", dangerous=True),
    Action("overview.start", Scope.OVERVIEW, ("s",), "app.start", "Start the gateway, or try again", ""),
    # Requests
    Action("requests.open", Scope.REQUESTS, ("enter",), "open", "Open the request under the cursor", "open"),
    Action("requests.filter", Scope.REQUESTS, ("slash",), "filter", "Filter by words, model:, status:, project:, session:", "filter"),
    Action("requests.follow", Scope.REQUESTS, ("G", "end"), "bottom", "Go to the newest request and follow", "follow"),
    Action("requests.clear", Scope.REQUESTS, ("escape",), "clear", "Clear the filter"),
    # The filter's input
    Action("filter.keep", Scope.FILTER, ("enter",), "keep", "Keep the filter and go back to the list", "keep"),
    Action("filter.clear", Scope.FILTER, ("escape",), "clear", "Clear the filter", "clear"),
    # Detail
    Action("detail.next", Scope.DETAIL, ("j", "n"), "step(1)", "Next request", "next"),
    Action("detail.previous", Scope.DETAIL, ("k", "p"), "step(-1)", "Previous request", "previous"),
    Action("detail.down", Scope.DETAIL, ("down",), "scroll_by(1)", "Scroll down"),
    Action("detail.up", Scope.DETAIL, ("up",), "scroll_by(-1)", "Scroll up"),
    Action("detail.page_down", Scope.DETAIL, ("ctrl+d", "pagedown", "space"), "scroll_page(1)", "Scroll a page down", "scroll"),
    Action("detail.page_up", Scope.DETAIL, ("ctrl+u", "pageup"), "scroll_page(-1)", "Scroll a page up"),
    Action("detail.top", Scope.DETAIL, ("g", "home"), "scroll_edge(-1)", "To the top"),
    Action("detail.bottom", Scope.DETAIL, ("G", "end"), "scroll_edge(1)", "To the bottom"),
    Action("detail.section", Scope.DETAIL, ("tab",), "section(1)", "To the next section", "section"),
    Action("detail.back", Scope.DETAIL, ("escape", "enter"), "back", "Back to the list", "back"),
    # Process
    Action("process.start", Scope.PROCESS, ("s",), "app.start", "Start the gateway", "start", "Start the gateway"),
    Action("process.stop", Scope.PROCESS, ("x",), "app.stop", "Drain and stop the gateway; the daemon stays", "stop", "Stop the gateway", dangerous=True),
    Action("process.restart", Scope.PROCESS, ("r",), "app.restart", "Hand over to a new gateway; no connection is refused", "restart", "Restart the gateway", dangerous=True),
    Action("process.level", Scope.PROCESS, ("l",), "level", "Show the log from info, warnings or errors up", "log level"),
    # Lists
    Action("list.down", Scope.LISTS, ("j", "down"), "move(1)", "Down"),
    Action("list.up", Scope.LISTS, ("k", "up"), "move(-1)", "Up"),
    Action("list.half_down", Scope.LISTS, ("ctrl+d",), "half_page(1)", "Half a page down"),
    Action("list.half_up", Scope.LISTS, ("ctrl+u",), "half_page(-1)", "Half a page up"),
    Action("list.page_down", Scope.LISTS, ("pagedown", "space"), "page(1)", "A page down"),
    Action("list.page_up", Scope.LISTS, ("pageup",), "page(-1)", "A page up"),
    Action("list.top", Scope.LISTS, ("g", "home"), "top", "To the top"),
    Action("list.bottom", Scope.LISTS, ("G", "end"), "bottom", "To the bottom"),
    # Everywhere
    Action("app.project", Scope.EVERYWHERE, ("p",), "project", "Choose the project to look at", "project", "Choose a project"),
    Action("app.palette", Scope.EVERYWHERE, ("colon", "ctrl+p"), "command_palette", "Find a command by its name", "commands"),
    Action("app.help", Scope.EVERYWHERE, ("question_mark", "f1"), "help", "Help for what is on the screen", "help", "Show the keys"),
    Action("app.quit", Scope.EVERYWHERE, ("q", "ctrl+c", "ctrl+q"), "leave", "Leave: detach, or stop the gateway", "quit", "Leave"),
    Action("app.overview", Scope.EVERYWHERE, ("1",), "show('overview')", "Overview", "", "Overview"),
    Action("app.requests", Scope.EVERYWHERE, ("2",), "show('requests')", "Requests", "", "Requests"),
    Action("app.process", Scope.EVERYWHERE, ("3",), "show('process')", "Process", "", "Process"),
    Action("app.theme", Scope.EVERYWHERE, (), "theme", "Switch between dark and light", "", "Switch between dark and light"),
)  # fmt: skip

_KEY_NAMES = {
    "slash": "/", "colon": ":", "question_mark": "?", "escape": "esc", "pagedown": "pgdn", "pageup": "pgup",
    "down": "↓", "up": "↑",
}  # fmt: skip


def key_name(key: str) -> str:
    """A key as it is written for people."""
    return _KEY_NAMES.get(key, key)


def of(*scopes: Scope) -> list[Action]:
    """The actions of these scopes, in the registry's order; a key belongs to the first scope that claims it."""
    return [action for scope in scopes for action in ACTIONS if action.scope is scope]


def bindings(*scopes: Scope) -> list[Binding]:
    """Textual's bindings for a screen or a widget."""
    claimed: set[str] = set()
    made = []
    for action in of(*scopes):
        keys = [key for key in action.keys if key not in claimed]
        claimed.update(keys)
        if keys:
            made.append(Binding(",".join(keys), action.run, action.help, id=action.id))
    return made


def keys_table(actions: Iterable[Action] = ACTIONS) -> str:
    """All keys as a Markdown table, for the docs."""
    lines = ["| where | keys | does |", "|---|---|---|"]
    for action in actions:
        if action.keys:
            keys = " ".join(f"`{key_name(key)}`" for key in action.keys)
            asks = " (asks first)" if action.dangerous else ""
            lines.append(f"| {action.scope} | {keys} | {action.help}{asks} |")
    return "\n".join(lines) + "\n"
