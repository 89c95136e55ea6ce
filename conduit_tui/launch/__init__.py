"""`conduit-tui run`: starts an agent through the gateway and watches it."""
