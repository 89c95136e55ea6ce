"""The signs that screens are drawn with, in Unicode and in ASCII."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Glyphs:
    """One set of signs. `levels` and `fractions` grow from empty to full."""

    on: str = "●"
    off: str = "○"
    busy: str = "◐"
    good: str = "✓"
    bad: str = "✗"
    passed: str = "·"
    attention: str = "!"
    pointer: str = "▸"
    down: str = "▼"
    arrow: str = "→"
    rule: str = "─"
    heavy_rule: str = "━"
    thumb: str = "▐"
    dot: str = "·"
    dash: str = "–"
    ellipsis: str = "…"
    levels: str = " ▁▂▃▄▅▆▇█"
    fractions: str = " ▏▎▍▌▋▊▉█"
    gauge_empty: str = "░"


UNICODE = Glyphs()
ASCII = Glyphs(
    on="*", off="o", busy="%", good="+", bad="x", passed=".", pointer=">", down="v", arrow=">", rule="-",
    heavy_rule="=", thumb="|", dot=".", dash="-", ellipsis="~", levels=" .:-=+*#", fractions=" #", gauge_empty=".",
)  # fmt: skip
