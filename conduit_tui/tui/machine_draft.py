"""What stands on the page of the machine's settings, before it is saved: texts, their problems, what changed."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from conduit_tui.config.check import validate
from conduit_tui.config.errors import ConfigError
from conduit_tui.config.file import Loaded, change_all, load_whole
from conduit_tui.config.model import SETTINGS, BoxConfig, Setting
from conduit_tui.config.precedence import Source
from conduit_tui.config.text import from_text, to_text
from conduit_tui.paths import StateDir
from conduit_tui.tui import keymap


class Override(NamedTuple):
    """What comes on top of the file for a setting, and from where."""

    source: Source
    text: str


class MachineDraft:
    """The file's values as texts to edit. Raises ConfigError when the file cannot be edited as it is."""

    def __init__(
        self, state_dir: StateDir, given: Mapping[str, Any] | None = None, environ: Mapping[str, str] | None = None
    ) -> None:
        """`given` are the command line's values by their dotted keys."""
        self._state_dir = state_dir
        self._given = given or {}
        self._environ = environ or {}
        self._use(load_whole(state_dir.config))

    def _use(self, file: Loaded) -> None:
        self.warnings = file.warnings
        self._in_file = {key for key, it in SETTINGS.items() if it.name in file.values.get(it.table, {})}
        self._before = {key: to_text(setting.value(file.config)) for key, setting in SETTINGS.items()}
        self._keys_before = dict(file.config.keys)
        self.discard()

    def discard(self) -> None:
        """Back to what the file says."""
        self.texts = dict(self._before)
        self.keys = dict(self._keys_before)

    @property
    def dirty(self) -> bool:
        """Whether something is to be saved."""
        return bool(self.changes())

    def override(self, setting: Setting) -> Override | None:
        """What holds in place of the file's value."""
        if (value := self._given.get(setting.key)) is not None:
            return Override(Source.COMMAND_LINE, to_text(value))
        if (text := self._environ.get(setting.variable)) is not None:
            return Override(Source.ENVIRONMENT, text)
        return None

    def source(self, setting: Setting) -> Source:
        """Where the value that stands here comes from."""
        return Source.FILE if setting.key in self._in_file else Source.DEFAULT

    def problems(self) -> dict[str, str]:
        """What is wrong, by the dotted key."""
        found: dict[str, str] = {}
        values: dict[str, Any] = {}
        for key, setting in SETTINGS.items():
            text = self.texts[key].strip()
            if text:
                try:
                    values.setdefault(setting.table, {})[setting.name] = from_text(setting, text)
                except ValueError as error:
                    found[key] = str(error)
        try:
            validate(values)
        except ConfigError as error:
            found |= {problem.key: problem.message for problem in error.problems}
        wrong_keys = keymap.problems(self.keys)
        return found | {f"keys.{name}": message for name, message in wrong_keys.items()}

    def changes(self) -> dict[str, Any]:
        """What `save` will write: values by dotted keys, None for what goes back to its default.

        A text that means nothing counts as a change too, and keeps the draft from being saved.
        """
        changed: dict[str, Any] = {}
        for key, setting in SETTINGS.items():
            text = self.texts[key].strip()
            if text == self._before[key]:
                continue
            try:
                value = from_text(setting, text) if text else None
            except ValueError:
                value = text
            if not (value is None and key not in self._in_file and self._before[key] == ""):
                changed[key] = value
        for action in self.keys.keys() | self._keys_before.keys():
            if self.keys.get(action) != self._keys_before.get(action):
                changed[f"keys.{action}"] = self.keys.get(action)
        return changed

    def save(self) -> BoxConfig:
        """Write the changes; blocks. Raises ConfigError, OSError, and then nothing is lost."""
        config = change_all(self._state_dir, self.changes())
        self._use(load_whole(self._state_dir.config))
        return config
