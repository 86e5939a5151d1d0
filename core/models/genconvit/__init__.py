"""GenConViT, written from its published facts: an autoencoder beside a convolutional and attentional classifier."""

from core.models.genconvit import entries as _entries  # noqa: F401  registers the detectors
