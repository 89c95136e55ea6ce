"""What goes into files and comes out of them: export, import, backup, restore."""
