"""How good: gold against predictions, every number with an interval and a signature."""
