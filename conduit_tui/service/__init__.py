"""The daemon as a service of the user's session: a systemd user unit, a launchd agent."""
