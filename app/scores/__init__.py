"""Find saved scores, and prepare them for a page."""
