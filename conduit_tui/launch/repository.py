"""The name of the git repository that a folder lies in, found without running git."""

import re
from collections.abc import Iterator
from pathlib import Path

_ORIGIN = re.compile(r'^\s*\[remote "origin"\][^\[]*?^\s*url\s*=\s*(\S+)', re.MULTILINE)
_LONGEST = 65_536  # bytes of a file that is read


def repository_names(folder: Path) -> Iterator[str]:
    """What the repository may be called, the likeliest first: its folder's name, then the one it was cloned from."""
    for root in (folder, *folder.parents):
        place = root / ".git"
        if place.is_dir():
            yield from _names(root, place)
            return
        if place.is_file():  # of a linked worktree or a submodule
            yield from _linked(root, place)
            return


def _linked(root: Path, place: Path) -> Iterator[str]:
    pointer = _read(place).partition("gitdir:")[2].strip()
    own = (root / pointer).resolve() if pointer else place
    common = (own / _read(own / "commondir").strip()).resolve() if (own / "commondir").is_file() else own
    yield from _names(common.parent if common.name == ".git" else root, common)


def _names(root: Path, place: Path) -> Iterator[str]:
    yield root.name
    origin = _ORIGIN.search(_read(place / "config"))
    if origin is not None:
        yield re.split(r"[/:]", origin[1].rstrip("/"))[-1].removesuffix(".git")


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_LONGEST).decode("utf-8", "replace")
    except OSError:
        return ""
