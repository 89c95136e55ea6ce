"""What a theme says of colours, and how far two of them are apart."""

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Colors:
    """The colours of one theme, each `#rrggbb`.

    Three grounds: `background` under everything, `surface` under fields and small windows, `panel` under what stands
    out of them; `cursor` lies under the line with the cursor. `parts` tell the parts of a chart, the greatest first.
    """

    text: str
    muted: str
    strong: str
    accent: str
    good: str
    warn: str
    bad: str
    faint: str
    background: str
    surface: str
    panel: str
    cursor: str
    selection: str
    parts: tuple[str, str, str, str, str, str]
    dark: bool = True

    @property
    def words(self) -> dict[str, str]:
        """The colours that text has."""
        return {name: getattr(self, name) for name in ("text", "muted", "strong", "accent", "good", "warn", "bad")}

    @property
    def grounds(self) -> dict[str, str]:
        """What text lies on."""
        return {name: getattr(self, name) for name in ("background", "surface", "panel", "cursor")}


COLOR_NAMES = tuple(field.name for field in fields(Colors) if field.name not in ("parts", "dark"))


def contrast(one: str, other: str) -> float:
    """The contrast of two colours as WCAG defines it, from 1 to 21."""
    dark, bright = sorted((_luminance(one), _luminance(other)))
    return (bright + 0.05) / (dark + 0.05)


def _luminance(color: str) -> float:
    red, green, blue = (_linear(int(color[at : at + 2], 16) / 255) for at in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else float(((channel + 0.055) / 1.055) ** 2.4)
