"""The cascade as it runs: the reference for its rules."""
