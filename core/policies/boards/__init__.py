"""Cumulative tables that answer any pair of thresholds at once."""
