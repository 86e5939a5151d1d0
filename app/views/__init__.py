"""The parts of one page each, in a folder of its name."""
