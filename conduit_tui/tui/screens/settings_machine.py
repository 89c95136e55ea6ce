"""The settings of the machine: every key of config.toml, the keys of the screens, the themes."""

from __future__ import annotations

import asyncio
import os
import textwrap
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, cast

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.message import Message
from textual.widgets import ContentSwitcher, Input

from conduit_tui.config.errors import ConfigError
from conduit_tui.config.model import SETTINGS, BoxConfig
from conduit_tui.tui import theming, user_themes
from conduit_tui.tui.clean import clean
from conduit_tui.tui.ink import BLANK, Ink, Line
from conduit_tui.tui.machine_draft import MachineDraft
from conduit_tui.tui.screens.settings_keys import KeysPane
from conduit_tui.tui.screens.settings_themes import ThemesPane
from conduit_tui.tui.user_themes import UserThemes
from conduit_tui.tui.views import machine as view
from conduit_tui.tui.widgets.chrome import Rule
from conduit_tui.tui.widgets.fields import Toggle
from conduit_tui.tui.widgets.lines import Lines
from conduit_tui.tui.widgets.page_bar import PageBar
from conduit_tui.tui.widgets.setting_row import SettingRow

if TYPE_CHECKING:
    from conduit_tui.tui.conduit import Conduit

VALUES, KEYS, THEMES = "machine-values", "machine-keys", "machine-themes"
PARTS = ((VALUES, "config.toml"), (KEYS, "Keys"), (THEMES, "Themes"))
THEME = SETTINGS["screen.theme"]


class MachineSettings(Vertical):
    """What is configured for this machine, to be mounted on a screen; saved when the screen says so."""

    DEFAULT_CSS = """
    MachineSettings { height: 1fr; }
    MachineSettings > #machine-trouble { height: auto; }
    MachineSettings > ContentSwitcher { height: 1fr; }
    MachineSettings #machine-about { height: 3; }
    MachineSettings VerticalScroll { height: 1fr; scrollbar-size-vertical: 1; scrollbar-background: $background; }
    """

    class Changed(Message):
        """Something was edited, saved or discarded: `dirty` may be another."""

    def __init__(self, *, widget_id: str = "machine") -> None:
        super().__init__(id=widget_id)
        self._draft: MachineDraft | None = None

    @property
    def conduit(self) -> Conduit:
        return cast("Conduit", self.app)

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

    def on_mount(self) -> None:
        self.run_worker(self._load(), group="machine", exit_on_error=False)

    async def _load(self) -> None:
        """Read the files in a thread, then show what they say."""
        state_dir = self.conduit.sources.state_dir
        trouble = self.query_one("#machine-trouble", Lines)
        given = self.conduit.preferences.given
        try:
            draft = await asyncio.to_thread(MachineDraft, state_dir, given, dict(os.environ))
        except ConfigError as error:
            told = [problem.text(error.path and Path(error.path.name)) for problem in error.problems]
            words = [*told, "The daemon goes on with what it read before. Mend the file, then open the screens again."]
            trouble.show(self._wrapped(words, Ink.BAD))
            return
        own = await asyncio.to_thread(user_themes.load_all, state_dir.themes)
        theming.register(self.conduit, own.themes)
        self._draft = draft
        trouble.show(self._wrapped(draft.warnings, Ink.WARN))
        await self.mount_all(self._parts(draft, own))
        self._say()
        self._tell(view.opening(str(state_dir.config)))

    def _wrapped(self, words: Sequence[str], ink: Ink) -> list[Line]:
        width = self.app.size.width - 2
        return [((f" {line}", ink),) for said in words for line in textwrap.wrap(clean(said), width)]

    def _parts(self, draft: MachineDraft, own: UserThemes) -> Iterator[PageBar | ContentSwitcher]:
        glyphs = self.conduit.glyphs
        themes = (theming.AUTO, *theming.names(self.conduit))
        values = Vertical(
            VerticalScroll(*self._rows(draft, themes), can_focus=False),
            Rule(glyphs),
            Lines([BLANK] * 3, widget_id="machine-about"),
            id=VALUES,
        )
        yield PageBar(PARTS, widget_id="machine-parts")
        yield ContentSwitcher(
            values,
            KeysPane(draft, glyphs, widget_id=KEYS),
            ThemesPane(own, glyphs, widget_id=THEMES),
            initial=VALUES,
        )

    def _rows(self, draft: MachineDraft, themes: tuple[str, ...]) -> Iterator[Lines | SettingRow]:
        for table, settings in groupby(SETTINGS.values(), key=lambda setting: setting.table):
            about = (BoxConfig.model_fields[table].annotation.__doc__ or "").splitlines()[0]
            yield Lines([((f" {table}", Ink.STRONG), (f"  {about}", Ink.MUTED))])
            for setting in settings:
                yield SettingRow(setting, draft.texts[setting.key], themes if setting is THEME else ())

    # What is said

    def _say(self) -> None:
        """Beside each value: what is wrong with it, else its unit and where it comes from."""
        draft = self._draft
        if draft is None:
            return
        problems, changes, glyphs = draft.problems(), draft.changes(), self.conduit.glyphs
        for row in self.query(SettingRow):
            row.say(view.beside(draft, row.setting, problems, changes, glyphs))
        self.query_one(ThemesPane).draw(draft.texts[THEME.key])
        changed = {KEYS if key.startswith("keys.") else VALUES for key in changes}
        self.query_one("#machine-parts", PageBar).mark(changed)
        self._tell_about_focused()

    def _tell_about_focused(self) -> None:
        focused = self.app.focused
        row = focused.parent if focused is not None else None
        if isinstance(row, SettingRow) and self._draft is not None:
            self._tell(view.about(row.setting, self._draft.problems().get(row.setting.key, "")))

    def _tell(self, lines: Sequence[Line]) -> None:
        self.query_one("#machine-about", Lines).show(lines)

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        self._tell_about_focused()

    # What is done

    def on_page_bar_chosen(self, event: PageBar.Chosen) -> None:
        event.stop()
        self.query_one("#machine-parts", PageBar).choose(event.page)
        self.query_one(ContentSwitcher).current = event.page

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._edited()

    def on_toggle_changed(self, event: Toggle.Changed) -> None:
        event.stop()
        self._edited()

    def on_keys_pane_edited(self, event: KeysPane.Edited) -> None:
        event.stop()
        self._edited()

    def on_themes_pane_chosen(self, event: ThemesPane.Chosen) -> None:
        event.stop()
        self.query_one(f"#{SettingRow.row_id(THEME)}", SettingRow).text = event.name
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
        if draft is None:
            return True
        if problems := draft.problems():
            key, message = next(iter(problems.items()))
            self._refuse(f"{key}: {message}")
            return False
        changed = [setting for key in draft.changes() if (setting := SETTINGS.get(key))]
        keys = any(key.startswith("keys.") for key in draft.changes())
        try:
            config = await asyncio.to_thread(draft.save)
        except (ConfigError, OSError) as error:
            self._refuse(str(error))
            return False
        if THEME in changed:
            theming.use(self.conduit, config.screen.theme)
        self._show_texts()
        self._tell(view.effects(changed, keys=keys))
        return True

    def _refuse(self, why: str) -> None:
        self._say()
        self.notify(clean(why), title="not saved", severity="error", markup=False)

    async def discard(self) -> None:
        """Back to what the file says."""
        if self._draft is not None:
            self._draft.discard()
            self._show_texts()

    def _show_texts(self) -> None:
        assert self._draft is not None
        with self.prevent(Input.Changed):
            for row in self.query(SettingRow):
                row.text = self._draft.texts[row.setting.key]
        self.query_one(KeysPane).draw()
        self._say()
        self.post_message(self.Changed())
