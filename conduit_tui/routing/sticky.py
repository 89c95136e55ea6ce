"""What sticky rules answered at the first request of a session and request class."""

import threading
from collections import OrderedDict

SESSIONS = 10_000


class StickyMemory:
    """Answers of sticky rules by session and request class; the longest unused are forgotten first.

    It outlives the rule sets that use it: an answer belongs to a rule as it was written, an edited rule is asked anew.
    """

    def __init__(self, sessions: int = SESSIONS) -> None:
        self._limit = sessions
        self._answers: OrderedDict[tuple[str, str], dict[int, bool]] = OrderedDict()
        self._lock = threading.Lock()  # decisions that take long are made in threads

    def answers(self, session: str, request_class: str) -> dict[int, bool]:
        """The kept answers of one session and request class, by the fingerprint of the rule; to be added to."""
        key = (session, request_class)
        with self._lock:
            answers = self._answers.setdefault(key, {})
            self._answers.move_to_end(key)
            if len(self._answers) > self._limit:
                self._answers.popitem(last=False)
        return answers

    def __len__(self) -> int:
        return len(self._answers)
