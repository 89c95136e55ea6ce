"""Copies for the user's own machine: OSC 52, which the terminal at the other end of an SSH connection carries out."""

import base64
import os
from collections.abc import Iterator, Mapping

MOST_BYTES = 74_994  # of text: what xterm and tmux take, in base64 and with the words around it
SCREEN_PIECE = 76  # GNU screen passes no longer strings through


class TooLong(Exception):
    """More than a terminal takes."""


def sequence(text: str, environ: Mapping[str, str] = os.environ) -> str:
    """What to write to the terminal so that it keeps the text; through tmux and screen too. Raises TooLong.

    tmux wants escapes doubled (https://github.com/tmux/tmux/wiki/FAQ), screen takes short pieces only.
    """
    data = text.encode()
    if len(data) > MOST_BYTES:
        raise TooLong
    plain = f"\x1b]52;c;{base64.b64encode(data).decode()}\a"
    if environ.get("TMUX"):
        # set-clipboard takes the first, allow-passthrough the second; a tmux that allows neither drops both
        doubled = plain.replace("\x1b", "\x1b\x1b")
        return f"{plain}\x1bPtmux;{doubled}\x1b\\"
    if environ.get("STY"):
        return "".join(f"\x1bP{piece}\x1b\\" for piece in _pieces(plain))
    return plain


def _pieces(text: str) -> Iterator[str]:
    for start in range(0, len(text), SCREEN_PIECE):
        yield text[start : start + SCREEN_PIECE]
