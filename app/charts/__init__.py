"""Draw the Altair charts that more than one page shows. Each has axis titles with units, and tooltips."""
