"""What is released is what is in the repository (X13), and no floor lies below a version that was mended (X14)."""

import ast
import io
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from conduit_tui import __version__

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]

# The first versions without a published vulnerability that could matter here.
MENDED = {
    "aiohttp": "3.13.3",  # decompression bombs and request smuggling, CVE-2025-69223 and those published with it
    "anyio": "4.4.0",  # a race in threads that start event loops
    "psutil": "5.6.6",  # double free, CVE-2019-18874
    "pydantic": "2.4.0",  # quadratic time in a validator, CVE-2024-3772
    "sentry-sdk": "2.8.0",  # variables passed on to child processes, CVE-2024-40647
}


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is committed, and nothing that lies beside it."""
    folder = tmp_path_factory.mktemp("tree")
    archive = subprocess.run(["git", "archive", "HEAD"], cwd=ROOT, capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as packed:
        packed.extractall(folder, filter="data")
    return folder


def built(tree: Path, folder: Path) -> Path:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=tree, check=True, capture_output=True, timeout=100,
    )  # fmt: skip
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def wheel(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(tree, tmp_path_factory.mktemp("wheel"))


def test_the_wheel_holds_the_tree_and_nothing_else(tree: Path, wheel: Path) -> None:
    committed = {
        str(path.relative_to(tree)): path.read_bytes()
        for path in (tree / "conduit_tui").rglob("*")
        if path.is_file()
    }  # fmt: skip
    about = f"conduit_tui-{__version__}.dist-info"
    with zipfile.ZipFile(wheel) as packed:
        held = {name: packed.read(name) for name in packed.namelist()}
    beside = {name.partition("/")[2] for name in held if name.startswith(about)}
    assert beside == {"METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE"}
    assert {name: data for name, data in held.items() if not name.startswith(about)} == committed
    assert not [name for name in held if name.endswith((".pth", ".so", ".pyc")) or "sitecustomize" in name]
    assert held[f"{about}/entry_points.txt"].decode().split() == [
        "[console_scripts]", "conduit-tui", "=", "conduit_tui.cli.main:main",
    ]  # fmt: skip


def test_building_it_again_makes_the_same_bytes(tree: Path, wheel: Path, tmp_path: Path) -> None:
    assert built(tree, tmp_path).read_bytes() == wheel.read_bytes()


def requirements() -> list[Requirement]:
    return [
        Requirement(text) for text in (*PROJECT["dependencies"], *(line for extra in EXTRAS.values() for line in extra))
    ]


def floor(requirement: Requirement) -> Version:
    """The lowest version that is accepted."""
    floors = [Version(each.version) for each in requirement.specifier if each.operator in (">=", "==", "~=")]
    assert floors, f"{requirement} has no floor"
    return max(floors)


@pytest.mark.parametrize("requirement", requirements(), ids=str)
def test_what_is_required_has_a_floor_that_was_mended_and_is_installed(requirement: Requirement) -> None:
    if requirement.name == PROJECT["name"]:
        assert requirement.extras <= set(EXTRAS)
        return
    assert floor(requirement) >= Version(MENDED.get(requirement.name, "0"))
    assert requirement.specifier.contains(metadata.version(requirement.name), prereleases=True)


def test_what_runs_has_a_ceiling_where_the_next_version_may_break_it() -> None:
    loose = [text for text in PROJECT["dependencies"] if "<" not in text]
    assert loose == ["packaging>=24"]  # versions by the calendar, and two functions of it


def test_archives_are_not_unpacked() -> None:
    """Nothing depends on what tarfile of this Python does with a hostile path."""
    for path in (ROOT / "conduit_tui").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [each.name for each in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not {"tarfile", "zipfile", "pickle", "shelve", "marshal"} & set(names), path
