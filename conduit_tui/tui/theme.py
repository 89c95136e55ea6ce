"""The themes, and the inks of each."""

from rich.style import Style
from textual.theme import Theme

from conduit_tui.tui.ink import PARTS, Ink, Palette

DARK = Theme(
    name="conduit-dark",
    primary="#8ab4f8",
    accent="#8ab4f8",
    secondary="#8ab4f8",
    success="#8fce9b",
    warning="#e6c07b",
    error="#f0857d",
    foreground="#d3d9e3",
    background="#10131a",
    surface="#171b24",
    panel="#1e2430",
    variables={
        "block-cursor-background": "#263247",
        "block-cursor-foreground": "#e9eef7",
        "block-cursor-text-style": "none",
        "input-cursor-background": "#8ab4f8",
        "input-cursor-foreground": "#10131a",
        "input-selection-background": "#33476b",
        "border": "#3a4356",
        "scrollbar": "#3a4356",
    },
)

LIGHT = Theme(
    name="conduit-light",
    dark=False,
    primary="#2456b3",
    accent="#2456b3",
    secondary="#2456b3",
    success="#1d7a36",
    warning="#8f5d00",
    error="#b3261e",
    foreground="#1f2430",
    background="#fbfbfd",
    surface="#f1f3f7",
    panel="#e8ebf2",
    variables={
        "block-cursor-background": "#d6e2f7",
        "block-cursor-foreground": "#111827",
        "block-cursor-text-style": "none",
        "border": "#b9c0cd",
    },
)

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


def _sixteen(name: str, accent: str, success: str, warning: str, error: str) -> Theme:
    """A theme of the terminal's own colours: what suits every palette, and half the bytes of true colour."""
    default = "ansi_default"
    return Theme(
        name=name,
        ansi=True,
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
        variables=_ANSI_VARIABLES,
    )


ANSI = _sixteen("conduit-ansi", "ansi_cyan", "ansi_green", "ansi_yellow", "ansi_red")
PLAIN = _sixteen("conduit-plain", "ansi_default", "ansi_default", "ansi_default", "ansi_default")

THEMES = (DARK, LIGHT, ANSI, PLAIN)


def _parts(*colors: str) -> dict[Ink, Style]:
    return {part: Style(color=color) for part, color in zip(PARTS, colors, strict=True)}


def _of_theme(theme: Theme, muted: str, faint: str, title: str, strong: str, parts: dict[Ink, Style]) -> Palette:
    return {
        **parts,
        Ink.TEXT: Style(color=theme.foreground),
        Ink.MUTED: Style(color=muted),
        Ink.STRONG: Style(color=strong, bold=True),
        Ink.ACCENT: Style(color=theme.accent),
        Ink.GOOD: Style(color=theme.success),
        Ink.WARN: Style(color=theme.warning),
        Ink.BAD: Style(color=theme.error),
        Ink.FAINT: Style(color=faint),
        Ink.TITLE: Style(color=title),
        Ink.CURSOR: Style(bgcolor=theme.variables["block-cursor-background"]),
    }


PALETTES: dict[str, Palette] = {
    DARK.name: _of_theme(
        DARK,
        muted="#8a94a6",
        faint="#3a4356",
        title="#8a94a6",
        strong="#f2f5fa",
        parts=_parts("#8ab4f8", "#8fce9b", "#e6c07b", "#c792ea", "#5bc0be", "#7d8799"),
    ),
    LIGHT.name: _of_theme(
        LIGHT,
        muted="#5d6675",
        faint="#b9c0cd",
        title="#5d6675",
        strong="#0b0f19",
        parts=_parts("#2456b3", "#3f9142", "#c27c0e", "#8e44ad", "#138d90", "#9aa3b2"),
    ),
    # Dim, not bright black: some palettes make bright black the colour of the ground.
    ANSI.name: {
        **_parts("cyan", "green", "yellow", "magenta", "blue", "white"),
        Ink.TEXT: Style(),
        Ink.MUTED: Style(dim=True),
        Ink.STRONG: Style(bold=True),
        Ink.ACCENT: Style(color="cyan"),
        Ink.GOOD: Style(color="green"),
        Ink.WARN: Style(color="yellow"),
        Ink.BAD: Style(color="red"),
        Ink.FAINT: Style(dim=True),
        Ink.TITLE: Style(dim=True),
        Ink.CURSOR: Style(reverse=True),
    },
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
