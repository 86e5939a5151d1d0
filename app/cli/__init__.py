"""The command line `aware`."""
