"""What every screen has: header and tabs above, a rule and the footer below."""

from collections.abc import Sequence

from textual import events

from conduit_tui.tui.actions import Action
from conduit_tui.tui.format import Now
from conduit_tui.tui.glyphs import Glyphs
from conduit_tui.tui.ink import Ink, Line, Part, line_width, spread
from conduit_tui.tui.key_names import key_name
from conduit_tui.tui.state import AppState, headline
from conduit_tui.tui.widgets.lines import Lines

TABS = (
    ("overview", "Overview"),
    ("requests", "Requests"),
    ("rules", "Rules"),
    ("usage", "Usage"),
    ("budgets", "Budgets"),
    ("settings", "Settings"),
    ("process", "Process"),
    ("backups", "Backups"),
)


class Banner(Lines):
    """What nobody may overlook: that the bypass is on, that there are no prices. Else no line at all."""

    DEFAULT_CSS = "Banner { height: auto; }"

    def show_state(self, state: AppState) -> None:
        """Say what is out of the ordinary."""
        lines = [self._bypass(state)] if state.bypass else []
        if state.live is not None and state.live.price_list_problem:
            words = "the price list cannot be read: models cost the unknown-model rate"
            lines.append(((" ! PRICES", Ink.WARN), (f"  {words}", Ink.TEXT)))
        self.show(lines)

    def _bypass(self, state: AppState) -> Line:
        said: Line = (
            (" ! BYPASS", Ink.WARN),
            ("  rules and project limits off, overall budget holds", Ink.TEXT),
        )
        off: Line = (
            (("CONDUIT_BYPASS ", Ink.WARN),)
            if state.bypass_forced
            else (
                ("B", Ink.ACCENT),
                (" off ", Ink.MUTED),
            )
        )
        return spread(said, off, self.size.width or self.app.size.width)


def _around(width: int) -> int:
    """How many columns a tab takes beside its title: its digit, and spaces as there is room."""
    return 4 if width >= sum(len(title) + 4 for _, title in TABS) else 3


class Header(Lines):
    """Name and project on the left; state, uptime and address on the right."""

    DEFAULT_CSS = "Header { height: 1; }"

    def __init__(self, now: Now, glyphs: Glyphs) -> None:
        super().__init__()
        self._now = now
        self._glyphs = glyphs

    def show_state(self, state: AppState) -> None:
        """Say how things stand."""
        told = headline(state, self._now())
        left: Line = ((" conduit", Ink.STRONG), (f"  {state.project or 'all projects'}", Ink.MUTED))
        right: list[Part] = [(f"{getattr(self._glyphs, told.glyph)} {told.word}", told.ink)]
        if told.detail:
            right.append((f" {told.detail}", Ink.TEXT))
        if state.url:
            right.append((f"  {state.url.removeprefix('http://')}", Ink.MUTED))
        right.append((" ", Ink.TEXT))
        self.show([spread(left, right, self.size.width or self.app.size.width)])


class Tabs(Lines):
    """The screens by their digits; the rule below is heavy under the one that is shown."""

    DEFAULT_CSS = "Tabs { height: 2; }"

    def __init__(self, active: str, glyphs: Glyphs) -> None:
        super().__init__()
        self._active = active
        self._glyphs = glyphs

    def on_resize(self, event: events.Resize) -> None:
        around = _around(event.size.width)
        labels: list[Part] = []
        under: list[Part] = []
        for number, (name, title) in enumerate(TABS, start=1):
            here = name == self._active
            labels += [
                (f" {number}", Ink.ACCENT if here else Ink.MUTED),
                (f" {title}".ljust(len(title) + around - 2), Ink.STRONG if here else Ink.MUTED),
            ]
            rule = self._glyphs.heavy_rule if here else self._glyphs.rule
            under.append((rule * (len(title) + around), Ink.ACCENT if here else Ink.FAINT))
        rest = event.size.width - line_width(under)
        self.show([labels, (*under, (self._glyphs.rule * rest, Ink.FAINT))])

    def on_click(self, event: events.Click) -> None:
        right = 0
        for name, title in TABS:
            right += len(title) + _around(self.size.width)
            if event.x < right:
                self.app.call_later(self.app.run_action, f"show('{name}')")
                return


class Rule(Lines):
    """A rule across, with words in it where there is something to say."""

    DEFAULT_CSS = "Rule { height: 1; }"

    def __init__(self, glyphs: Glyphs, *, widget_id: str | None = None) -> None:
        super().__init__(widget_id=widget_id)
        self._glyphs = glyphs
        self._words = ""

    def say(self, text: str) -> None:
        """Put words into the rule, at its right; none to leave it plain."""
        self._words = text
        self._draw(self.size.width)

    def on_resize(self, event: events.Resize) -> None:
        self._draw(event.size.width)

    def _draw(self, width: int) -> None:
        rule = self._glyphs.rule
        if not self._words or not width:
            self.show([((rule * width, Ink.FAINT),)])
            return
        said = f" {self._words} "
        left = max(0, width - line_width(((said, Ink.ACCENT),)) - 2)
        self.show([((rule * left, Ink.FAINT), (said, Ink.ACCENT), (rule * 2, Ink.FAINT))])


class Footer(Lines):
    """The keys that matter here, as many as fit."""

    DEFAULT_CSS = "Footer { height: 1; }"

    def __init__(self, actions: Sequence[Action]) -> None:
        super().__init__()
        self._actions = actions

    def show_actions(self, actions: Sequence[Action]) -> None:
        """Other keys matter now."""
        self._actions = actions
        self._draw(self.size.width)

    def on_resize(self, event: events.Resize) -> None:
        self._draw(event.size.width)

    def _draw(self, width: int) -> None:
        # The last ones (help, quit) stay when room is short; what gives way is before them.
        labelled = [action for action in self._actions if action.label]
        gap = 3 if self._width(labelled, 3) <= width else 2
        while labelled and self._width(labelled, gap) > width:
            labelled.pop(max(0, len(labelled) - 4))
        parts: list[Part] = [(" ", Ink.TEXT)]
        for action in labelled:
            parts += [(key_name(action.keys[0]), Ink.ACCENT), (f" {action.label}{' ' * gap}", Ink.MUTED)]
        self.show([parts])

    @staticmethod
    def _width(actions: Sequence[Action], gap: int) -> int:
        return 1 + sum(len(key_name(action.keys[0])) + len(action.label) + 1 + gap for action in actions) - gap
