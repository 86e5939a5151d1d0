"""A bundle: open and check it, load it, write it, and its model card."""
