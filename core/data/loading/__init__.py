"""From a manifest to batches: decoding, augmentation, self-blended faces."""
