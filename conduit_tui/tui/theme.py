"""The themes, and the inks of each.

`good`, `warn` and `bad` of the built-in ones stay apart, and every text stays readable, also for eyes that lack one of
the three kinds of cones; and a glyph or a word always says the same as the colour.
"""

from rich.style import Style
from textual.theme import Theme

from conduit_tui.tui.colors import Colors
from conduit_tui.tui.ink import PARTS, Ink, Palette

PREFIX = "conduit-"  # Textual has themes of its own

COLORS: dict[str, Colors] = {
    "dark": Colors(
        text="#d3d9e3", muted="#98a2b3", strong="#f2f5fa", accent="#8ab4f8",
        good="#6fdcc4", warn="#f2cf5b", bad="#fb8f7c", faint="#3a4356",
        background="#10131a", surface="#171b24", panel="#1e2430", cursor="#263247", selection="#33476b",
        parts=("#8ab4f8", "#3fbf8f", "#f2cf5b", "#e0559f", "#a8623f", "#66708a"),
    ),
    "light": Colors(
        text="#1f2430", muted="#566070", strong="#0b0f19", accent="#1f4fa8",
        good="#08655a", warn="#7d5a00", bad="#8f1020", faint="#b9c0cd",
        background="#fbfbfd", surface="#f1f3f7", panel="#e8ebf2", cursor="#d6e2f7", selection="#b9d0f5",
        parts=("#1f4fa8", "#0f7f5f", "#a87c00", "#b0469a", "#701a10", "#7f8898"), dark=False,
    ),
    "high-contrast": Colors(
        text="#ffffff", muted="#d0d0d0", strong="#ffffff", accent="#7cc4ff",
        good="#5ff0d0", warn="#ffe14d", bad="#ff9c8c", faint="#808080",
        background="#000000", surface="#101010", panel="#1c1c1c", cursor="#003a6b", selection="#00539b",
        parts=("#7cc4ff", "#3fd69f", "#ffe14d", "#ff6fb8", "#c8743f", "#909090"),
    ),
}  # fmt: skip


def theme_of(name: str, colors: Colors) -> Theme:
    """The colours as a theme of Textual's."""
    return Theme(
        name=f"{PREFIX}{name}",
        dark=colors.dark,
        primary=colors.accent,
        accent=colors.accent,
        secondary=colors.accent,
        success=colors.good,
        warning=colors.warn,
        error=colors.bad,
        foreground=colors.text,
        background=colors.background,
        surface=colors.surface,
        panel=colors.panel,
        variables={
            "block-cursor-background": colors.cursor,
            "block-cursor-foreground": colors.strong,
            "block-cursor-text-style": "none",
            "input-cursor-background": colors.accent,
            "input-cursor-foreground": colors.background,
            "input-selection-background": colors.selection,
            "border": colors.faint,
            "scrollbar": colors.faint,
        },
    )


def palette_of(colors: Colors) -> Palette:
    """The inks of these colours."""
    return {
        **_parts(*colors.parts),
        Ink.TEXT: Style(color=colors.text),
        Ink.MUTED: Style(color=colors.muted),
        Ink.STRONG: Style(color=colors.strong, bold=True),
        Ink.ACCENT: Style(color=colors.accent),
        Ink.GOOD: Style(color=colors.good),
        Ink.WARN: Style(color=colors.warn),
        Ink.BAD: Style(color=colors.bad),
        Ink.FAINT: Style(color=colors.faint),
        Ink.TITLE: Style(color=colors.muted),
        Ink.CURSOR: Style(bgcolor=colors.cursor),
    }


def known_palette(name: str) -> Palette:
    """The inks of a theme of ours by Textual's name; the dark one's for a theme that is not ours."""
    return PALETTES.get(name, PALETTES[DARK.name])


def add(name: str, colors: Colors) -> Theme:
    """Make a user's theme known under its name."""
    theme = theme_of(name, colors)
    PALETTES[theme.name] = palette_of(colors)
    return theme


def _parts(*colors: str) -> dict[Ink, Style]:
    return {part: Style(color=color) for part, color in zip(PARTS, colors, strict=True)}


DARK = theme_of("dark", COLORS["dark"])
LIGHT = theme_of("light", COLORS["light"])
HIGH_CONTRAST = theme_of("high-contrast", COLORS["high-contrast"])

_ANSI_VARIABLES = {
    "ansi-background": "ansi_black",
    "ansi-foreground": "ansi_white",
    "block-cursor-foreground": "ansi_black",
    "block-cursor-background": "ansi_white",
    "input-cursor-foreground": "ansi_black",
    "input-cursor-background": "ansi_white",
    "input-selection-background": "ansi_cyan",
    "input-selection-foreground": "ansi_black",
    "border-blurred": "ansi_black",
}


_SWAPPED = {"ansi_black": "ansi_white", "ansi_white": "ansi_black"}


def _sixteen(name: str, accent: str, success: str, warning: str, error: str, *, dark: bool = True) -> Theme:
    """A theme of the terminal's own colours: what suits every palette, and half the bytes of true colour."""
    variables = {name: value if dark else _SWAPPED.get(value, value) for name, value in _ANSI_VARIABLES.items()}
    default = "ansi_default"
    return Theme(
        name=name,
        ansi=True,
        dark=dark,
        primary=accent,
        accent=accent,
        success=success,
        warning=warning,
        error=error,
        foreground=default,
        background=default,
        surface=default,
        panel=default,
        boost=default,
        variables=variables,
    )


ANSI = _sixteen("conduit-ansi", "ansi_cyan", "ansi_green", "ansi_yellow", "ansi_red")
ANSI_LIGHT = _sixteen("conduit-ansi-light", "ansi_blue", "ansi_cyan", "ansi_magenta", "ansi_red", dark=False)
PLAIN = _sixteen("conduit-plain", "ansi_default", "ansi_default", "ansi_default", "ansi_default")

THEMES = (DARK, LIGHT, HIGH_CONTRAST, ANSI, ANSI_LIGHT, PLAIN)


def _sixteen_inks(accent: str, good: str, warn: str, bad: str, *others: str) -> Palette:
    # Dim, not bright black: some palettes make bright black the colour of the ground.
    return {
        **_parts(accent, *others),
        Ink.TEXT: Style(),
        Ink.MUTED: Style(dim=True),
        Ink.STRONG: Style(bold=True),
        Ink.ACCENT: Style(color=accent),
        Ink.GOOD: Style(color=good),
        Ink.WARN: Style(color=warn),
        Ink.BAD: Style(color=bad),
        Ink.FAINT: Style(dim=True),
        Ink.TITLE: Style(dim=True),
        Ink.CURSOR: Style(reverse=True),
    }


PALETTES: dict[str, Palette] = {
    **{f"{PREFIX}{name}": palette_of(colors) for name, colors in COLORS.items()},
    ANSI.name: _sixteen_inks("cyan", "green", "yellow", "red", "green", "yellow", "magenta", "blue", "white"),
    ANSI_LIGHT.name: _sixteen_inks("blue", "cyan", "magenta", "red", "green", "yellow", "magenta", "cyan", "black"),
    PLAIN.name: {
        **dict.fromkeys(PARTS, Style()),
        Ink.TEXT: Style(),
        Ink.MUTED: Style(),
        Ink.STRONG: Style(bold=True),
        Ink.ACCENT: Style(bold=True),
        Ink.GOOD: Style(),
        Ink.WARN: Style(bold=True),
        Ink.BAD: Style(bold=True),
        Ink.FAINT: Style(),
        Ink.TITLE: Style(),
        Ink.CURSOR: Style(reverse=True),
    },
}
