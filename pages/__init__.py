"""Layout of the pages, one file each."""
