"""The one registry of what can be done: bindings, footer, palette, `?` help and the page of keys read it."""

from collections.abc import Mapping
from enum import StrEnum
from functools import partial
from typing import Any, NamedTuple

from textual.binding import Binding, BindingType


class Scope(StrEnum):
    """Where an action is at home."""

    EVERYWHERE = "everywhere"
    LISTS = "lists"
    OVERVIEW = "overview"
    WELCOME = "welcome"
    REQUESTS = "requests"
    FILTER = "filter"
    DETAIL = "detail"
    SESSIONS = "sessions"
    RECONCILE = "reconcile"
    RULES = "rules"
    EDITOR = "rule editor"
    CONDITIONS = "conditions"
    TRY = "try"
    BACKTEST = "backtest"
    USAGE = "usage"
    BUDGETS = "budgets"
    CHECK = "entries to check"
    PRICES = "prices"
    FORM = "form"
    SETTINGS = "settings"
    PROVIDERS = "providers"
    HISTORY = "history"
    TEST = "test"
    PROCESS = "process"
    BACKUPS = "backups"
    DIFFERENCE = "difference"


class Action(NamedTuple):
    """One thing that can be done.

    `run` is a Textual action; `label` its word in the footer (none: not shown there); `palette` its words in the
    command palette (none: not offered there); `dangerous` asks before it acts; `first` takes its keys before the field
    that is being typed in.
    """

    id: str
    scope: Scope
    keys: tuple[str, ...]
    run: str
    help: str
    label: str = ""
    palette: str = ""
    dangerous: bool = False
    first: bool = False

    @property
    def says(self) -> str:
        """What it does, for people; a key that opens a screen names it."""
        opens = self.run.startswith("app.show(")
        return f"{self.palette}: {self.help[0].lower()}{self.help[1:]}" if opens else self.help


def _at(scope: Scope, name: str, keys: str, run: str, says: str, label: str = "", **more: Any) -> Action:
    return Action(f"{scope}.{name}", scope, tuple(keys.split()), run, says, label, **more)


_overview = partial(_at, Scope.OVERVIEW)
_welcome = partial(_at, Scope.WELCOME)
_requests = partial(_at, Scope.REQUESTS)
_filter = partial(_at, Scope.FILTER)
_detail = partial(_at, Scope.DETAIL)
_sessions = partial(_at, Scope.SESSIONS)
_reconcile = partial(_at, Scope.RECONCILE)
_rules = partial(_at, Scope.RULES)
_editor = partial(_at, Scope.EDITOR)
_conditions = partial(_at, Scope.CONDITIONS)
_try = partial(_at, Scope.TRY)
_backtest = partial(_at, Scope.BACKTEST)
_usage = partial(_at, Scope.USAGE)
_budgets = partial(_at, Scope.BUDGETS)
_check = partial(_at, Scope.CHECK)
_prices = partial(_at, Scope.PRICES)
_form = partial(_at, Scope.FORM)
_settings = partial(_at, Scope.SETTINGS)
_providers = partial(_at, Scope.PROVIDERS)
_history = partial(_at, Scope.HISTORY)
_test = partial(_at, Scope.TEST)
_process = partial(_at, Scope.PROCESS)
_backups = partial(_at, Scope.BACKUPS)
_difference = partial(_at, Scope.DIFFERENCE)
_lists = partial(_at, Scope.LISTS)
_everywhere = partial(_at, Scope.EVERYWHERE)

ACTIONS = (
    _overview("open", "enter", "open", "Open what the cursor is on", "open"),
    _overview("restart", "r", "app.restart", "Hand over to a new gateway", "restart", dangerous=True),
    _overview("sessions", "s", "sessions", "Sessions; while no gateway runs, start one", "sessions"),
    _welcome("open", "enter", "open", "Do what the cursor is on", "choose"),
    _welcome("down", "j down", "move(1)", "Down"),
    _welcome("up", "k up", "move(-1)", "Up"),
    _welcome("claude", "c", "begin('claude')", "The line that brings Claude Code here"),
    _welcome("other", "u", "begin('other')", "The line that brings any other client here"),
    _welcome("provider", "a", "begin('provider')", "Add a provider: what was found, else one of your own"),
    _welcome("new_provider", "n", "begin('form')", "Add a provider of your own"),
    _welcome("demo", "d", "begin('demo')", "Watch the demo: made-up traffic, and nothing of it stays"),
    _welcome("again", "r", "look", "Look again for what is on this machine"),
    _welcome("back", "escape", "back", "Back; then to the Overview", "back"),
    _requests("open", "enter", "open", "Open the request under the cursor", "open"),
    _requests("filter", "slash", "filter", "Filter by words, model: status: project: session:, or as a rule does",
              "filter"),
    _requests("follow", "G end", "bottom", "Go to the newest request and follow", "follow"),
    _requests("sessions", "s", "app.sessions", "Sessions: agents, models, cost, and a switch to stop one", "sessions",
              palette="Sessions"),
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
    _sessions("open", "enter", "open", "Open the requests of the session under the cursor", "requests"),
    _sessions("stop", "x", "stop", "Stop the session with a reason, or let a stopped one go on", "stop"),
    _sessions("filter", "slash", "filter", "Filter by words, model: project: session: since:", "filter"),
    _sessions("reconcile", "c", "app.reconcile", "Compare the ledger with Claude Code's transcripts", "reconcile",
              palette="Reconcile with Claude Code's transcripts"),
    _sessions("back", "escape", "back", "Clear the filter; then back to the requests", "back"),
    _reconcile("open", "enter", "open", "Open the requests of the session under the cursor", "requests"),
    _reconcile("longer", "right_square_bracket", "range(1)", "A longer time: 24 h, 7 d, 30 d, all", "longer"),
    _reconcile("shorter", "left_square_bracket", "range(-1)", "A shorter time", "shorter"),
    _reconcile("again", "r", "again", "Read the transcripts again", "again"),
    _reconcile("back", "escape", "back", "Back", "back"),
    _rules("new", "n", "new", "Write a new rule", "new"),
    _rules("edit", "e", "edit", "Edit the rule", "edit"),
    _rules("toggle", "space", "switch", "Switch the rule on or off", "on/off"),
    _rules("try", "t", "try", "Try a prompt on the rules: what each condition answers", "try"),
    _rules("backtest", "b", "backtest", "What past requests would have cost under these rules", "backtest"),
    _rules("later", "J", "move_rule(1)", "Let the rule fire later", "move"),
    _rules("earlier", "K", "move_rule(-1)", "Let the rule fire earlier"),
    _rules("delete", "D", "delete", "Delete the rule; u brings it back", "delete"),
    _rules("undo", "u", "undo", "Take the newest change of the project back, then the one before it", "undo"),
    _rules("history", "h", "history", "What was changed and when; compare and restore", "history"),
    _rules("open", "enter", "open", "Show or hide the detail of the rule under the cursor", "detail"),
    _rules("examples", "x", "examples", "Write two example rules, switched off, where there is none yet"),
    _editor("save", "ctrl+s", "save", "Save the rule", "save"),
    _editor("next", "tab", "app.focus_next", "Accept the suggestion, or go to the next field", "next"),
    _editor("previous", "shift+tab", "app.focus_previous", "Go to the previous field"),
    _editor("try", "ctrl+t", "try", "Try a prompt on the rules with this one as it is written", "try"),
    _editor("backtest", "ctrl+r", "backtest", "Backtest the rules with this one as it is written", "backtest"),
    _editor("cancel", "escape", "cancel", "Leave; asks if something was changed", "cancel"),
    _editor("outside", "ctrl+e", "outside", "Write the condition in $EDITOR", first=True),
    _editor("suggest", "ctrl+o", "suggest", "Show what may stand at the cursor"),
    _conditions("down", "j down", "move(1)", "Down"),
    _conditions("up", "k up", "move(-1)", "Up"),
    _conditions("change", "enter", "change", "Change the condition; of a group, all to any and back", "change"),
    _conditions("add", "a", "add", "Add a condition", "add"),
    _conditions("group", "A", "group", "Add a condition in a group of its own with this one", "group"),
    _conditions("negate", "n", "negate", "Turn it into its opposite, and back", "not"),
    _conditions("delete", "d delete", "delete", "Delete it", "delete"),
    _try("next", "pagedown", "step(1)", "Take the facts of an older request", "older request"),
    _try("previous", "pageup", "step(-1)", "Take the facts of a newer request", "newer"),
    _try("down", "ctrl+d", "scroll_by(5)", "Scroll the answers down", "scroll"),
    _try("up", "ctrl+u", "scroll_by(-5)", "Scroll the answers up"),
    _try("field", "tab", "app.focus_next", "To the next fact", "next fact"),
    _try("previous_field", "shift+tab", "app.focus_previous", "To the previous fact"),
    _try("back", "escape", "back", "Back", "back"),
    _backtest("longer", "right l", "range(1)", "A longer time", "longer"),
    _backtest("shorter", "left h", "range(-1)", "A shorter time", "shorter"),
    _backtest("again", "r", "again", "Run it again", "again"),
    _backtest("back", "escape", "back", "Cancel what runs; then back", "cancel, back"),
    _usage("open", "enter", "open", "Open the requests of the line under the cursor", "its requests"),
    _usage("longer", "right_square_bracket", "range(1)", "A longer time: 1 h, 24 h, 7 d, 30 d", "longer"),
    _usage("shorter", "left_square_bracket", "range(-1)", "A shorter time", "shorter"),
    _usage("earlier", "left h", "shift(-1)", "An earlier time", "earlier"),
    _usage("later", "right l", "shift(1)", "A later time"),
    _usage("metric", "m", "metric", "Chart cost, tokens, requests, or durations (p50, p95)", "metric"),
    _usage("group", "b", "group", "By model, project, agent type, provider, session or day", "by"),
    _usage("view", "v", "view", "Bars or lines", "bars/lines"),
    _usage("bar_before", "comma", "bar(-1)", "Pick a bar, the one before", "bar"),
    _usage("bar_after", "full_stop", "bar(1)", "Pick the next bar"),
    _usage("clear", "escape", "clear", "All bars again"),
    _usage("export", "x", "export", "Write what is shown into a file, as CSV or JSON", "export"),
    _budgets("edit", "e enter", "edit", "Set the limits, the mode and the zone of a budget", "edit"),
    _budgets("raise", "t", "raise", "Raise the limits for a time, or end a raise", "raise until …"),
    _budgets("mode", "m", "mode", "Balanced or strict", "mode"),
    _budgets("new", "n", "new", "A budget for one model or agent type", "new"),
    _budgets("check", "w", "check", "Entries whose cost is not the provider's own figure", "entries to check"),
    _budgets("prices", "dollar_sign", "app.prices", "Prices of your own, and models without a price", "prices"),
    _check("open", "enter", "open", "Lower what the entry was charged; audited", "write down"),
    _check("back", "escape", "back", "Back", "back"),
    _prices("edit", "enter e", "edit", "Set the price of the model under the cursor", "set"),
    _prices("new", "n", "new", "Set the price of another model", "new"),
    _prices("delete", "D", "delete", "Remove the price; the price list counts again", "remove", dangerous=True),
    _prices("back", "escape", "back", "Back", "back"),
    _form("save", "ctrl+s", "save", "Save", "save"),
    _form("next", "tab", "app.focus_next", "To the next field", "next"),
    _form("previous", "shift+tab", "app.focus_previous", "To the previous field"),
    _form("cancel", "escape", "cancel", "Leave without saving", "cancel"),
    _settings("save", "ctrl+s", "save", "Save what was changed, on every page", "save"),
    _settings("cancel", "escape", "cancel", "Back to the pages; asks what becomes of changes", "cancel"),
    _settings("test", "ctrl+t", "app.settings('test')", "Test the configuration as it is written, saved or not", "test",
              palette="Test the configuration"),
    _settings("page", "pagedown", "page_step(1)", "To the next page; on the line of pages also → and ←", "page"),
    _settings("page_before", "pageup", "page_step(-1)", "To the page before"),
    _settings("history", "h", "app.settings('history')", "What was changed and when; compare and restore", "history",
              palette="History of the configuration"),
    _settings("open", "enter", "open", "Open what the cursor is on, or go to the next field"),
    _settings("next", "tab", "app.focus_next", "To the next field", "next"),
    _settings("previous", "shift+tab", "app.focus_previous", "To the previous field"),
    _providers("add", "n", "provider('add')", "Add a provider", "add"),
    _providers("edit", "e", "provider('edit')", "Edit the provider under the cursor", "edit"),
    _providers("test", "t", "provider('test')", "Ask it for its models, which is free", "test it"),
    _providers("key", "r", "provider('key')", "Give it another key", "key"),
    _providers("remove", "D", "provider('remove')", "Remove it", "remove", dangerous=True),
    _history("restore", "r enter", "restore", "Make the configuration what it was then", "restore", dangerous=True),
    _history("back", "escape", "back", "Back", "back"),
    _test("again", "r", "again", "Test again", "again"),
    _test("back", "escape", "back", "Back", "back"),
    _process("start", "s", "app.start", "Start the gateway", "start", palette="Start the gateway"),
    _process("stop", "x", "app.stop", "Drain and stop the gateway; the daemon stays", "stop",
             palette="Stop the gateway", dangerous=True),
    _process("restart", "r", "app.restart", "Hand over to a new gateway; no connection is refused", "restart",
             palette="Restart the gateway", dangerous=True),
    _process("filter", "slash", "filter", "Show the lines of the log that have some words", "filter log"),
    _process("clear", "escape", "clear", "All lines again"),
    _process("level", "l", "level", "Show the log from info, warnings or errors up", "log level"),
    _backups("make", "n", "make", "Make a safety copy while the gateway serves", "copy"),
    _backups("look", "enter", "look", "What is in the copy, and what bringing it back would change", "look"),
    _backups("export", "x", "export", "Write an export into a file", "export"),
    _backups("import", "i", "import", "Take a file in, its difference shown first", "import"),
    _backups("delete", "D", "delete", "Delete the copy", "delete", dangerous=True),
    _difference("apply", "a", "apply", "Let it happen", "apply", dangerous=True),
    _difference("approve", "space enter", "approve", "Approve the line under the cursor, or not", "approve"),
    _difference("back", "escape", "back", "Back, nothing changed", "back"),
    _lists("down", "j down", "move(1)", "Down"),
    _lists("up", "k up", "move(-1)", "Up"),
    _lists("half_page_down", "ctrl+d", "half_page(1)", "Half a page down"),
    _lists("half_page_up", "ctrl+u", "half_page(-1)", "Half a page up"),
    _lists("page_down", "pagedown space", "page(1)", "A page down"),
    _lists("page_up", "pageup", "page(-1)", "A page up"),
    _lists("top", "g home", "top", "To the top"),
    _lists("bottom", "G end", "bottom", "To the bottom"),
    _everywhere("project", "p", "app.project", "Choose the project to look at", "project", palette="Choose a project"),
    _everywhere("bypass", "B", "app.bypass", "Bypass on or off: no rule, no project limit; the overall budget holds",
                palette="Bypass: rules and project limits off, or on again", dangerous=True),
    _everywhere("commands", "colon ctrl+p", "app.command_palette", "Find a command by its name", "commands"),
    _everywhere("copy", "y", "app.copy", "Copy what is shown, to your own machine's clipboard",
                palette="Copy what is shown"),
    _everywhere("page", "o", "app.page", "Open what is shown in the pager", palette="Open what is shown in the pager"),
    _everywhere("help", "question_mark f1", "app.help", "Help for what is on the screen", "help",
                palette="Show the keys"),
    _everywhere("suspend", "ctrl+z", "app.suspend_process", "Go to the shell for a while; fg brings it back"),
    _everywhere("leave", "q ctrl+c ctrl+q", "app.leave", "Leave: detach, or stop the gateway", "quit",
                palette="Leave"),
    _everywhere("overview", "1", "app.show('overview')", "State, spending, sessions, needs", palette="Overview"),
    _everywhere("requests", "2", "app.show('requests')", "Every request as it comes", palette="Requests"),
    _everywhere("rules", "3", "app.show('rules')", "Which model serves what, and why", palette="Rules"),
    _everywhere("usage", "4", "app.show('usage')", "What was used along time, and what it cost", palette="Usage"),
    _everywhere("budgets", "5", "app.show('budgets')", "What may be spent, is spent and is held", palette="Budgets"),
    _everywhere("settings", "6", "app.show('settings')", "What is configured, by project and by machine",
                palette="Settings"),
    _everywhere("process", "7", "app.show('process')", "Daemon and gateway, health, history, log", palette="Process"),
    _everywhere("backups", "8", "app.show('backups')", "Safety copies: make, look, restore; export, import",
                palette="Backups"),
    _everywhere("welcome", "", "app.welcome", "How to begin: what was found here, and the line to paste",
                palette="Welcome"),
    _everywhere("prices", "", "app.prices", "Prices of your own, and models without a price", palette="Prices"),
    _everywhere("providers", "", """app.settings("show_page('providers')")""", "Where requests go, and with which key",
                palette="Providers & keys"),
    _everywhere("machine", "", """app.settings("show_page('machine')")""", "Its config.toml, keys and themes",
                palette="This machine"),
    _everywhere("theme", "T", "app.theme", "Go on to the next theme", palette="Next theme"),
)  # fmt: skip

_chosen: dict[str, tuple[str, ...]] = {}


def use_keys(chosen: Mapping[str, tuple[str, ...]]) -> None:
    """Give actions, by their ids, other keys. Screens bind keys when they are imported, so call it before that."""
    _chosen.clear()
    _chosen.update(chosen)


def current() -> list[Action]:
    """All actions with the keys that they have now."""
    return [action._replace(keys=_chosen.get(action.id, action.keys)) for action in ACTIONS]


def of(*scopes: Scope) -> list[Action]:
    """The actions of these scopes; a key belongs to the first scope that claims it."""
    claimed: set[str] = set()
    found = []
    for scope in scopes:
        here = [action for action in current() if action.scope is scope]
        for action in here:
            keys = tuple(key for key in action.keys if key not in claimed)
            if keys or not action.keys:
                found.append(action._replace(keys=keys))
        claimed.update(key for action in here for key in action.keys)
    return found


def bindings(*scopes: Scope) -> list[BindingType]:
    """Textual's bindings for a screen or a widget."""
    return [
        Binding(",".join(action.keys), action.run, action.help, id=action.id, priority=action.first)
        for action in of(*scopes)
        if action.keys
    ]
