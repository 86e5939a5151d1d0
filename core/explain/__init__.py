"""Heat maps, their checks, reconstructions, spectra, captions."""
