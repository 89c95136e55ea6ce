"""config.toml: read and checked, and changed with its comments and order kept."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from conduit_tui.config.check import validate
from conduit_tui.config.disk import alone, read, read_text, write
from conduit_tui.config.errors import ConfigError, Problem
from conduit_tui.config.model import FREE_TABLES, SETTINGS, BoxConfig
from conduit_tui.config.place import located, parse
from conduit_tui.domain.nearest import nearest
from conduit_tui.paths import StateDir

if TYPE_CHECKING:
    from tomlkit import TOMLDocument


class Loaded(NamedTuple):
    """A valid file: what it says, as which text, and what is to be said about it (who may read it)."""

    config: BoxConfig
    values: dict[str, Any]
    text: str
    warnings: tuple[str, ...] = ()


def load(state_dir: StateDir) -> BoxConfig:
    """What the file says; the defaults where there is none. Raises ConfigError."""
    return load_whole(state_dir.config).config


def load_whole(path: Path, *, follow: bool = False) -> Loaded:
    """The file with all that is known of it; `follow` also reads through a symbolic link. Raises ConfigError."""
    try:
        text, warnings = read(path, follow=follow)
    except FileNotFoundError:
        return Loaded(BoxConfig(), {}, "")
    values = parse(text, path)
    return Loaded(validate(values, text=text, path=path), values, text, warnings)


def change(state_dir: StateDir, key: str, value: Any) -> BoxConfig:
    """Set one key, such as `gateway.port`; None takes it out, so that its default holds. See `change_all`."""
    return change_all(state_dir, {key: value})


def change_all(state_dir: StateDir, changes: Mapping[str, Any]) -> BoxConfig:
    """Set several keys at once; comments, order and everything else stay as they are.

    Nothing is written unless the whole file is valid then. Raises ConfigError, OSError.
    """
    import tomlkit  # here: reading does not need it

    state_dir.prepare()
    path = state_dir.config
    with alone(state_dir.root):
        text = read_text(path)
        parse(text, path)
        document = tomlkit.parse(text)
        for key, value in changes.items():
            _set(document, key, value, path)
        after = tomlkit.dumps(document)
        config = validate(parse(after, path), text=after, path=path)
        if after != text:
            write(path, after)
    return config


def _set(document: "TOMLDocument", key: str, value: Any, path: Path) -> None:
    import tomlkit

    table, _, name = key.partition(".")
    if not name or (key not in SETTINGS and table not in FREE_TABLES):
        raise ConfigError((located(key, "there is no such key", "", nearest(key, SETTINGS)),), path)
    here = document.get(table)
    if here is not None and not isinstance(here, dict):
        raise ConfigError((Problem("must be a table", table),), path)
    if value is None:
        if here is not None and name in here:
            del here[name]
        return
    if here is None:
        if document.body:
            document.add(tomlkit.nl())
        here = tomlkit.table()
        document[table] = here
        here = document[table]
    here[name] = list(value) if isinstance(value, tuple) else value
