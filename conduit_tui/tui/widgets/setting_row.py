"""One setting of the machine on one line: its name, its value to edit, and what is to be said about it."""

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widget import Widget

from conduit_tui.config.model import SETTINGS, Setting
from conduit_tui.tui.clean import clean
from conduit_tui.tui.ink import Ink, Line
from conduit_tui.tui.widgets.fields import TextInput, Toggle
from conduit_tui.tui.widgets.lines import Lines

LABEL = max(len(setting.name) for setting in SETTINGS.values()) + 3


class SettingRow(Horizontal):
    """`said` stands beside the value: its unit, where it comes from, or what is wrong."""

    DEFAULT_CSS = f"""
    SettingRow {{ height: 1; }}
    SettingRow > .label {{ width: {LABEL}; }}
    SettingRow > Input {{ width: 26; margin-right: 2; background: $surface; }}
    SettingRow > Toggle {{ width: 28; }}
    SettingRow > .said {{ width: 1fr; }}
    SettingRow Input:ansi {{ background: transparent; text-style: underline; }}
    """

    def __init__(self, setting: Setting, text: str, choices: tuple[str, ...] = ()) -> None:
        super().__init__(id=self.row_id(setting))
        self.setting = setting
        self._text = text
        self._choices = choices or setting.choices

    @staticmethod
    def row_id(setting: Setting) -> str:
        """The widget's id."""
        return f"row-{setting.table}-{setting.name}"

    def compose(self) -> ComposeResult:
        yield Lines([((f"  {self.setting.name}", Ink.TEXT),)], classes="label")
        yield self._field()
        yield Lines([()], classes="said")

    def _field(self) -> Widget:
        name = f"{self.setting.table}-{self.setting.name}"
        if self._choices:
            known = self._choices if self._text in self._choices else (self._text, *self._choices)
            return Toggle(known, self._text, widget_id=name)
        return TextInput(self._text, widget_id=name)

    @property
    def field(self) -> TextInput | Toggle:
        """What is edited."""
        found = self.query(TextInput)
        return found.first() if found else self.query_one(Toggle)

    @property
    def text(self) -> str:
        """What stands in it."""
        return self.field.value

    @text.setter
    def text(self, text: str) -> None:
        field = self.field
        if isinstance(field, TextInput):
            field.value = text
        else:
            field.choose(text)

    def say(self, said: Line) -> None:
        """What stands beside the value."""
        self.query_one(".said", Lines).show([[(clean(text), ink) for text, ink in said]])
