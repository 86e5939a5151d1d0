"""Where data come from: one file a layout, found by name in `data_sources`."""

from core.data.sources.base import AUTO, DataSource, Listing, SourceItem, data_sources

__all__ = ["AUTO", "DataSource", "Listing", "SourceItem", "data_sources"]
