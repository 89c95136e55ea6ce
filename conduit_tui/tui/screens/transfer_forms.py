"""The forms of the Backups screen: where an export goes, and which file is taken in."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path

from conduit_tui.control.plane import ControlError
from conduit_tui.tui.screens.form import Form, Problems
from conduit_tui.tui.widgets.fields import FieldRow, TextInput, Toggle

OURS, CONDUIT = "2 (everything)", "1.0 (Conduit)"


class ExportForm(Form):
    """Writes what is stored into a file."""

    TAB = "backups"
    SAVES = "write it"
    HELP_TEXT = "Format 2 holds everything but keys, captured texts and logs; 1.0 is what Conduit reads and writes."

    def __init__(self, project: str, folder: Path) -> None:
        whose = f"project {project}" if project else "all projects"
        super().__init__(
            f"export {whose}",
            (
                "2     everything: configuration, history, usage, the open ledger",
                "1.0   projects, agents, sessions and usage, as Conduit has them",
                "",
                "Keys are never part of it. p on the screen before chooses a project.",
            ),
        )
        self._project = project
        self._folder = folder

    def rows(self) -> Iterable[FieldRow]:
        yield FieldRow("file", TextInput("~/conduit-export.json", widget_id="path"), wide=True)
        yield FieldRow("format", Toggle((OURS, CONDUIT), OURS, widget_id="format"))

    def check(self) -> Problems:
        path = _path(self.value("path"))
        if not self.value("path").strip():
            return {"path": "where the export goes"}
        if path.is_dir():
            return {"path": f"{path} is a folder"}
        if not path.parent.is_dir():
            return {"path": f"there is no folder {path.parent}"}
        return {}

    async def submit(self) -> None:
        from conduit_tui.transfer.errors import TransferError
        from conduit_tui.transfer.exporting import Wanted, export_to

        path = _path(self.value("path"))
        wanted = Wanted(self._project, "1.0" if self.value("format") == CONDUIT else "2")
        try:
            size = await asyncio.to_thread(export_to, self.conduit.sources.state_dir.database, path, wanted)
        except TransferError as error:
            raise ControlError("bad-input", error.message, "path") from None
        self.app.notify(f"{path} ({size:,} bytes), without keys", title="exported", markup=False)


class ImportForm(Form):
    """Asks for a file; `path` is its absolute path once it was given."""

    TAB = "backups"
    SAVES = "look at it"
    HELP_TEXT = "The file is read and checked; what it would change is shown before anything happens."

    def __init__(self) -> None:
        super().__init__(
            "take a file in",
            (
                "an export of ours or of Conduit (.json)",
                "a safety copy (.db): what it has and this one lacks is added",
                "rules or a project as .json or .toml, or a folder of them",
                "",
                "Nothing changes before you have seen the difference.",
            ),
        )
        self.path = ""

    def rows(self) -> Iterable[FieldRow]:
        yield FieldRow("file", TextInput("", widget_id="path"), wide=True)

    def check(self) -> Problems:
        path = _path(self.value("path"))
        if not self.value("path").strip():
            return {"path": "the path of a file or folder"}
        return {} if path.exists() else {"path": f"there is no {path}"}

    async def submit(self) -> None:
        self.path = str(_path(self.value("path")).absolute())


def _path(text: str) -> Path:
    return Path(text.strip()).expanduser()
