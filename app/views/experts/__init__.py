"""Parts of the Experts page."""
