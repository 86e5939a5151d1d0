"""Forms made from specs, and the files that they accept."""
