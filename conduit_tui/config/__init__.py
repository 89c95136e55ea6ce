"""What belongs to the box: `config.toml`."""
