"""What the user has chosen for the screens, read without what would keep the first paint waiting.

Here a mistake means the default; `trouble` looks closely, and is asked once the screens are there.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, get_args

from conduit_tui.config.choices import Mouse, OnDetach, Profile
from conduit_tui.config.disk import read_text
from conduit_tui.config.errors import ConfigError
from conduit_tui.config.place import parse
from conduit_tui.paths import StateDir


@dataclass(frozen=True, slots=True)
class Preferences:
    """`keys` are texts by action ids; `given` the command line's values by the keys of config.toml."""

    theme: str = "auto"
    profile: Profile = "auto"
    on_detach: OnDetach = "ask"
    mouse: Mouse = "auto"
    keys: Mapping[str, str] = field(default_factory=dict)
    given: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def read(
        cls, state_dir: StateDir, given: Mapping[str, Any], environ: Mapping[str, str] = os.environ
    ) -> "Preferences":
        """The choices of a state directory."""
        try:
            file = parse(read_text(state_dir.config))
        except ConfigError:
            file = {}
        screen, keys = file.get("screen"), file.get("keys")
        screen = screen if isinstance(screen, dict) else {}

        def choice(name: str, choices: tuple[str, ...], default: str) -> Any:
            said = given.get(f"screen.{name}", environ.get(f"CONDUIT_{name.upper()}", screen.get(name)))
            return said if isinstance(said, str) and said and (not choices or said in choices) else default

        return cls(
            theme=choice("theme", (), "auto"),
            profile=choice("profile", get_args(Profile), "auto"),
            on_detach=choice("on_detach", get_args(OnDetach), "ask"),
            mouse=choice("mouse", get_args(Mouse), "auto"),
            keys={name: text for name, text in keys.items() if isinstance(text, str)} if isinstance(keys, dict) else {},
            given=given,
        )


DEFAULT = Preferences()


def trouble(state_dir: StateDir, preferences: Preferences) -> list[str]:
    """What is wrong with the configuration, the keys and the themes, a line each."""
    from conduit_tui.config.precedence import resolve
    from conduit_tui.tui import keymap, user_themes

    own = user_themes.load_all(state_dir.themes)
    found = [*keymap.in_words(preferences.keys), *own.problems]
    if preferences.theme not in ("auto", *user_themes.BUILT_IN, *own.themes):
        found.append(f"screen.theme: there is no theme {preferences.theme!r}")
    try:
        return [*resolve(state_dir, preferences.given).warnings, *found]
    except ConfigError as error:
        return [f"{error}; the screens take defaults for what is wrong", *found]
