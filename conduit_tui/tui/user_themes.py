"""Themes of the user's own: `themes/NAME.toml` in the state directory says what differs from a built-in theme.

based_on = "dark"

[colors]
accent = "#ffb86c"
parts = ["#ffb86c", "#3fbf8f", "#f2cf5b", "#e0559f", "#a8623f", "#66708a"]
"""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from conduit_tui.config.disk import read_text
from conduit_tui.config.errors import ConfigError, Problem
from conduit_tui.config.place import located, parse
from conduit_tui.domain.nearest import nearest
from conduit_tui.tui.colors import COLOR_NAMES, Colors, contrast
from conduit_tui.tui.theme import COLORS, PREFIX, THEMES

READABLE = 4.5  # WCAG AA for text
PARTS = 6
MOST = 100

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,30}")
_COLOR = re.compile(r"#[0-9a-fA-F]{6}")
BUILT_IN = tuple(theme.name.removeprefix(PREFIX) for theme in THEMES)


class UserThemes(NamedTuple):
    """The themes that can be used, and in words what is wrong with the others."""

    themes: dict[str, Colors]
    problems: tuple[str, ...] = ()


def load_all(folder: Path) -> UserThemes:
    """The themes of a folder; a folder that is not there has none."""
    themes: dict[str, Colors] = {}
    problems: list[str] = []
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix == ".toml")
    except (FileNotFoundError, NotADirectoryError):
        return UserThemes({})
    for path in paths[:MOST]:
        try:
            themes[path.stem] = load(path)
        except ConfigError as error:
            problems += [problem.text(path.relative_to(folder.parent)) for problem in error.problems]
    return UserThemes(themes, tuple(problems))


def load(path: Path) -> Colors:
    """One theme. Raises ConfigError with all that is wrong with it."""
    if not _NAME.fullmatch(path.stem):
        raise ConfigError((Problem("a theme's name is small letters, digits, '-' and '_'"),), path)
    if path.stem in (*BUILT_IN, "auto"):
        raise ConfigError((Problem(f"{path.stem!r} is built in; give yours another name"),), path)
    text = read_text(path)
    values = parse(text, path)
    problems = [*_strangers(values, text), *_bad_colors(values, text)]
    base = values.get("based_on", "dark")
    if base not in COLORS:
        problems.append(located("based_on", f"must be one of {', '.join(COLORS)}, not {base!r}", text))
    if problems:
        raise ConfigError(tuple(problems), path)
    changed = dict(values.get("colors", {}))
    if "parts" in changed:
        changed["parts"] = tuple(changed["parts"])
    return replace(COLORS[base], **changed)


def hard_to_read(colors: Colors) -> list[str]:
    """Which texts of a theme have too little contrast, in words."""
    return [
        f"{name} on {ground} has a contrast of {found:.1f}; {READABLE} can be read by most"
        for name, color in colors.words.items()
        for ground, under in colors.grounds.items()
        if (found := contrast(color, under)) < READABLE
    ]


def _strangers(values: dict[str, Any], text: str) -> list[Problem]:
    known = ("based_on", "colors")
    found = [located(key, "there is no such key", text, nearest(key, known)) for key in values if key not in known]
    colors = values.get("colors", {})
    if not isinstance(colors, dict):
        return [*found, located("colors", "must be a table", text)]
    names = (*COLOR_NAMES, "parts")
    for name in colors:
        if name not in names:
            near = nearest(name, names)
            message = "there is no such colour" + ("" if near else f"; there are {', '.join(names)}")
            found.append(located(f"colors.{name}", message, text, near))
    return found


def _bad_colors(values: dict[str, Any], text: str) -> list[Problem]:
    colors = values.get("colors", {})
    if not isinstance(colors, dict):
        return []
    found = []
    for name, value in colors.items():
        if name == "parts":
            if not isinstance(value, list) or len(value) != PARTS or not all(_is_color(each) for each in value):
                found.append(located("colors.parts", f"must be a list of {PARTS} colours such as '#8ab4f8'", text))
        elif name in COLOR_NAMES and not _is_color(value):
            found.append(located(f"colors.{name}", f"must be a colour such as '#8ab4f8', not {value!r}", text))
    return found


def _is_color(value: object) -> bool:
    return isinstance(value, str) and _COLOR.fullmatch(value) is not None
