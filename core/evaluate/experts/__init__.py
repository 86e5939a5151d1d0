"""The comparison of experts: each alone, and what it adds to the others."""
