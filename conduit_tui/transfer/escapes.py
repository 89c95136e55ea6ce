"""Characters that nobody sees, or that steer a terminal, stand in files as escapes: `cat` of a file is harmless."""


def json_escaped(text: str) -> str:
    """JSON that says the same; line ends between its parts stay."""
    return text if _is_plain(text) else "".join(c if _stays(c) else _utf16(c) for c in text)


def toml_escaped(text: str) -> str:
    """TOML that says the same, of a document whose strings are all basic ones; line ends stay."""
    return text if _is_plain(text) else "".join(c if _stays(c) else f"\\U{ord(c):08x}" for c in text)


def _is_plain(text: str) -> bool:
    return text.replace("\n", "").isprintable()


def _stays(character: str) -> bool:
    return character.isprintable() or character == "\n"


def _utf16(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))
