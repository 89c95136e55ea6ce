"""Projects: chosen, made, renamed and archived in one small window."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich.cells import cell_len
from textual import events

from conduit_tui.control.plane import ControlError
from conduit_tui.domain.projects import DEFAULT_PROJECT
from conduit_tui.store.interface import StoreError
from conduit_tui.tui.clean import clean
from conduit_tui.tui.format import count
from conduit_tui.tui.screens.dialog import Choice, Dialog
from conduit_tui.tui.screens.form import Form, Problems
from conduit_tui.tui.table import cell
from conduit_tui.tui.widgets.fields import FieldRow, TextInput
from conduit_tui.tui.widgets.lines import PickLines

if TYPE_CHECKING:
    from conduit_tui.tui.conduit import Conduit

NEW, RENAME, ARCHIVE = "n", "r", "a"
LONGEST_NAME = 40  # cells of a name in the list
_SEPARATOR = "\n"  # between what is to be done and the project; no name has one
KEYS = "enter looks at it   n new   r rename   a archive   esc back"


class ProjectDialog(Dialog):
    """A list of projects; a key says what to do with the one under the cursor."""

    def on_key(self, event: events.Key) -> None:
        if event.key in (NEW, RENAME, ARCHIVE):
            event.stop()
            self.dismiss(f"{event.key}{_SEPARATOR}{self.query_one(PickLines).target or ''}")


async def choose(app: Conduit) -> str | None:
    """The project to look at, empty for all; None to leave it as it is."""
    while True:
        if app.reader is None:
            app.notify("there is no database yet", markup=False)
            return None
        totals = await app.reader.usage_totals(since=0, until=2**53, by="project")
        requests = {total.key: total.requests for total in totals}
        stored = [project.name for project in await app.reader.projects()]
        choices = [Choice("", "", "all projects")]
        names = sorted({*stored, *requests}, key=lambda name: (-requests.get(name, 0), name))
        room = min(LONGEST_NAME, max((cell_len(clean(name)) for name in names), default=0))
        figures = max((len(count(number)) for number in requests.values()), default=1)
        for name in names:
            gone = "" if name in stored else "  archived"
            told = f"{count(requests.get(name, 0)):>{figures}} requests{gone}"
            choices.append(Choice(name, "", cell(name, room), told))
        chosen = await app.push_screen_wait(ProjectDialog("Project", (KEYS,), choices))
        if chosen is None or _SEPARATOR not in chosen:
            return chosen
        what, _, project = chosen.partition(_SEPARATOR)
        after = await _act(app, what, project)
        if after is not None:
            return after


async def _act(app: Conduit, what: str, project: str) -> str | None:
    """Do it; the project to look at then, None to ask again."""
    if what == NEW:
        form = NameForm()
        await app.push_screen_wait(form)
        return form.saved
    if project in ("", DEFAULT_PROJECT):
        why = "takes the requests that name no project, and stays" if project else "choose one of them first"
        app.notify(f"{project or 'all projects'}: {why}", markup=False)
        return None
    if what == RENAME:
        form = NameForm(project)
        await app.push_screen_wait(form)
        return form.saved if app.state.project == project else None
    return await _archive(app, project)


async def _archive(app: Conduit, project: str) -> str | None:
    said = (
        "Its requests are turned away from now on. Its history stays,",
        "and a new project of its name brings it back.",
    )
    choices = (Choice("", "n", "no, keep it"), Choice("archive", "a", "archive it"))
    if not await app.push_screen_wait(Dialog(f"Archive project {clean(project)}?", said, choices)):
        return None
    try:
        async with app.sources.open_control() as control:
            await control.archive_project(project)
    except (ControlError, StoreError, OSError) as error:
        app.notify(clean(str(error)), title="not archived", severity="error", markup=False)
        return None
    app.notify(f"{clean(project)} is archived", markup=False)
    return "" if app.state.project == project else None


class NameForm(Form):
    """The name of a new project, or another name for one. `saved` is the name once it is saved."""

    TAB = "settings"
    HELP_TEXT = "Clients name their project in the base URL, /p/NAME, or in the header x-conduit-project."

    def __init__(self, project: str = "") -> None:
        words = (
            "small letters, digits, . _ and -; at most 64",
            "clients join it with /p/NAME in the base URL, or the header x-conduit-project;",
            "conduit-tui env --project NAME prints what they need",
        )
        if project:
            words = (*words[:1], "clients that name it as before are turned away; its history goes with it", words[2])
        super().__init__(f"rename project {project}" if project else "a new project", words)
        self._project = project
        self.saved: str | None = None

    def rows(self) -> Iterable[FieldRow]:
        yield FieldRow("name", TextInput(self._project, widget_id="name"))

    def check(self) -> Problems:
        from pydantic import ValidationError

        from conduit_tui.control.validation import bad_input
        from conduit_tui.domain.projects import Project

        name = self.value("name").strip()
        if not name:
            return {"name": "a name"}
        try:
            Project(name=name)
        except ValidationError as error:
            return {"name": bad_input(error).message}
        return {}

    async def submit(self) -> None:
        name = self.value("name").strip()
        async with self.conduit.sources.open_control() as control:
            try:
                if self._project:
                    await control.rename_project(self._project, name)
                else:
                    await control.add_project(name)
            except ControlError as error:
                error.field = "name" if error.field == "new_name" else error.field
                raise
        self.saved = name
