"""Apply a policy to a table of scores, and compute its figures."""
