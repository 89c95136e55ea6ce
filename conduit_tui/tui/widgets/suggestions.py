"""What may stand at the cursor of a field: a list that is walked and taken from without leaving the field."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from textual import events
from textual.widget import Widget
from textual.widgets import Input

from conduit_tui.routing.completion import Completion
from conduit_tui.tui.ink import Ink
from conduit_tui.tui.widgets.lines import PickLines

TEXT_WIDTH = 26

if TYPE_CHECKING:
    _Field = Widget
else:
    _Field = object


class Suggestions(PickLines):
    """The list. It belongs to the field that opened it last."""

    DEFAULT_CSS = "Suggestions { height: 1fr; display: none; }"

    owner: Widget | None = None

    def offer(self, owner: Widget, found: Sequence[Completion]) -> None:
        """Show what may stand there; nothing closes the list."""
        self.owner = owner if found else None
        width = max((len(each.text) for each in found), default=0)
        width = min(max(width, 12), TEXT_WIDTH)
        self.cursor = -1
        self.show_targets(
            [(((f"   {each.text:<{width}}", Ink.TEXT), (f"  {each.help}", Ink.MUTED)), each) for each in found]
        )
        self.cursor = 0 if found else -1
        self.top = 0
        self._appear(bool(found))

    def close(self) -> None:
        """Put the list away."""
        if self.owner is not None:
            self.offer(self.owner, ())

    def _appear(self, shown: bool) -> None:
        self.display = shown
        if self.parent is not None:
            self.screen.set_class(shown, "-suggesting")


class Suggesting(_Field):
    """A field that has suggestions: what it types opens them, arrows walk, tab and enter take, esc puts them away."""

    def suggest(self) -> None:
        """Show what may stand at the cursor."""
        self._popup.offer(self, self.suggestions())

    def suggestions(self) -> Sequence[Completion]:
        """What may stand at the cursor."""
        raise NotImplementedError

    def take(self, completion: Completion) -> None:
        """Write a suggestion."""
        raise NotImplementedError

    @property
    def _popup(self) -> Suggestions:
        return self.screen.query_one(Suggestions)

    async def _on_key(self, event: events.Key) -> None:
        popup = self._popup
        if popup.owner is not self:
            if event.key == "enter":
                event.stop()
                event.prevent_default()
                self.screen.focus_next()
            return
        if event.key in ("down", "up"):
            popup.move(1 if event.key == "down" else -1)
        elif event.key in ("tab", "enter") and popup.target is not None:
            chosen = popup.target
            popup.close()
            self.take(chosen)
        elif event.key == "escape":
            popup.close()
        else:
            return
        event.stop()
        event.prevent_default()

    def _on_blur(self, event: events.Blur) -> None:
        if self._popup.owner is self:
            self._popup.close()


class ModelInput(Suggesting, Input):
    """A line for the name of a model, or, with `several`, for names with commas between them."""

    def __init__(
        self, models: Callable[[], Sequence[str]], value: str, *, several: bool = False, widget_id: str
    ) -> None:
        super().__init__(value, id=widget_id, compact=True, select_on_focus=False)
        self.cursor_blink = False
        self._models = models
        self._several = several
        self._quiet = value

    def on_input_changed(self, event: Input.Changed) -> None:
        if self.has_focus and event.value != self._quiet:
            self.suggest()
        self._quiet = ""

    def suggestions(self) -> Sequence[Completion]:
        start, typed = self._word()
        end = len(self.value) if not self._several else start + len(typed)
        wanted = typed.strip().lower()
        found = [name for name in self._models() if wanted in name.lower()]
        found.sort(key=lambda name: not name.lower().startswith(wanted))
        return [Completion(name, start, end) for name in found if name != typed.strip()]

    def take(self, completion: Completion) -> None:
        before, after = self.value[: completion.start], self.value[completion.end :]
        if self._several and before and not before.endswith(" "):
            before += " "
        self._quiet = before + completion.text + after
        self.value = self._quiet
        self.cursor_position = len(before + completion.text)

    def _word(self) -> tuple[int, str]:
        if not self._several:
            return 0, self.value
        start = self.value.rfind(",", 0, self.cursor_position) + 1
        end = self.value.find(",", self.cursor_position)
        return start, self.value[start : end if end >= 0 else len(self.value)]
