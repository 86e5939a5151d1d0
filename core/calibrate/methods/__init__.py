"""The calibrators, one file each."""
