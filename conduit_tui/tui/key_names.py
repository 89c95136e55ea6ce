"""How keys are written for people, and by them."""

_KEY_NAMES = {
    "slash": "/", "colon": ":", "question_mark": "?", "escape": "esc", "pagedown": "pgdn", "pageup": "pgup",
    "down": "↓", "up": "↑", "left": "←", "right": "→", "comma": ",", "full_stop": ".",
    "left_square_bracket": "[", "right_square_bracket": "]", "dollar_sign": "$",
}  # fmt: skip


def key_name(key: str) -> str:
    """A key as it is written for people."""
    return _KEY_NAMES.get(key, key)


def key_of(name: str) -> str:
    """The key that people write so; the opposite of `key_name`."""
    return next((key for key, written in _KEY_NAMES.items() if written == name), name)
