"""From a source of media to a data set: find, decode, crop, measure, write."""
