"""What each expert is worth alone and what it adds to the others."""
