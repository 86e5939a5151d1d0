"""Training: recipes, objectives, one loop."""
