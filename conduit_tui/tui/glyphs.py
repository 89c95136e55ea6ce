"""The signs that screens are drawn with, in Unicode and in ASCII."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Glyphs:
    """One set of signs. `levels` and `fractions` grow from empty to full; `parts` tell parts where colours do not."""

    on: str = "●"
    off: str = "○"
    busy: str = "◐"
    good: str = "✓"
    bad: str = "✗"
    pointer: str = "▸"
    down: str = "▼"
    arrow: str = "→"
    rule: str = "─"
    heavy_rule: str = "━"
    thumb: str = "▐"
    dash: str = "–"
    levels: str = " ▁▂▃▄▅▆▇█"
    fractions: str = " ▏▎▍▌▋▊▉█"
    parts: str = ""
    legend: str = "■"
    held: str = "▒"
    empty: str = "░"
    mark: str = "▲"
    branch: str = "├"
    last_branch: str = "└"


UNICODE = Glyphs()
ASCII = Glyphs(
    on="*", off="o", busy="%", good="+", bad="x", pointer=">", down="v", arrow=">", rule="-",
    heavy_rule="=", thumb="|", dash="-", levels=" .:-=+*#", fractions=" #",
    parts="#o+x%~", legend="", held="%", empty=".", mark="^", branch="|", last_branch="`",
)  # fmt: skip
