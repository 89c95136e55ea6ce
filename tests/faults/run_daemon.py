"""A daemon with a scaled policy: `run_daemon.py STATE_DIR PORT POLICY [GATEWAY ...]`.

The policy is JSON of what differs; the words of GATEWAY run in place of the real one.
"""

import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

from conduit_tui.paths import StateDir
from conduit_tui.supervisor.gateways import GATEWAY_COMMAND, DaemonOptions
from conduit_tui.supervisor.main import run_foreground
from conduit_tui.supervisor.policy import Policy


def main() -> int:
    root, port, policy, *gateway = sys.argv[1:]
    given: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in json.loads(policy).items()
    }
    return run_foreground(
        DaemonOptions(
            state_dir=StateDir(Path(root)),
            port=int(port),
            policy=dataclasses.replace(Policy(), **given),
            gateway_command=gateway or GATEWAY_COMMAND,
        )
    )


if __name__ == "__main__":
    sys.exit(main())
