from pathlib import Path

import pytest

from conduit_tui.paths import StateDir


@pytest.fixture
def state_dir(tmp_path: Path) -> StateDir:
    """A state directory that is there."""
    made = StateDir(tmp_path / "state")
    made.prepare()
    return made
