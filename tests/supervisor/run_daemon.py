"""A daemon over the stub gateway: `run_daemon.py STATE_DIR PORT POLICY`, the policy as JSON of what differs."""

import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

from conduit_tui.paths import StateDir
from conduit_tui.supervisor.gateways import DaemonOptions
from conduit_tui.supervisor.main import run_foreground
from conduit_tui.supervisor.policy import Policy

STUB = Path(__file__).with_name("stub_gateway.py")


def main() -> int:
    root, port, policy = sys.argv[1:4]
    given: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in json.loads(policy).items()
    }
    return run_foreground(
        DaemonOptions(
            state_dir=StateDir(Path(root)),
            port=int(port),
            gateway_command=(sys.executable, str(STUB)),
            policy=dataclasses.replace(Policy(), **given),
        )
    )


if __name__ == "__main__":
    sys.exit(main())
