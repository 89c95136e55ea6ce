"""Screen 3, Rules: in the order in which they fire, with what they did; every change is one key."""

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import replace

from pydantic import ValidationError
from textual import events, work
from textual.app import ComposeResult
from textual.containers import Vertical

from conduit_tui.control.plane import ControlError
from conduit_tui.domain.projects import Project
from conduit_tui.domain.rules import Rule
from conduit_tui.routing.rule_set import added, moved, removed, toggled
from conduit_tui.store.interface import StoreError
from conduit_tui.tui import project_rules, rule_changes
from conduit_tui.tui.actions import Scope, bindings
from conduit_tui.tui.clean import clean
from conduit_tui.tui.ink import BLANK
from conduit_tui.tui.project_rules import ProjectRules
from conduit_tui.tui.screens.listing import ListScreen
from conduit_tui.tui.state import AppState
from conduit_tui.tui.views import rules as view
from conduit_tui.tui.widgets.chrome import Rule as Across
from conduit_tui.tui.widgets.lines import Lines, PickLines

LOOK_SECONDS = 2.0  # how often the database is looked at for what others have changed
LEAN_LOOK_SECONDS = 5.0
PANE_FROM = (100, 34)  # columns and rows from which the detail has a pane of its own


class RulesScreen(ListScreen):
    """The rules of one project."""

    SCOPES = (Scope.RULES, Scope.LISTS)
    TAB = "rules"
    BINDINGS = bindings(*SCOPES)
    HELP_TEXT = (
        "Rules are asked from the top down for every request; the first enabled one that matches decides the model. "
        "! marks a rule that cannot act, whose model nobody serves, or that threw prompt caches away. A change holds "
        "for the next request, and u takes it back."
    )

    def __init__(self) -> None:
        super().__init__()
        self._known: ProjectRules | None = None
        self._changing = asyncio.Lock()
        self._changes = 0  # grows with every one, so that what was read before it is known to be old
        self._look_now = asyncio.Event()
        self._detail: bool | None = None  # as the person wants it, None: as the size allows
        self._wanted = ""

    def compose_content(self) -> ComposeResult:
        yield Lines(widget_id="rules-title")
        yield Lines(widget_id="list-head")
        yield PickLines(widget_id="rules")
        with Vertical(id="pane"):
            yield Across(self.conduit.glyphs)
            yield Lines(widget_id="rule-detail")

    @property
    def _list(self) -> PickLines:
        return self.query_one("#rules", PickLines)

    @property
    def known(self) -> ProjectRules | None:
        """The rules as they were read last."""
        return self._known

    # What comes in

    def on_mount(self) -> None:
        self._watch()

    def data_changed(self) -> None:
        self._look_now.set()

    @work(group="rules-read", exclusive=True, exit_on_error=False)
    async def _watch(self) -> None:
        """Read the rules and what they do, again and again while this screen is on top."""
        pause = LEAN_LOOK_SECONDS if self.conduit.profile.lean else LOOK_SECONDS
        while True:
            self._look_now.clear()
            if self.is_current and not self._changing.locked():
                await self._look()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._look_now.wait(), pause)
            await asyncio.sleep(0.1)  # a burst of requests is looked at once

    async def _look(self) -> None:
        if (reader := self.conduit.reader) is None:
            return
        changes, chosen = self._changes, self.conduit.state.project
        name = chosen or (self._known.project.name if self._known else "")  # it stays on the one it began with
        try:
            known = await project_rules.read(reader, name, self.conduit.now())
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            self._tell(f"a rule cannot be read: {first['msg']}", "rules")
            return
        except StoreError as error:
            self._tell(str(error), "rules")
            return
        if changes == self._changes:  # else what was read is older than what was saved
            self._known = replace(known, bypass=known.bypass or self.conduit.state.bypass)
            self.show_state(self.conduit.state)

    def show_state(self, state: AppState) -> None:
        super().show_state(state)
        known, width = self._known, self.size.width
        if known is None or not self._list.size.width:
            return
        now, glyphs = self.conduit.now(), self.conduit.glyphs
        self.query_one("#rules-title", Lines).show([view.title(known, state.project, width)])
        empty = not known.rules
        self.query_one("#list-head", Lines).show([BLANK if empty else view.column_titles(width)])
        if empty:
            self._list.show_targets([(line, None) for line in view.empty_lines(known)])
        else:
            self._list.show_targets(view.list_lines(known, now, width, glyphs))
        if self._wanted:
            self._list.point(("rule", self._wanted))
            self._wanted = ""
        self._show_detail()

    def _show_detail(self) -> None:
        known, pane = self._known, self.query_one("#pane")
        columns, rows = PANE_FROM
        roomy = self.size.width >= columns and self.size.height >= rows
        pane.display = bool(known and known.rules) and (roomy if self._detail is None else self._detail)
        if known is None or not pane.display:
            return
        rule = self.rule
        width, now, glyphs = self.size.width, self.conduit.now(), self.conduit.glyphs
        lines = view.detail(known, rule, now, width, glyphs) if rule else view.default_detail(known, width)
        self.query_one("#rule-detail", Lines).show(lines)
        if not roomy:
            pane.styles.height = min(len(lines) + 1, max(4, self.size.height - 10))
        else:
            pane.styles.height = 13

    def on_resize(self, event: events.Resize) -> None:
        super().on_resize(event)
        self._show_detail()

    @property
    def rule(self) -> Rule | None:
        """The rule that the cursor is on; None on the last line."""
        target = self._list.target
        return self._known.find(target[1]) if self._known and target else None

    def go_to(self, project: str, rule_id: str) -> None:
        """Show a rule of a project."""
        if self.conduit.state.project != project:
            self.conduit.state.project = project
        self._wanted = rule_id
        self._look_now.set()

    # What is changed

    def action_switch(self) -> None:
        if (rule := self.rule) is not None:
            self._change(lambda rules: toggled(rules, rule.id))

    def action_move_rule(self, by: int) -> None:
        if (rule := self.rule) is not None:
            self._change(lambda rules: moved(rules, rule.id, by))

    def action_delete(self) -> None:
        if (rule := self.rule) is not None:
            self._change(lambda rules: removed(rules, rule.id), deleted=rule.name)

    def action_examples(self) -> None:
        if self._known is not None and not self._known.rules:
            self._write_examples()

    @work(group="rules-examples", exclusive=True, exit_on_error=False)
    async def _write_examples(self) -> None:
        models = await self.models()

        def with_examples(rules: list[Rule]) -> list[Rule]:
            for example in rule_changes.examples(models):
                rules = added(rules, example)
            return rules

        self._change(with_examples)

    @work(group="rules-change", exit_on_error=False)
    async def _change(self, change: rule_changes.Change, *, deleted: str = "") -> None:
        """Make a change of the rules as they are seen here, after those that are still being made."""
        async with self._changing:
            self._changes += 1
            if self._known is None:
                return
            try:
                saved = await rule_changes.save(self.conduit.sources, self._known.project, change)
            except KeyError:
                self._tell("that rule is gone; these are the rules as they are now", "rules")
            except (ControlError, StoreError) as error:
                self._tell(str(error), "not saved")
            else:
                self._take(saved)
                if deleted:
                    self._note("deleted; u brings it back", clean(deleted))
        self._look_now.set()

    def action_history(self) -> None:
        if self._known is not None:
            from conduit_tui.tui.screens.settings_history import HistoryScreen

            self.app.push_screen(HistoryScreen(self._known.project.name))

    def action_undo(self) -> None:
        self._undo()

    @work(group="rules-change", exit_on_error=False)
    async def _undo(self) -> None:
        async with self._changing:
            self._changes += 1
            if self._known is None:
                return
            try:
                undone, revision = await rule_changes.undo(self.conduit.sources, self._known.project.name)
            except (ControlError, StoreError) as error:
                self._tell(str(error), "not undone")
            else:
                back = {rule.id for rule in project_rules.rules_of(undone)} - {rule.id for rule in self._known.rules}
                self._wanted = next(iter(back), "")
                self._take(undone)
                changes = "\n".join(map(clean, revision.changes)) if revision else ""
                self._note(changes or "nothing was different", "undone")
        self._look_now.set()

    def _take(self, project: Project) -> None:
        """The project is like this now; what its rules did is read in a moment."""
        self._changes += 1
        if self._known is not None and project.name == self._known.project.name:
            self._known = replace(self._known, project=project, rules=project_rules.rules_of(project))
            self.show_state(self.conduit.state)

    def _note(self, what: str, title: str) -> None:
        """Say what was done, in the place of what was said before: the list shall stay in sight."""
        self.app.clear_notifications()
        self.notify(what, title=title, markup=False)

    def _tell(self, what: str, title: str) -> None:
        self.notify(clean(what), title=title, severity="error", markup=False)

    # What is opened

    async def models(self) -> Sequence[str]:
        """Names of models to offer."""
        reader = self.conduit.reader
        if reader is None or self._known is None:
            return ()
        return await project_rules.known_models(reader, self._known, self.conduit.now())

    def action_new(self) -> None:
        if self._known is not None:
            rules = self._known.rules
            priority = (self.rule or rules[-1]).priority + 1 if rules else 10
            self._edit(Rule(priority=priority, sticky=self._known.project.config.sticky))

    def action_edit(self) -> None:
        if (rule := self.rule) is not None:
            self._edit(rule)
        elif self._known is not None and self._known.rules:
            self.notify("the last line is what holds where no rule matches; n writes a rule", markup=False)

    @work(group="rules-edit", exclusive=True, exit_on_error=False)
    async def _edit(self, rule: Rule) -> None:
        from conduit_tui.tui.screens.rule_editor import RuleEditor

        if self._known is None:
            return
        before = {each.id for each in self._known.rules}
        editor = RuleEditor(self._known, rule, await self.models())
        await self.conduit.push_screen_wait(editor)
        if (saved := editor.saved) is not None:
            self._take(saved)
            written = next((each for each in project_rules.rules_of(saved) if each.id not in before), None)
            self._wanted = rule.id or (written.id if written else "")
            self.show_state(self.conduit.state)

    def action_try(self) -> None:
        if self._known is not None:
            from conduit_tui.tui.screens.try_rules import TryScreen

            self.app.push_screen(TryScreen(self._known, self._known.rules))

    def action_backtest(self) -> None:
        if self._known is not None:
            from conduit_tui.tui.screens.backtest import BacktestScreen

            self.app.push_screen(BacktestScreen(self._known.project.name, self._known.rules))

    # Moving

    def action_open(self) -> None:
        self._detail = not self.query_one("#pane").display
        self._show_detail()

    def on_pick_lines_picked(self, event: PickLines.Picked) -> None:
        self.action_open()

    def action_move(self, by: int) -> None:
        super().action_move(by)
        self._show_detail()
