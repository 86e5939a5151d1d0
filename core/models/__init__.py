"""Detectors: the contract, the tables of networks, weights, inference."""
