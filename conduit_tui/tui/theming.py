"""Which themes the app has, and changing between them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from conduit_tui.tui import theme
from conduit_tui.tui.colors import Colors
from conduit_tui.tui.theme import PREFIX, THEMES

if TYPE_CHECKING:
    from conduit_tui.tui.conduit import Conduit

AUTO = "auto"


def register(app: Conduit, themes: Mapping[str, Colors]) -> None:
    """Make the built-in themes and the user's known to the app."""
    for built_in in THEMES:
        app.register_theme(built_in)
    for name, colors in themes.items():
        app.register_theme(theme.add(name, colors))


def names(app: Conduit) -> list[str]:
    """The themes by the names that people use, the user's own last."""
    built_in = [each.name for each in THEMES]
    own = sorted(name for name in app.available_themes if name.startswith(PREFIX) and name not in built_in)
    return [name.removeprefix(PREFIX) for name in (*built_in, *own)]


def known(app: Conduit, name: str) -> str:
    """Textual's name of a theme, `auto` for the one that suits the terminal; empty if there is none of this name."""
    wanted = app.profile.theme if name == AUTO else f"{PREFIX}{name}"
    return wanted if wanted in app.available_themes else ""


def use(app: Conduit, name: str) -> None:
    """Draw with a theme, if there is one of this name."""
    if wanted := known(app, name):
        app.theme = wanted


def use_next(app: Conduit) -> str:
    """Go on to the next theme; its name."""
    all_names = names(app)
    here = app.theme.removeprefix(PREFIX)
    chosen = all_names[(all_names.index(here) + 1) % len(all_names)] if here in all_names else all_names[0]
    use(app, chosen)
    return chosen
