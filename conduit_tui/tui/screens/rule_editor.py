"""The editor of a rule: its condition as text and as a form, kept in step, and what it would have met."""

import asyncio
from collections.abc import Sequence

from textual import events, work
from textual.app import ComposeResult, SuspendNotSupported
from textual.widgets import Input

from conduit_tui.control.plane import ControlError
from conduit_tui.domain.projects import Project
from conduit_tui.domain.rules import Rule
from conduit_tui.routing.expression import ExpressionError
from conduit_tui.routing.patterns import PatternError
from conduit_tui.routing.printer import to_text
from conduit_tui.store.interface import StoreError
from conduit_tui.tui import match_count, outside, rule_changes
from conduit_tui.tui.actions import Scope, bindings, of
from conduit_tui.tui.clean import clean
from conduit_tui.tui.ink import Ink, Line, spread
from conduit_tui.tui.project_rules import ProjectRules
from conduit_tui.tui.rule_draft import Checked, Draft, check, draft_of
from conduit_tui.tui.screens.base import ConduitScreen
from conduit_tui.tui.screens.condition_picker import ConditionPicker
from conduit_tui.tui.screens.dialog import Choice, Dialog
from conduit_tui.tui.views import condition as condition_view
from conduit_tui.tui.widgets.chrome import Footer
from conduit_tui.tui.widgets.chrome import Rule as Across
from conduit_tui.tui.widgets.condition_form import ConditionForm
from conduit_tui.tui.widgets.expression_area import ExpressionArea
from conduit_tui.tui.widgets.fields import LABEL, FieldRow, TextInput, Toggle
from conduit_tui.tui.widgets.lines import Lines
from conduit_tui.tui.widgets.suggestions import ModelInput, Suggesting, Suggestions

COUNT_PAUSE_SECONDS = 0.3
ROWS = {"name": "name", "targetModel": "use", "fallback": "fallback", "priority": "priority", "rollout": "rollout"}


class RuleEditor(ConduitScreen):
    """Edits one rule, a new one where it has no id. `saved` is the project after it was saved."""

    SCOPES = (Scope.EDITOR,)
    TAB = "rules"
    BINDINGS = bindings(*SCOPES)
    HELP_TEXT = (
        "The condition is one line of text, and the form under it is the same condition. Type, and take what is "
        "offered with tab; or go to the form with tab and press a for a condition, A for one in a group, n for the "
        "opposite, enter to change, d to delete. The count says how many of the project's last requests it would meet."
    )

    def __init__(self, known: ProjectRules, rule: Rule, models: Sequence[str]) -> None:
        super().__init__()
        self._known = known
        self._project = known.project
        self._base = rule
        self._began = draft_of(rule)
        self._models = models
        self._checked: Checked | None = None
        self._counter = match_count.MatchCounter(known.project.name)
        self._counted = ""
        self._saving = False
        self._left: set[str] = set()  # fields that the person has been in; before, an empty one is no mistake
        self.saved: Project | None = None

    def compose_content(self) -> ComposeResult:
        draft = self._began
        yield Lines(widget_id="editor-title")
        yield FieldRow("name", TextInput(draft.name, widget_id="name"))
        yield FieldRow("when", ExpressionArea(draft.when, self._models, widget_id="when"), wide=True)
        yield Lines(widget_id="when-problem")
        yield Suggestions(widget_id="suggestions")
        yield ConditionForm(widget_id="form")
        yield FieldRow("use", ModelInput(lambda: self._models, draft.use, widget_id="use"))
        yield FieldRow("fallback", ModelInput(lambda: self._models, draft.fallback, several=True, widget_id="fallback"))
        yield FieldRow(
            "priority",
            TextInput(draft.priority, widget_id="priority"),
            Toggle(("on", "off"), "on" if draft.enabled else "off", mark=True, widget_id="enabled"),
        )
        yield FieldRow(
            "rollout %",
            TextInput(draft.rollout, widget_id="rollout"),
            Toggle(
                ("decided for each request", "decided once per session"), _sticky_words(draft.sticky),
                widget_id="sticky",
            ),
        )  # fmt: skip
        yield FieldRow("description", TextInput(draft.description, widget_id="description"), wide=True)

    def on_mount(self) -> None:
        self.query_one("#when", ExpressionArea).move_cursor((0, len(self._began.when)))
        self.query_one("#when" if self._base.id else "#name").focus()
        self._check()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        if not self.is_whole:
            return  # it is being left, and loses its widgets and their focus
        actions = of(Scope.EDITOR)
        if isinstance(event.widget, ConditionForm):
            actions = [*of(Scope.CONDITIONS), *(each for each in actions if each.run in ("save", "cancel"))]
        self.query_one(Footer).show_actions(actions)
        self._say()

    def on_descendant_blur(self, event: events.DescendantBlur) -> None:
        if self.is_whole and event.widget.id and event.widget.id not in self._left:
            self._left.add(event.widget.id)
            self._check()

    @property
    def draft(self) -> Draft:
        """What stands in the fields."""
        return Draft(
            when=self.query_one("#when", ExpressionArea).text,
            enabled=self.query_one("#enabled", Toggle).value == "on",
            sticky="session" if "session" in self.query_one("#sticky", Toggle).value else "request",
            **{
                name: self.query_one(f"#{name}", Input).value
                for name in ("name", "use", "fallback", "priority", "rollout", "description")
            },
        )

    @property
    def is_dirty(self) -> bool:
        """Whether anything was changed."""
        return self.draft != self._began

    @property
    def unsaved(self) -> str:
        return f'rule "{self.draft.name or "without a name"}" of {self._project.name}' if self.is_dirty else ""

    # What is said about it

    def _check(self) -> None:
        others = [rule for rule in self._known.rules if rule.id != self._base.id]
        checked = check(self.draft, self._base, others, self._known.served)
        tree_changed = self._checked is None or checked.tree != self._checked.tree
        self._checked = checked
        area = self.query_one("#when", ExpressionArea)
        area.mark(checked.error)
        self.query_one("#form", ConditionForm).show_tree(checked.tree)
        for field, name in ROWS.items():
            line = self.query_one(f"#{name}", Input)
            assert isinstance(line.parent, FieldRow)
            line.parent.say(checked.of(field) if line.value or name in self._left else None)
        if tree_changed and checked.tree is not None:
            self._counted = ""
            self._count()
        self._say()

    def _say(self) -> None:
        checked, width = self._checked, self.size.width
        if checked is None or not width:
            return
        name = self._base.name if self._base.id else "new rule"
        dirty = self.is_dirty
        mark: Line = ((f"{self.conduit.glyphs.on} changed, not saved ", Ink.WARN),) if dirty else (("", Ink.TEXT),)
        left: Line = ((f" {self._project.name}", Ink.MUTED), (f"  {name}", Ink.STRONG))
        self.query_one("#editor-title", Lines).show([spread(left, mark, width)])
        self.query_one("#when-problem", Lines).show(self._under_the_condition(checked, width))
        self.query_one("#rule", Across).say(self._of_this_field(checked))

    def _of_this_field(self, checked: Checked) -> str:
        """What is wrong with the field that is being written, in full: beside it there may be too little room."""
        here = self.focused.id if self.focused is not None else None
        field = next((field for field, name in ROWS.items() if name == here), "")
        problem = checked.of(field) if field and here in self._left else None
        return problem.message if problem else ""

    def _under_the_condition(self, checked: Checked, width: int) -> list[Line]:
        problem = checked.error or (checked.of("conditions") if {"when", "form"} & self._left else None)
        if problem is None:
            return condition_view.fine(self._counted, width)
        column = None
        if isinstance(problem, ExpressionError):
            column = LABEL + 1 + self.query_one("#when", ExpressionArea).column_of(problem.position)
        goes_on = self.query_one(Suggestions).owner is not None
        return condition_view.wrong(problem.message, column, "" if column else self._counted, width, goes_on=goes_on)

    @work(group="count", exclusive=True, exit_on_error=False)
    async def _count(self) -> None:
        """Count what the condition meets; a newer condition ends the counting of the one before."""
        await asyncio.sleep(COUNT_PAUSE_SECONDS)
        checked, reader = self._checked, self.conduit.reader
        if checked is None or checked.tree is None or not checked.tree.rules or reader is None:
            return
        try:
            matches = await self._counter.count(reader, checked.tree)
        except PatternError:
            return
        self._counted = match_count.in_words(matches)
        self._say()

    def on_resize(self, event: events.Resize) -> None:
        super().on_resize(event)
        self.call_after_refresh(self._say)

    # What is typed

    def on_input_changed(self, event: Input.Changed) -> None:
        self._check()

    def on_toggle_changed(self, event: Toggle.Changed) -> None:
        self._check()

    def on_expression_area_edited(self, event: ExpressionArea.Edited) -> None:
        self._check()

    def on_condition_form_edited(self, event: ConditionForm.Edited) -> None:
        self.query_one("#when", ExpressionArea).write(to_text(event.tree))

    @work(group="pick", exclusive=True, exit_on_error=False)
    async def on_condition_form_asked(self, event: ConditionForm.Asked) -> None:
        condition = await self.app.push_screen_wait(ConditionPicker(event.condition, self._models))
        if condition is not None:
            self.query_one("#form", ConditionForm).write(event, condition)

    def action_suggest(self) -> None:
        if isinstance(self.focused, Suggesting):
            self.focused.suggest()

    # Saving and leaving

    def action_outside(self) -> None:
        """Write the condition with the user's own editor; its lines are joined, for an expression is one."""
        area = self.query_one("#when", ExpressionArea)
        try:
            written = outside.edit(f"{area.text}\n", ".rule", self.app.suspend)
        except (outside.NoProgram, SuspendNotSupported) as error:
            self.notify(clean(str(error)), title="no editor", severity="warning", markup=False)
        else:
            area.write(" ".join(written.splitlines()).strip())
            area.focus()

    def action_save(self) -> None:
        if not self._saving:
            self._save()

    @work(group="save", exit_on_error=False)
    async def _save(self) -> None:
        self._saving = True
        try:
            if await self._may_save():
                await self._write()
        finally:
            self._saving = False

    async def _may_save(self) -> bool:
        self._left.update(("when", *ROWS.values()))
        self._check()
        checked = self._checked
        if checked is None or checked.rule is None:
            first = checked.refusals[0].message if checked and checked.refusals else "it cannot be read"
            self._tell(first, "not saved")
            return False
        if not self.is_dirty and self._base.id:
            self.notify("nothing was changed", markup=False)
            self.dismiss()
            return False
        if not checked.warnings:
            return True
        said = [clean(problem.message) for problem in checked.warnings]
        choices = (Choice("", "n", "no, back to the rule"), Choice("save", "s", "save it all the same"))
        return await self.app.push_screen_wait(Dialog("Save?", said, choices)) == "save"

    async def _write(self) -> None:
        rule = self._checked.rule if self._checked else None
        if rule is None:
            return
        sources = self.conduit.sources
        try:
            self.saved = await rule_changes.save(sources, self._project, lambda rules: rule_changes.put(rules, rule))
        except ControlError as error:
            if error.code == "conflict" and error.field == "base_revision":
                self._project = await rule_changes.newest(sources, self._project.name)
                self._tell(
                    "the rules were changed meanwhile; your draft is kept, and ctrl+s now saves it among the new ones",
                    "not saved",
                )
            else:
                self._tell(str(error), "not saved")
        except StoreError as error:
            self._tell(str(error), "not saved")
        else:
            self.dismiss()

    def action_cancel(self) -> None:
        self._leave()

    @work(group="save", exit_on_error=False)
    async def _leave(self) -> None:
        if self.is_dirty:
            choices = (
                Choice("", "n", "no, back to the rule"),
                Choice("save", "s", "save it"),
                Choice("drop", "d", "drop what was changed"),
            )
            chosen = await self.app.push_screen_wait(Dialog("Leave the rule?", ("It is not saved.",), choices))
            if chosen == "save":
                self.action_save()
            if chosen != "drop":
                return
        self.dismiss()

    def _tell(self, what: str, title: str) -> None:
        self.notify(clean(what), title=title, severity="error", markup=False)

    # Weighing it before it is saved

    def _with_draft(self) -> list[Rule] | None:
        checked = self._checked
        if checked is None or checked.rule is None:
            first = checked.refusals[0].message if checked and checked.refusals else "it cannot be read"
            self._tell(first, "the rule is not complete")
            return None
        return rule_changes.put(list(self._known.rules), checked.rule)

    def action_try(self) -> None:
        if (rules := self._with_draft()) is not None:
            from conduit_tui.tui.screens.try_rules import TryScreen

            self.app.push_screen(TryScreen(self._known, rules))

    def action_backtest(self) -> None:
        if (rules := self._with_draft()) is not None:
            from conduit_tui.tui.screens.backtest import BacktestScreen

            self.app.push_screen(BacktestScreen(self._project.name, rules))


def _sticky_words(sticky: str) -> str:
    return "decided once per session" if sticky == "session" else "decided for each request"
