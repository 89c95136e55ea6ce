"""A daemon with real gateways and a scaled policy: `run_daemon.py STATE_DIR PORT POLICY`, the policy as JSON."""

import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

from conduit_tui.paths import StateDir
from conduit_tui.supervisor.gateways import DaemonOptions
from conduit_tui.supervisor.main import run_foreground
from conduit_tui.supervisor.policy import Policy


def main() -> int:
    root, port, policy = sys.argv[1:4]
    given: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in json.loads(policy).items()
    }
    return run_foreground(
        DaemonOptions(state_dir=StateDir(Path(root)), port=int(port), policy=dataclasses.replace(Policy(), **given))
    )


if __name__ == "__main__":
    sys.exit(main())
