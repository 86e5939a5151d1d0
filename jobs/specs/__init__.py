"""What the fields of a job refer to, and whether it is there."""
