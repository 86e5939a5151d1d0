"""Policies as the pages show, compare and save them."""
