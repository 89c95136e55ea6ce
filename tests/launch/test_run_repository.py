"""The name of a git repository, as git itself makes them."""

import subprocess
from pathlib import Path

from conduit_tui.launch.repository import repository_names


def git(folder: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=x", "-c", "user.email=x@example.org")
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


def test_clones_worktrees_and_submodules_are_told(tmp_path: Path) -> None:
    shop = tmp_path / "shop"
    shop.mkdir()
    git(shop, "init", "-q")
    git(shop, "commit", "-q", "--allow-empty", "-m", "begin")
    (shop / "deep" / "er").mkdir(parents=True)
    assert list(repository_names(shop / "deep" / "er")) == ["shop"]
    git(shop, "worktree", "add", "-q", str(tmp_path / "elsewhere"))
    assert list(repository_names(tmp_path / "elsewhere")) == ["shop"]
    git(tmp_path, "clone", "-q", "shop", "mine")
    assert list(repository_names(tmp_path / "mine")) == ["mine", "shop"]
    git(shop, "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(tmp_path / "mine"), "part")
    assert next(repository_names(shop / "part")) == "part"


def test_outside_of_a_repository_there_is_none(tmp_path: Path) -> None:
    assert list(repository_names(tmp_path)) == []
    (tmp_path / ".git").write_text("no pointer")
    assert list(repository_names(tmp_path)) == [tmp_path.name]
