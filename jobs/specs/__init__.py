"""What the fields of a spec refer to, and whether it exists."""
