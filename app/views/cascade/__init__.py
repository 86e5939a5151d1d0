"""Parts of the Cascade page."""
