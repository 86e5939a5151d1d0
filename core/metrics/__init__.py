"""Figures of merit and their intervals. Numpy only."""
