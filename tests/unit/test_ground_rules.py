"""The rules of tests/conftest.py, tried on small test suites of their own."""

import subprocess
import sys
from pathlib import Path

CONFTEST = Path(__file__).parents[1] / "conftest.py"


def run_suite(folder: Path, source: str, grace: float = 10.0, **environment: str) -> subprocess.CompletedProcess[str]:
    rules = CONFTEST.read_text().replace("TEST_SECONDS = 120.0", "TEST_SECONDS = 1.0")
    (folder / "conftest.py").write_text(rules.replace("GRACE_SECONDS = 15.0", f"GRACE_SECONDS = {grace}"))
    (folder / "test_it.py").write_text(source)
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(folder)],
        capture_output=True,
        text=True,
        timeout=100,
        env={"PATH": "/usr/bin:/bin", **environment},
        check=False,
    )


def test_a_test_that_hangs_fails_and_the_next_one_runs(tmp_path: Path) -> None:
    source = "import time\ndef test_hangs(): time.sleep(20)\ndef test_next(): pass\n"
    done = run_suite(tmp_path, source)
    assert "took more than 1 s" in done.stdout
    assert "1 failed, 1 passed" in done.stdout


def test_a_test_that_hangs_on_asyncio_fails(tmp_path: Path) -> None:
    source = "import asyncio\ndef test_hangs(): asyncio.run(asyncio.sleep(20))\n"
    assert "1 failed" in run_suite(tmp_path, source).stdout


def test_a_test_that_cannot_be_interrupted_ends_the_run_with_its_stack(tmp_path: Path) -> None:
    source = """
import time
def test_hangs():
    until = time.monotonic() + 20
    while time.monotonic() < until:
        try:
            time.sleep(20)
        except BaseException:
            pass
"""
    done = run_suite(tmp_path, source, grace=0.5)
    assert done.returncode == 1
    assert "test_it.py" in done.stderr
    assert "Timeout" in done.stderr


def test_the_callers_environment_does_not_reach_the_tests(tmp_path: Path) -> None:
    source = """
import os
def test_clean():
    assert [name for name, value in os.environ.items() if value == "foreign"] == []
"""
    names = "TEXTUAL_THEME NO_COLOR CONDUIT_STATE_DIR https_proxy HTTP_PROXY ANTHROPIC_API_KEY OPENAI_API_KEY SSH_TTY"
    foreign = dict.fromkeys(names.split(), "foreign")
    done = run_suite(tmp_path, source, **foreign)
    assert "1 passed" in done.stdout, done.stdout
