"""Exit policies: how thresholds are chosen and what they guarantee. Numpy only."""
