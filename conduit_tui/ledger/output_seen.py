"""How long models' answers have been of late."""

from collections import deque

REMEMBERED_MODELS = 1024  # names come from clients, so their number has no end
REMEMBERED_ANSWERS = 256
_SHARE = 0.99


class OutputSeen:
    """The 99th percentile of the newest answers' output tokens, per model."""

    def __init__(self) -> None:
        self._answers: dict[str, deque[int]] = {}
        self._usual: dict[str, int] = {}

    def add(self, model: str, output_tokens: int) -> None:
        """Note an answer."""
        answers = self._answers.get(model)
        if answers is None:
            if len(self._answers) >= REMEMBERED_MODELS:
                self._answers.clear()
            answers = self._answers[model] = deque(maxlen=REMEMBERED_ANSWERS)
        answers.append(output_tokens)
        self._usual.pop(model, None)

    def usual(self, model: str) -> int:
        """The percentile in tokens; 0 for a model not seen."""
        if (known := self._usual.get(model)) is not None:
            return known
        answers = self._answers.get(model)
        if not answers:
            return 0
        usual = sorted(answers)[min(len(answers) - 1, int(len(answers) * _SHARE))]
        if len(self._usual) >= REMEMBERED_MODELS:
            self._usual.clear()
        self._usual[model] = usual
        return usual
