"""The settings of the machine: every key of config.toml, to be read, changed and saved."""

from __future__ import annotations

import asyncio
import os
import textwrap
from collections.abc import Iterator
from itertools import groupby
from typing import TYPE_CHECKING, cast

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.message import Message

from conduit_tui.config.errors import ConfigError
from conduit_tui.config.model import SETTINGS, BoxConfig, Setting
from conduit_tui.config.text import to_text
from conduit_tui.tui.clean import clean
from conduit_tui.tui.ink import Ink, Line
from conduit_tui.tui.machine_draft import MachineDraft
from conduit_tui.tui.widgets.lines import Lines
from conduit_tui.tui.widgets.setting_row import SettingRow

if TYPE_CHECKING:
    from conduit_tui.tui.app import ConduitApp

ABOUT_LINES = 3


class MachineSettings(Vertical):
    """What is configured for this machine, to be mounted on a screen; saved when the screen says so."""

    DEFAULT_CSS = f"""
    MachineSettings {{ height: 1fr; }}
    MachineSettings > #machine-trouble {{ height: auto; }}
    MachineSettings > #machine-values {{ height: 1fr; scrollbar-size-vertical: 1; }}
    MachineSettings > #machine-about {{ height: {ABOUT_LINES}; }}
    """

    class Changed(Message):
        """Something was edited, saved or discarded: `dirty` may be another."""

    def __init__(self, *, widget_id: str = "machine") -> None:
        super().__init__(id=widget_id)
        self._draft: MachineDraft | None = None

    @property
    def conduit(self) -> ConduitApp:
        return cast("ConduitApp", self.app)

    @property
    def dirty(self) -> bool:
        """Whether there is something to save."""
        return self._draft is not None and self._draft.dirty

    @property
    def problems(self) -> dict[str, str]:
        """What is wrong with what stands here, by dotted key."""
        return self._draft.problems() if self._draft is not None else {}

    def compose(self) -> ComposeResult:
        yield Lines(widget_id="machine-trouble")
        yield VerticalScroll(id="machine-values", can_focus=False)
        yield Lines(widget_id="machine-about")

    def on_mount(self) -> None:
        self.run_worker(self._load(), group="machine", exit_on_error=False)

    async def _load(self) -> None:
        """Read the file in a thread, then show what it says."""
        state_dir = self.conduit.sources.state_dir
        trouble = self.query_one("#machine-trouble", Lines)
        try:
            draft = await asyncio.to_thread(MachineDraft, state_dir, None, dict(os.environ))
        except ConfigError as error:
            told = [problem.text(error.path) for problem in error.problems]
            words = [*told, "The daemon goes on with what it read before. Mend the file, then open this page again."]
            trouble.show(self._wrapped(words, Ink.BAD))
            return
        self._draft = draft
        trouble.show(self._wrapped(draft.warnings, Ink.WARN))
        await self.query_one("#machine-values").mount_all(self._rows(draft))
        self._say()

    def _wrapped(self, words: tuple[str, ...] | list[str], ink: Ink) -> list[Line]:
        width = self.app.size.width - 2
        return [((f" {line}", ink),) for said in words for line in textwrap.wrap(clean(said), width)]

    def _rows(self, draft: MachineDraft) -> Iterator[Lines | SettingRow]:
        for table, settings in groupby(SETTINGS.values(), key=lambda setting: setting.table):
            meaning = (BoxConfig.model_fields[table].annotation.__doc__ or "").splitlines()[0]
            yield Lines([((f" {table}", Ink.TITLE), (f"  {meaning}", Ink.MUTED))])
            for setting in settings:
                yield SettingRow(setting, draft.texts[setting.key])

    def _say(self) -> None:
        """Beside each value: what is wrong with it, else its unit and where it comes from."""
        draft = self._draft
        if draft is None:
            return
        problems = draft.problems()
        for row in self.query(SettingRow):
            row.say(self._said(draft, row.setting, problems.get(row.setting.key, "")))
        self._tell_about_focused()

    def _said(self, draft: MachineDraft, setting: Setting, problem: str) -> Line:
        if problem:
            return ((f"{self.conduit.glyphs.bad} {problem}", Ink.BAD),)
        unit = f"{setting.unit}  " if setting.unit else ""
        if override := draft.override(setting):
            return ((unit, Ink.MUTED), (f"{override.source}: {override.text} holds", Ink.WARN))
        changed = setting.key in draft.changes()
        source = "changed" if changed else str(draft.source(setting))
        return ((unit, Ink.MUTED), (source, Ink.ACCENT if changed else Ink.MUTED))

    def _tell_about_focused(self) -> None:
        focused = self.app.focused
        row = focused.parent if focused is not None else None
        if not isinstance(row, SettingRow) or self._draft is None:
            return
        setting = row.setting
        default = to_text(setting.default) or "none"
        facts = [f"default {default}", setting.bounds or " or ".join(setting.choices), f"also {setting.variable}"]
        about: list[Line] = [
            ((f" {setting.description}", Ink.TEXT),),
            ((f" {', '.join(fact for fact in facts if fact)}", Ink.MUTED),),
            ((f" takes effect {setting.effect}", Ink.MUTED),),
        ]
        problem = self._draft.problems().get(setting.key)
        if problem:
            about[1] = ((f" {problem}", Ink.BAD),)
        self.query_one("#machine-about", Lines).show(about)

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        self._tell_about_focused()

    def on_input_changed(self) -> None:
        self._edited()

    def on_toggle_changed(self) -> None:
        self._edited()

    def _edited(self) -> None:
        if self._draft is None:
            return
        for row in self.query(SettingRow):
            self._draft.texts[row.setting.key] = row.text
        self._say()
        self.post_message(self.Changed())

    async def save(self) -> bool:
        """Write what was changed into config.toml; False when something is wrong, which is then shown."""
        draft = self._draft
        if draft is None or draft.problems():
            self._say()
            return False
        try:
            await asyncio.to_thread(draft.save)
        except (ConfigError, OSError) as error:
            self.notify(clean(str(error)), title="not saved", severity="error", markup=False)
            return False
        self._show_texts()
        return True

    async def discard(self) -> None:
        """Back to what the file says."""
        if self._draft is not None:
            self._draft.discard()
            self._show_texts()

    def _show_texts(self) -> None:
        assert self._draft is not None
        for row in self.query(SettingRow):
            row.text = self._draft.texts[row.setting.key]
        self._say()
        self.post_message(self.Changed())
