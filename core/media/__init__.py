"""Decoding of files from outside, in confined processes."""
