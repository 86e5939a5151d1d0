"""Face detectors, aligned crops, tracks through a clip, cuts between shots."""
