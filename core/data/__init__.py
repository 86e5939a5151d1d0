"""Data sets: manifests, preparation, faces, loading, sources, drawn portraits."""
