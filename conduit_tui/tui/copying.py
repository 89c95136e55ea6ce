"""What is shown, taken out of the control centre: to the terminal's clipboard, into the pager."""

from textual.app import App, SuspendNotSupported

from conduit_tui.tui.clean import clean
from conduit_tui.tui.screens.base import shown_on


class Copying(App[int]):
    """What the app does with the text of the screen on top. A mixin of `ConduitApp`."""

    def copy_to_clipboard(self, text: str) -> None:
        """Have the terminal keep a text, through tmux and screen too; says so."""
        from conduit_tui.tui import clipboard

        try:
            written = clipboard.sequence(text)
        except clipboard.TooLong:
            self.notify(
                f"no terminal takes more than {clipboard.MOST_BYTES // 1000} KB: o opens it in the pager",
                title="too long to copy", severity="warning",
            )  # fmt: skip
            return
        self._clipboard = text
        if self._driver is not None:
            self._driver.write(written)
        self.notify("the terminal was asked to keep it; `conduit-tui doctor` says whether it can", title="copied")

    def action_copy(self) -> None:
        if (screen := shown_on(self)) and screen.text:
            self.copy_to_clipboard(screen.text)

    def action_page(self) -> None:
        """Open what is shown in the pager."""
        from conduit_tui.tui import outside

        if (screen := shown_on(self)) and screen.text:
            try:
                outside.page(f"{screen.text}\n", self.suspend)
            except (outside.NoProgram, SuspendNotSupported) as error:
                self.notify(clean(str(error)), title="no pager", severity="warning", markup=False)
