"""Which themes the app has, and changing between them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from conduit_tui.tui import theme
from conduit_tui.tui.colors import Colors
from conduit_tui.tui.theme import PREFIX, THEMES

if TYPE_CHECKING:
    from conduit_tui.tui.app import ConduitApp

AUTO = "auto"


def register(app: ConduitApp, themes: Mapping[str, Colors]) -> None:
    """Make the built-in themes and the user's known to the app."""
    for built_in in THEMES:
        app.register_theme(built_in)
    for name, colors in themes.items():
        app.register_theme(theme.add(name, colors))


def names(app: ConduitApp) -> list[str]:
    """The themes by the names that people use, the user's own last."""
    built_in = [each.name for each in THEMES]
    own = sorted(name for name in app.available_themes if name.startswith(PREFIX) and name not in built_in)
    return [name.removeprefix(PREFIX) for name in (*built_in, *own)]


def use(app: ConduitApp, name: str) -> bool:
    """Draw with a theme, `auto` for the one that suits the terminal; whether there is one of this name."""
    wanted = app.profile.theme if name == AUTO else f"{PREFIX}{name}"
    if wanted not in app.available_themes:
        return False
    app.theme = wanted
    return True


def use_next(app: ConduitApp) -> str:
    """Go on to the next theme; its name."""
    known = names(app)
    here = app.theme.removeprefix(PREFIX)
    chosen = known[(known.index(here) + 1) % len(known)] if here in known else known[0]
    use(app, chosen)
    return chosen
