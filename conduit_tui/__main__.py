"""`python -m conduit_tui` is the `conduit-tui` command."""

from conduit_tui.cli.main import main

main()
