"""The search for the cheapest thresholds that keep their guarantees."""
