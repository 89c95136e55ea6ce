"""The words of the project as frozen models; no I/O."""
