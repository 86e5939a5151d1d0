"""The card of an analysis and what is asked of it."""
