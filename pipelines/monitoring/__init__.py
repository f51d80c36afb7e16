"""Monitoring: what became of what was said live, and how far the market has moved since."""
