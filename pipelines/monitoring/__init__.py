"""Monitoring: the outcomes of live predictions, and how far the market moved since training."""
