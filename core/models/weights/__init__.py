"""Weights: loading, importing files from outside, published figures."""
