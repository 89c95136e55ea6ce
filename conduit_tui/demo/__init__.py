"""The simulated provider and its traffic, for a product tour without a key or a network."""
