"""The form of a condition: its tree as lines, each edit a key."""

from rich.style import Style
from textual import events
from textual.message import Message

from conduit_tui.domain.rules import Condition, Group
from conduit_tui.tui import condition_tree
from conduit_tui.tui.actions import Scope, bindings
from conduit_tui.tui.condition_tree import Place
from conduit_tui.tui.ink import Ink, Line
from conduit_tui.tui.widgets.lines import PickLines

INDENT = 3


class ConditionForm(PickLines, can_focus=True):
    """Shows a tree and edits it. While the text has an error it shows the tree before, and nothing can be edited."""

    DEFAULT_CSS = "ConditionForm { height: 1fr; }"
    BINDINGS = bindings(Scope.CONDITIONS)

    class Edited(Message):
        """The tree is another."""

        def __init__(self, tree: Group) -> None:
            super().__init__()
            self.tree = tree

    class Asked(Message):
        """A condition is to be written: in the place of the one there, after it (`add`), or in a group with it."""

        def __init__(self, what: str, place: Place, condition: Condition | None = None) -> None:
            super().__init__()
            self.what = what
            self.place = place
            self.condition = condition

    def __init__(self, *, widget_id: str) -> None:
        super().__init__(widget_id=widget_id)
        self._tree = Group()
        self._usable = True

    @property
    def conditions(self) -> Group:
        """The tree that is shown."""
        return self._tree

    def show_tree(self, tree: Group | None, place: Place | None = None) -> None:
        """Show a tree, the cursor on a place of it; None: the text has an error, and the tree before is out of date."""
        self._usable = tree is not None
        if tree is not None:
            self._tree = tree
        here = self.cursor
        ink = Ink.TEXT if self._usable else Ink.MUTED
        lines: list[tuple[Line, Place | None]] = [
            (
                ((" " * (INDENT + INDENT * row.depth), Ink.TEXT), (row.text, self._ink(row, ink))),
                row.place,
            )
            for row in condition_tree.rows(self._tree)
        ]
        if not lines:
            lines = [(((f"{' ' * INDENT}no condition yet; a adds one", Ink.MUTED),), None)]
        self.show_targets(lines)
        self.cursor = min(max(here, 0), len(self._targets) - 1) if lines[0][1] is not None else -1
        if place is not None:
            self.point(place)

    @staticmethod
    def _ink(row: condition_tree.Row, ink: Ink) -> Ink:
        return Ink.ACCENT if ink is Ink.TEXT and isinstance(row.node, Group) else ink

    @property
    def place(self) -> Place:
        """Where the cursor is."""
        target = self.target
        return target if target is not None else ()

    def ground(self, at: int) -> Style:
        return super().ground(at) if self.has_focus else self.base

    def on_focus(self, event: events.Focus) -> None:
        self.refresh()

    def on_blur(self, event: events.Blur) -> None:
        self.refresh()

    def action_move(self, by: int) -> None:
        self.move(by)

    def action_change(self) -> None:
        if not self._can():
            return
        if not self._tree.rules:
            self.action_add()
            return
        node = condition_tree.at(self._tree, self.place)
        if isinstance(node, Condition):
            self.post_message(self.Asked("change", self.place, node))
        else:
            self._edited(condition_tree.flipped(self._tree, self.place))

    def action_add(self) -> None:
        if self._can():
            self.post_message(self.Asked("add", self.place))

    def action_group(self) -> None:
        if self._can():
            self.post_message(self.Asked("group", self.place))

    def action_negate(self) -> None:
        if self._can() and self._tree.rules:
            self._edited(condition_tree.negated(self._tree, self.place))

    def action_delete(self) -> None:
        if self._can() and self._tree.rules:
            self._edited(condition_tree.removed(self._tree, self.place))

    def write(self, asked: "ConditionForm.Asked", condition: Condition) -> None:
        """What was asked for is written."""
        if asked.what == "change":
            self._edited(condition_tree.put(self._tree, asked.place, condition), asked.place)
            return
        edit = condition_tree.added if asked.what == "add" else condition_tree.grouped
        self._edited(*edit(self._tree, asked.place, condition))

    def _can(self) -> bool:
        if not self._usable:
            self.notify("the text above has an error; the form follows when it is mended", markup=False)
        return self._usable

    def _edited(self, tree: Group, place: Place | None = None) -> None:
        self.show_tree(tree, place)
        self.post_message(self.Edited(tree))
