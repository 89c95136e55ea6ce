"""The pictures of the documents: screens as the snapshot tests hold them. `python -m tests.pictures` renews them."""

import shutil
from pathlib import Path

ROOT = Path(__file__).parents[1]
SNAPSHOTS = ROOT / "snapshots"
FOLDER = ROOT / "docs" / "pictures"

PICTURES = {
    "overview.svg": "test_tui_money_snapshots/test_budgets[overview-120x40].svg",
    "welcome.svg": "test_tui_welcome/test_screen[welcome-80x24].svg",
    "requests.svg": "test_tui_snapshots/test_screen[requests-120x40].svg",
    "backtest.svg": "test_tui_rule_snapshots/test_rules[backtest-120x40].svg",
}


def draw() -> None:
    """Put the pictures into the documents' folder."""
    FOLDER.mkdir(exist_ok=True)
    for name, snapshot in PICTURES.items():
        shutil.copyfile(SNAPSHOTS / snapshot, FOLDER / name)


if __name__ == "__main__":
    draw()
