"""Wrong tokens, counted by the peer that showed them."""

import ipaddress
from collections import OrderedDict

MOST = 30  # wrong tokens
SPAN_SECONDS = 60.0
PEERS = 4096  # remembered at most


class Guesses:
    """Who shows too many wrong tokens is not looked at for a while.

    The programs of this machine are excepted: they share an address, and one with an old token would lock out the rest.
    """

    def __init__(self) -> None:
        self._wrong: OrderedDict[str, tuple[float, int]] = OrderedDict()  # when the first one came, and how many did

    def note(self, peer: str, now: float) -> None:
        """A wrong token came from a peer; `now` is monotonic, in seconds."""
        if _is_loopback(peer):
            return
        since, count = self._wrong.pop(peer, (now, 0))
        self._wrong[peer] = (now, 1) if now - since >= SPAN_SECONDS else (since, count + 1)
        if len(self._wrong) > PEERS:
            self._wrong.popitem(last=False)

    def wait_seconds(self, peer: str, now: float) -> float:
        """How long the peer is not looked at any more; 0 where it is."""
        since, count = self._wrong.get(peer, (0.0, 0))
        return max(0.0, since + SPAN_SECONDS - now) if count >= MOST else 0.0


def _is_loopback(peer: str) -> bool:
    try:
        return ipaddress.ip_address(peer).is_loopback
    except ValueError:
        return False
