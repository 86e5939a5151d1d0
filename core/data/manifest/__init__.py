"""The manifest of a data set: its rows, checks, splits, groups, exclusions, protocols, card."""
