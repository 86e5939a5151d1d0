"""Decode files from outside in confined processes."""
