"""The gateway process, as the daemon starts it: `python -m conduit_tui.gateway`."""

from conduit_tui.gateway.main import main

main()
