"""The cascade as it runs: the reference for every rule of it."""
