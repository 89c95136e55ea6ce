"""Comparing the ledger with an agent's own account of what it used."""
