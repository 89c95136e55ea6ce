"""The money ledger: windows, estimates, holds and their settlement."""
