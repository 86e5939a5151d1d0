"""Building blocks of every page: theme, tables, charts, page state."""
