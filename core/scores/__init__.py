"""Tables of scores: of a run of this workbench, or imported from another detector."""
