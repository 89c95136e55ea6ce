"""The daemon: owns the listening socket and keeps one gateway process alive."""
