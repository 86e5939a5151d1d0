"""A policy applied to a table of scores, and the figures that follow."""
