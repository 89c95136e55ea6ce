"""Export, import, backup, restore."""
