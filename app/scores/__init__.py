"""Where scores come from, and how a page looks at them."""
