"""The science of AWARE-NET: data, detectors, calibration, cascade, evidence. Knows no database and no screen."""

__version__ = "0.1.0"
