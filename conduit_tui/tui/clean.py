"""Text from outside is neutralised here before it reaches the terminal.

Model names, errors, headers and log lines come from clients, providers and child processes. Whatever they hold, no
control character, escape sequence or direction override may leave for the terminal, and no markup is ever read from it.
"""

from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

LONGEST_LINE = 1000  # characters; a longer line is cut, because laying out one of 90,000 takes seconds

_SYMBOLS = {code: chr(0x2400 + code) for code in range(0x20)} | {0x7F: "␡", 0x09: " ", 0x0A: " ", 0x0D: " "}


def clean(text: str) -> str:
    """The text on one line, printable: control characters as their symbols (␛), everything else unprintable as `�`."""
    if len(text) > LONGEST_LINE:
        text = text[: LONGEST_LINE - 1] + "…"
    if text.isprintable():
        return text
    text = text.translate(_SYMBOLS)
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else "�" for character in text)


def only_ascii(text: str) -> str:
    """The text with everything beyond ASCII as `?`, for terminals that show nothing else."""
    if text.isascii():
        return text
    return text.encode("ascii", "replace").decode("ascii")


class CleanOutput(LineFilter):
    """The last gate: what Textual's own widgets draw (toasts, inputs, the palette) passes through `clean` too."""

    def __init__(self, *, ascii_only: bool = False) -> None:
        super().__init__()
        self._ascii_only = ascii_only

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """Replace the segments that hold something unprintable; widths stay as they were."""
        if all(self._is_fine(segment.text) for segment in segments):
            return segments
        return [
            segment if self._is_fine(segment.text) else Segment(self._mend(segment.text), segment.style)
            for segment in segments
        ]

    def _is_fine(self, text: str) -> bool:
        return text.isprintable() and (not self._ascii_only or text.isascii())

    def _mend(self, text: str) -> str:
        text = clean(text)
        return only_ascii(text.translate(_PLAINER)) if self._ascii_only else text


_PLAINER = str.maketrans("│┃─━┌┐└┘╭╮╰╯├┤▏▎▍▌▋▊▉█▔▁▕▐·…×→←↑↓µ–−▲✓✗", "||--++++++++++|||||||#~_||.~x><^vu--^+x")
