"""One file in, one analysis out: faces, cascade, checks, verdict, evidence."""
