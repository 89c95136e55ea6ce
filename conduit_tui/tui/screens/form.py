"""A form of a few fields: problems stand beside them, and nothing is saved while there is one."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.widgets import Input

from conduit_tui.control.plane import ControlError
from conduit_tui.routing.validation import Problem
from conduit_tui.store.interface import StoreError
from conduit_tui.tui.actions import Scope, bindings, of
from conduit_tui.tui.clean import clean
from conduit_tui.tui.ink import BLANK, Ink, Line
from conduit_tui.tui.screens.base import ConduitScreen
from conduit_tui.tui.screens.dialog import Choice, Dialog
from conduit_tui.tui.widgets.chrome import Footer
from conduit_tui.tui.widgets.fields import FieldRow, TextInput, Toggle
from conduit_tui.tui.widgets.lines import Lines

PROBLEM_CELLS = 40  # beside a field, on 80 columns

Problems = Mapping[str, str]
"""What is wrong, by the field's name."""


class Form(ConduitScreen):
    """Ask for `rows`; `check` what stands there at every key, `submit` it at the end. What an empty field lacks is a
    hint until somebody tries to save."""

    SCOPES = (Scope.FORM,)
    SAVES: ClassVar[str] = "save"  # what saving is called in the footer
    TAB = "budgets"
    BINDINGS = bindings(*SCOPES)

    def __init__(self, title: str, explained: Iterable[str]) -> None:
        super().__init__()
        self._title = title
        self._explained = list(explained)
        self._saving = False
        self._tried = False
        self._began: list[str] = []

    def rows(self) -> Iterable[FieldRow]:
        """The fields."""
        return ()

    def check(self) -> Problems:
        """What is wrong with what stands there."""
        return {}

    async def submit(self) -> None:
        """Do what the form is for. Raises ControlError, whose field is one of the form's, or StoreError."""

    def compose_content(self) -> ComposeResult:
        yield Lines([((f" {self._title}", Ink.STRONG),), BLANK])
        yield from self.rows()
        yield Lines(widget_id="form-words")

    def on_mount(self) -> None:
        actions = of(Scope.FORM)
        several = len([*self.query(TextInput), *self.query(Toggle)]) > 1
        self.query_one(Footer).show_actions(
            [
                one._replace(label=self.SAVES, keys=one.keys if several else ("enter",)) if one.run == "save" else one
                for one in actions
                if several or one.run != "app.focus_next"
            ]
        )
        next(iter([*self.query(TextInput), *self.query(Toggle)])).focus()
        self._began = self._values()
        self._say(self.check())

    def _values(self) -> list[str]:
        return [*(each.value for each in self.query(Input)), *(each.value for each in self.query(Toggle))]

    @property
    def unsaved(self) -> str:
        return self._title if self._values() != self._began else ""

    def value(self, name: str) -> str:
        """What stands in a field."""
        widget = self.query_one(f"#{name}")
        assert isinstance(widget, Input | Toggle)
        return widget.value

    def _say(self, problems: Problems) -> None:
        for row in self.query(FieldRow):
            names = [child.id for child in row.children if child.id]
            found = next((problems[name] for name in names if name in problems), None)
            hint = all(self._may_lack(name) for name in names)
            if hint and found and len(found) > PROBLEM_CELLS:
                found = None  # it stands below, whole
            row.say(Problem(names[0], clean(found)) if found and names else None, hint=hint)
        said: list[Line] = [BLANK]
        wide = {child.id for row in self.query("FieldRow.-wide") for child in row.children}  # have no room beside them
        for name, problem in problems.items():
            if name in wide or len(problem) > PROBLEM_CELLS:  # what is cut beside its field is told in full here
                ink = Ink.MUTED if self._may_lack(name) else Ink.BAD
                said += [((f" {line}", ink),) for line in textwrap.wrap(clean(problem), self.app.size.width - 2)]
                said.append(BLANK)
        said += [((f" {line}", Ink.MUTED),) for line in self._explained]
        self.query_one("#form-words", Lines).show(said)

    def _may_lack(self, name: str) -> bool:
        """Whether a field has nothing in it, and nobody has asked whether it may stay so."""
        fields = list(self.query(f"#{name}").results(Input))
        return not self._tried and bool(fields) and not any(field.value.strip() for field in fields)

    def on_input_changed(self) -> None:
        self._say(self.check())

    def on_toggle_changed(self) -> None:
        self._say(self.check())

    def action_save(self) -> None:
        if not self._saving:
            self._submit()

    @work(group="save", exit_on_error=False)
    async def _submit(self) -> None:
        self._tried = True
        problems = self.check()
        if problems:
            self._say(problems)
            return
        self._saving = True
        try:
            await self.submit()
        except ControlError as error:
            known = error.field and self.query(f"#{error.field.replace('_', '-')}")
            if known:
                self._say({error.field.replace("_", "-"): error.message})
            else:
                self._tell(error.message)
        except (StoreError, OSError) as error:
            self._tell(str(error))
        else:
            self.dismiss()
        finally:
            self._saving = False

    def _tell(self, what: str) -> None:
        self.notify(clean(what), title="not saved", severity="error", markup=False)

    def action_cancel(self) -> None:
        self._leave()

    @work(group="save", exclusive=True, exit_on_error=False)
    async def _leave(self) -> None:
        if self.unsaved:
            choices = (Choice("", "n", "no, back to it"), Choice("drop", "d", "drop what was typed"))
            if not await self.app.push_screen_wait(Dialog("Leave without saving?", (), choices)):
                return
        self.dismiss()
