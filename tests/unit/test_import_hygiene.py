"""Which process loads what: the arrows of the house, and the costs that some starts may not have."""

import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import grimp
import pytest

from conduit_tui.cli.main import VERBS

ROOT = Path(__file__).parents[2]


def modules_after(program: str, *arguments: str, state_dir: Path | None = None) -> set[str]:
    """What a fresh interpreter has loaded when the program has run."""
    code = f"""
import atexit, sys
atexit.register(lambda: sys.stderr.write("\\n" + " ".join(sys.modules)))
sys.argv = {["conduit-tui", *arguments]!r}
{program}
"""
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(state_dir or "/nonexistent")}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=100, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr
    return set(done.stderr.splitlines()[-1].split())


COMMAND = "from conduit_tui.cli.main import main; main()"
HEAVY = {
    "textual",
    "rich",
    "pydantic",
    "asyncio",
    "aiosqlite",
    "httptools",
    "uvloop",
    "tiktoken",
    "genai_prices",
}


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["status"], ["status", "--json"], ["logs", "--help"]])
def test_the_quick_verbs_load_nothing_heavy(arguments: list[str], tmp_path: Path) -> None:
    loaded = modules_after(COMMAND, *arguments, "--state-dir", str(tmp_path), state_dir=tmp_path)
    assert loaded & HEAVY == set()


@pytest.mark.parametrize("verb", list(VERBS))
def test_the_help_of_a_verb_loads_no_room_that_it_only_needs_to_run(verb: str) -> None:
    loaded = modules_after(COMMAND, verb, "--help")
    assert loaded & (HEAVY - {"asyncio"}) == set()
    assert {name.split(".")[1] for name in loaded if name.startswith("conduit_tui.")} <= {"cli", "observe", "paths"}


def test_help_loads_no_room_but_its_own() -> None:
    loaded = {name for name in modules_after(COMMAND, "--help") if name.startswith("conduit_tui.")}
    rooms = {name.split(".")[1] for name in loaded}
    assert rooms == {"cli", "observe"}
    assert "conduit_tui.cli.process" not in loaded


@pytest.mark.parametrize(
    "room", ["gateway.main", "supervisor.main", "control.local", "control.remote", "store.sqlite", "demo"]
)
def test_only_the_screens_load_textual(room: str) -> None:
    assert "textual" not in modules_after(f"import conduit_tui.{room}")


def test_the_screens_load_neither_gateway_nor_daemon_nor_their_libraries() -> None:
    loaded = modules_after("import conduit_tui.tui.main")
    assert not {name for name in loaded if name.startswith(("conduit_tui.gateway", "conduit_tui.supervisor"))}
    assert loaded & {"conduit_tui.store.writer", "httptools", "uvloop", "tiktoken", "genai_prices", "click"} <= {
        "click"
    }


def test_the_arrows_run_down_only() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([linter], cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_file_comes_back_to_itself_by_what_it_imports() -> None:
    graph = grimp.build_graph("conduit_tui", cache_dir=None)
    arrows = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    TopologicalSorter(arrows).prepare()  # raises CycleError, which names the files
